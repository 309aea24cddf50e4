"""Backends: one prompt in, one completion out, whoever answers. Importing this loads no engine."""
