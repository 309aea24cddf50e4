"""Blocks as files, in the directory layout of Kubo's flatfs, so that a Kubo repository can serve them.

A block is written to a temporary file, synced, renamed, and its directory is synced before anyone is
told that it is there. A process killed at any point leaves at most a file in ``.temp``.

The one exception is ``drafting``: the few blocks of a small submission get their files without waiting, and the
caller keeps them on disk elsewhere until a ``batch`` of the same blocks has settled them.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mediator.evidence.blockstores.base import Batch, Blockstore
from mediator.evidence.blockstores.batches import BatchWriter, Draft
from mediator.evidence.blockstores.temporary import TemporaryFile
from mediator.evidence.cid import Cid
from mediator.evidence.dagpb import MAX_BLOCK
from mediator.evidence.errors import BlockCorruptError, BlockNotFoundError, StoreFormatError, storage_error
from mediator.evidence.filesystem import FileSystem

__all__ = ["LocalBlockstore"]

_SHARDING: Final = "/repo/flatfs/shard/v1/next-to-last/2\n"
_SUFFIX: Final = ".data"
_WRITERS: Final = 12


class LocalBlockstore(Blockstore):
    """A flatfs directory."""

    def __init__(self, path: str | os.PathLike[str], *, fs: FileSystem | None = None) -> None:
        self._root = os.fspath(path)
        self._temp = os.path.join(self._root, ".temp")
        self._fs = fs if fs is not None else FileSystem()
        self._synced_shards: set[str] = set()
        #: Where a block is looked for whose file is missing or damaged: a power cut may take what was drafted.
        self.spare: Callable[[bytes], bytes | None] = lambda multihash: None
        # Names of temporary files: nobody else has this token, and a fork has another process number.
        self._token = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, fs: FileSystem | None = None) -> LocalBlockstore:
        """Make the directory if it is not there, and open it."""
        store = cls(path, fs=fs)
        try:
            store._prepare()
        except OSError as error:
            raise storage_error(error, "create the blockstore", path) from error
        return store

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, fs: FileSystem | None = None) -> LocalBlockstore:
        """Open a directory that is a blockstore already."""
        store = cls(path, fs=fs)
        try:
            sharding = (Path(path) / "SHARDING").read_text("ascii", "replace")
        except FileNotFoundError as error:
            raise StoreFormatError(f"{os.fspath(path)!r} is no blockstore: it has no SHARDING file") from error
        except OSError as error:
            raise storage_error(error, "open the blockstore", path) from error
        if sharding.strip() != _SHARDING.strip():
            raise StoreFormatError(
                f"{os.fspath(path)!r} is laid out as {sharding.strip()!r}, not {_SHARDING.strip()!r}"
            )
        return store

    def _prepare(self) -> None:
        os.makedirs(self._root, mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            self._fs.make_dir(self._temp)
        marker = os.path.join(self._root, "SHARDING")
        if not os.path.exists(marker):
            self._write_file(_SHARDING.encode("ascii"), marker, sync=True)
        self._fs.fsync_dir(self._root)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        writer = BatchWriter(self._write, self._sync_names, self._executor, self._root)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise

    @contextmanager
    def drafting(self, most: int) -> Iterator[Draft]:
        """Like ``batch``, but up to ``most`` bytes of blocks get files that nothing was waited for.

        They are the draft's ``fresh`` blocks, and the caller's to keep; with more bytes than that there are none.
        """
        draft = Draft(self._write_soon, most, self._write, self._sync_names, self._executor, self._root)
        try:
            yield draft
            draft.finish()
        except BaseException:
            draft.abandon()
            raise

    def get(self, cid: Cid) -> bytes:
        try:
            return super().get(cid)
        except (BlockNotFoundError, BlockCorruptError):
            spare = self.spare(cid.multihash)
            if spare is None or not cid.matches(spare):
                raise
            return spare

    def delete(self, cid: Cid) -> bool:
        path = self._path(cid.multihash)
        try:
            self._fs.unlink(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise storage_error(error, "delete block", path) from error
        return True

    def multihashes(self) -> Iterator[bytes]:
        for path in self._files():
            with contextlib.suppress(ValueError):
                yield _multihash(path.name)

    def foreign_files(self) -> Iterator[Path]:
        """Yield what lies in the shards and is no block: the name does not decode or the place is wrong."""
        for path in self._files():
            try:
                belongs = self._path(_multihash(path.name)) == str(path)
            except ValueError:
                belongs = False
            if not belongs:
                yield path

    def leftovers(self) -> list[Path]:
        """Return temporary files; only the holder of the exclusive store lock knows that nobody writes them."""
        try:
            return sorted(Path(self._temp).iterdir())
        except FileNotFoundError:
            return []

    def size(self, multihash: bytes) -> int:
        """Return the stored size of a block; 0 when it is not there."""
        try:
            return os.stat(self._path(multihash)).st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    def _files(self) -> Iterator[Path]:
        try:
            shards = sorted(os.scandir(self._root), key=lambda entry: entry.name)
            for shard in shards:
                if shard.name.startswith(".") or not shard.is_dir(follow_symlinks=False):
                    continue
                with os.scandir(shard.path) as entries:
                    yield from (Path(entry.path) for entry in entries)
        except OSError as error:
            raise storage_error(error, "list the blocks in", self._root) from error

    def _load(self, cid: Cid) -> bytes:
        path = self._path(cid.multihash)
        try:
            return self._fs.read(path, MAX_BLOCK)
        except FileNotFoundError as error:
            raise BlockNotFoundError(f"block {cid} is not in the local store; run repair") from error
        except OSError as error:
            raise storage_error(error, "read block", path) from error

    def _exists(self, cid: Cid) -> bool:
        return os.path.exists(self._path(cid.multihash))

    def _path(self, multihash: bytes) -> str:
        name = base64.b32encode(multihash).decode("ascii").rstrip("=")
        return os.path.join(self._root, name[-3:-1], name + _SUFFIX)

    def _new_temporary(self) -> str:
        return os.path.join(self._temp, f"{self._token}-{os.getpid()}-{next(self._numbers)}")

    def _write_file(self, data: bytes, path: str, *, sync: bool) -> None:
        """Write one file under a temporary name, and give it its own."""
        with TemporaryFile(self._fs, self._new_temporary()) as temporary:
            temporary.write(data)
            if sync:
                temporary.sync()
            temporary.rename(path)

    def _write(self, blocks: Mapping[bytes, bytes]) -> set[str]:
        """Write blocks, except undamaged copies that are there; return the directories whose names must be synced.

        All are written before the first is waited for: what that wait brings to the disk, the others find done.
        """
        shards = set()
        with contextlib.ExitStack() as opened:
            written = []
            for multihash, data in blocks.items():
                path, there = self._place(multihash, data)
                shards.add(os.path.dirname(path))
                if there:
                    # It may be a draft that nobody waited for, so it is synced like a new one.
                    self._fs.fsync_file(path)
                    continue
                temporary = opened.enter_context(TemporaryFile(self._fs, self._new_temporary()))
                temporary.write(data)
                temporary.begin()
                written.append((temporary, path))
            for temporary, _ in written:
                temporary.sync()
            for temporary, path in written:
                temporary.rename(path)
        return shards

    def _write_soon(self, multihash: bytes, data: bytes) -> None:
        path, there = self._place(multihash, data)
        if not there:
            self._write_file(data, path, sync=False)

    def _place(self, multihash: bytes, data: bytes) -> tuple[str, bool]:
        """Return where a block goes, and whether an undamaged copy of it is there."""
        path = self._path(multihash)
        shard = os.path.dirname(path)
        if shard not in self._synced_shards:
            with contextlib.suppress(FileExistsError):
                self._fs.make_dir(shard)
        try:
            return path, self._fs.read(path, len(data)) == data
        except FileNotFoundError:
            return path, False

    def _sync_names(self, shards: set[str]) -> None:
        """Make the names of blocks durable, and those of shards that this process has not seen before.

        Also when a shard was there: another process may have made it and not yet synced its name.
        """
        if len(shards) < _WRITERS:
            self._sync_each(shards)
        else:
            names = sorted(shards)
            share = -(-len(names) // _WRITERS)
            parts = [names[first : first + share] for first in range(0, len(names), share)]
            for future in [self._executor().submit(self._sync_each, part) for part in parts]:
                future.result()
        if not shards <= self._synced_shards:
            self._fs.fsync_dir(self._root)
            self._synced_shards |= shards

    def _sync_each(self, shards: Iterable[str]) -> None:
        for shard in shards:
            self._fs.fsync_dir(shard)

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="evidence-blocks")
            return self._pool


def _multihash(name: str) -> bytes:
    stem, dot, suffix = name.partition(".")
    if dot + suffix != _SUFFIX:
        raise ValueError(name)
    return base64.b32decode(stem + "=" * (-len(stem) % 8))
