"""``ipfs_datasets_py``: the router of that package. Its release 0.0.10 has none; its repository version does."""

from __future__ import annotations

from backends.llm_router.foreign_router import foreign_spec

__all__ = ["SPEC"]

SPEC = foreign_spec("ipfs_datasets_py", "ipfs_datasets_py", ("ipfs_datasets",))
