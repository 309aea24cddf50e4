"""The tables of the catalog. Times are microseconds since 1970 UTC; JSON is canonical ASCII text.

A change here needs a migration in ``migrations/versions`` and a new ``REVISION``; a test compares both.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

__all__ = [
    "REVISION",
    "contents",
    "custody",
    "custody_head",
    "fresh_blocks",
    "holds",
    "metadata",
    "pin_blocks",
    "pin_contents",
    "pins",
    "queue",
    "submissions",
]

#: The migration that makes the tables below.
REVISION: Final = "0003"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Key = BigInteger().with_variant(Integer, "sqlite")

#: One row a content: how its bytes are stored.
contents = Table(
    "contents",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("cid", Text, nullable=False, unique=True),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("profile", Text, nullable=False),
    Column("stored_cid", Text, nullable=False),
    Column("key_id", Text),
    Index(None, "sha256"),
    Index(None, "stored_cid"),
)

#: One row a submission. ``file_name`` is bytes: file systems do not promise text.
submissions = Table(
    "submissions",
    metadata,
    Column("seq", _Key, primary_key=True, autoincrement=True),
    Column("submission_id", Text, nullable=False, unique=True),
    Column("content_id", _Key, ForeignKey("contents.id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("file_name", LargeBinary),
    Column("owner", Text),
    Column("complaint", Text),
    Column("claim_type", Text),
    Column("element", Text),
    Column("description", Text),
    Column("metadata", Text, nullable=False),
    Column("submitted_at", BigInteger, nullable=False),
    Index(None, "content_id"),
    Index(None, "owner"),
    Index(None, "complaint"),
    Index(None, "claim_type"),
    Index(None, "element"),
    Index(None, "type"),
    Index(None, "media_type"),
    Index(None, "file_name"),
    Index(None, "submitted_at"),
)

#: The custody log. Appended to, never changed.
custody = Table(
    "custody",
    metadata,
    Column("seq", _Key, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("submission_id", Text),
    Column("cid", Text),
    Column("actor", Text),
    Column("details", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index(None, "submission_id"),
    Index(None, "cid"),
)

#: The end of the log: one row. Whoever appends locks it first, so the chain has no forks.
custody_head = Table(
    "custody_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

#: Legal holds; a released one keeps its row.
holds = Table(
    "holds",
    metadata,
    Column("hold_id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed_by", Text),
    Column("placed_at", BigInteger, nullable=False),
    Column("released_at", BigInteger),
    CheckConstraint("scope in ('content', 'submission', 'complaint')", name="scope"),
    Index(None, "target"),
)

#: Stored CIDs that stay without a record: imported archives, directories.
pins = Table(
    "pins",
    metadata,
    Column("stored_cid", Text, primary_key=True),
    Column("name", Text),
    Column("pinned_at", BigInteger, nullable=False),
)

#: In an encrypted store, where each block of a pinned DAG is: sealed, as a content of its own.
pin_blocks = Table(
    "pin_blocks",
    metadata,
    Column("root", Text, ForeignKey("pins.stored_cid"), primary_key=True),
    Column("multihash", LargeBinary, primary_key=True),
    Column("stored_cid", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Index(None, "multihash"),
)

#: Contents that a pinned directory holds: they stay as long as it does, and lie where contents lie.
pin_contents = Table(
    "pin_contents",
    metadata,
    Column("root", Text, ForeignKey("pins.stored_cid"), primary_key=True),
    Column("content_id", _Key, ForeignKey("contents.id"), primary_key=True),
    Index(None, "content_id"),
)

#: What the replica still has to be given: one row a stored CID, gone when the replica confirmed it.
queue = Table(
    "queue",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("replica", Text, nullable=False),
    Column("stored_cid", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text),
    Index(None, "replica", "stored_cid", unique=True),
)

#: Blocks whose files nobody has waited for yet: until the disk has them, they are on disk here. Numbers are
#: never used twice (AUTOINCREMENT), so whoever removes what it saw settled removes nothing newer.
fresh_blocks = Table(
    "fresh_blocks",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("multihash", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
