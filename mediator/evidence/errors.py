"""Everything that can go wrong with evidence, as one family.

    EvidenceError
    ├── InvalidCidError                the text names no content
    │   └── UnsupportedCidError        a CID, but with a hash or codec that is not built in
    ├── InvalidInputError              an argument that cannot be recorded (text with NUL, metadata that is no JSON)
    ├── SourceError                    what was submitted cannot be taken in
    │   ├── SourceNotFoundError
    │   ├── SourceIsDirectoryError
    │   ├── SpecialFileError           a device, a pipe, a socket, a link
    │   ├── EmptySourceError           0 bytes, and nobody said that this is meant
    │   └── SourceChangedError         the file changed while it was read
    ├── NotFoundError
    │   ├── BlockNotFoundError
    │   ├── ContentNotFoundError       no record names this CID
    │   ├── SubmissionNotFoundError
    │   └── HoldNotFoundError
    ├── IntegrityError                 what is stored is not what was stored
    │   ├── BlockCorruptError
    │   ├── InvalidDagError            blocks that do not form a UnixFS file or directory
    │   ├── InvalidCarError
    │   └── CatalogCorruptError        the catalog or the custody log
    ├── StorageError                   the disk or the database refused
    │   ├── StorageFullError
    │   ├── StorageReadOnlyError
    │   └── StoreBusyError             another process holds the store
    ├── StoreFormatError               not an evidence store, or one of another version
    ├── StoreClosedError
    ├── EncryptionError
    │   ├── KeyRequiredError           the store is encrypted and no key source is configured
    │   ├── WrongKeyError              the key is not the one this was encrypted with
    │   ├── KeyFileDamagedError        the file of wrapped keys is damaged; the key may be right
    │   └── DecryptionError            the key is right, the stored bytes are damaged
    ├── LegalHoldError                 refused: a legal hold covers it
    ├── PublishRefusedError            refused: the privacy setting, or nobody agreed
    ├── ReplicaError                   the IPFS node
    │   ├── ReplicaUnavailableError
    │   ├── ReplicaTimeoutError
    │   └── ReplicaRejectedError       it answered, and the answer is no or cannot be right
    └── TimestampError                 a time-stamping service

Messages are one line: what happened, to what, what to do. The cause is chained.
"""

from __future__ import annotations

import errno
import os

__all__ = [
    "BlockCorruptError",
    "BlockNotFoundError",
    "CatalogCorruptError",
    "ContentNotFoundError",
    "DecryptionError",
    "EmptySourceError",
    "EncryptionError",
    "EvidenceError",
    "HoldNotFoundError",
    "IntegrityError",
    "InvalidCarError",
    "InvalidCidError",
    "InvalidDagError",
    "InvalidInputError",
    "KeyFileDamagedError",
    "KeyRequiredError",
    "LegalHoldError",
    "NotFoundError",
    "PublishRefusedError",
    "ReplicaError",
    "ReplicaRejectedError",
    "ReplicaTimeoutError",
    "ReplicaUnavailableError",
    "SourceChangedError",
    "SourceError",
    "SourceIsDirectoryError",
    "SourceNotFoundError",
    "SpecialFileError",
    "StorageError",
    "StorageFullError",
    "StorageReadOnlyError",
    "StoreBusyError",
    "StoreClosedError",
    "StoreFormatError",
    "SubmissionNotFoundError",
    "TimestampError",
    "UnsupportedCidError",
    "WrongKeyError",
    "storage_error",
]


class EvidenceError(Exception):
    """Something went wrong with evidence."""


class InvalidCidError(EvidenceError):
    """The text or bytes are no CID."""


class UnsupportedCidError(InvalidCidError):
    """A well-formed CID whose hash function or codec this store does not have."""


class InvalidInputError(EvidenceError):
    """An argument that cannot be recorded."""


class SourceError(EvidenceError):
    """What was submitted cannot be taken in; nothing was recorded."""


class SourceNotFoundError(SourceError):
    """There is no such file."""


class SourceIsDirectoryError(SourceError):
    """A directory where a file is expected."""


class SpecialFileError(SourceError):
    """Not a regular file: a device, a pipe, a socket or a symbolic link."""


class EmptySourceError(SourceError):
    """The source has no bytes."""


class SourceChangedError(SourceError):
    """The file changed while it was read; nothing was recorded."""


class NotFoundError(EvidenceError):
    """There is no such thing in this store."""


class BlockNotFoundError(NotFoundError):
    """The blockstore does not have this block."""


class ContentNotFoundError(NotFoundError):
    """No content with this CID was submitted here."""


class SubmissionNotFoundError(NotFoundError):
    """There is no submission with this id."""


class HoldNotFoundError(NotFoundError):
    """There is no hold with this id in force."""


class IntegrityError(EvidenceError):
    """What is stored is not what was stored."""


class BlockCorruptError(IntegrityError):
    """A block's bytes do not have the hash that its CID names."""


class InvalidDagError(IntegrityError):
    """Blocks that do not form a UnixFS file or directory."""


class InvalidCarError(IntegrityError):
    """A CAR file that cannot be read."""


class CatalogCorruptError(IntegrityError):
    """The catalog or the custody log is damaged."""


class StorageError(EvidenceError):
    """The disk or the database refused; what was acknowledged before is safe."""


class StorageFullError(StorageError):
    """No space is left."""


class StorageReadOnlyError(StorageError):
    """The store cannot be written: read-only, or no permission."""


class StoreBusyError(StorageError):
    """Another process holds the store longer than we may wait."""


class StoreFormatError(EvidenceError):
    """The directory is no evidence store, or one of another version."""


class StoreClosedError(EvidenceError):
    """The store was closed."""


class EncryptionError(EvidenceError):
    """Encryption or its keys."""


class KeyRequiredError(EncryptionError):
    """The store is encrypted, and no key was given."""


class WrongKeyError(EncryptionError):
    """The key given is not the one that this was encrypted with."""


class KeyFileDamagedError(EncryptionError):
    """The file of wrapped keys is damaged; the key given may well be right."""


class DecryptionError(EncryptionError, IntegrityError):
    """The key is right and the stored bytes are damaged."""


class LegalHoldError(EvidenceError):
    """Refused because a legal hold is in force."""


class PublishRefusedError(EvidenceError):
    """Refused because of the privacy setting, or because nobody agreed."""


class ReplicaError(EvidenceError):
    """An IPFS node that should hold a copy."""


class ReplicaUnavailableError(ReplicaError):
    """The node cannot be reached."""


class ReplicaTimeoutError(ReplicaError):
    """The node did not answer in time."""


class ReplicaRejectedError(ReplicaError):
    """The node answered, and the answer is an error or cannot be right."""


class TimestampError(EvidenceError):
    """A time-stamping service failed or its answer does not hold."""


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


def storage_error(cause: OSError, doing: str, path: str | os.PathLike[str]) -> StorageError:
    """Return the member of the family that names what the operating system said."""
    reason = os.strerror(cause.errno) if cause.errno else str(cause)
    message = f"cannot {doing} {os.fspath(path)!r}: {reason}"
    if cause.errno in _FULL:
        return StorageFullError(f"{message}; free some space and submit again")
    if cause.errno in _READ_ONLY:
        return StorageReadOnlyError(f"{message}; check the permissions of the store")
    return StorageError(f"{message}; check the disk")
