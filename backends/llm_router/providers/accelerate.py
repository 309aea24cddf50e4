"""``accelerate``: the router of ``ipfs_accelerate_py``, when that package is installed and has one."""

from __future__ import annotations

from backends.llm_router.foreign_router import foreign_spec

__all__ = ["SPEC"]

SPEC = foreign_spec("accelerate", "ipfs_accelerate_py", ("ipfs_accelerate_py",), enabled_by="ENABLE_IPFS_ACCELERATE")
