"""Alembic migrations of the catalog; run by the store itself when it opens a catalog that needs them."""
