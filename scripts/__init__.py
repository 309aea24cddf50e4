"""Short scripts, one habit each."""
