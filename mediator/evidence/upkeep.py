"""The store's second half: proving, holding, removing, repairing, replicating and handing out what is kept."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from mediator.evidence import folders, holds, locks, mending, opening, pinning, replication, transfer
from mediator.evidence.audit import VerifyReport, verify
from mediator.evidence.bag import BagReport, export_bag
from mediator.evidence.cid import Cid
from mediator.evidence.custody import read_events
from mediator.evidence.errors import InvalidInputError, KeyRequiredError, PublishRefusedError
from mediator.evidence.folders import RestoreReport
from mediator.evidence.intake import Progress
from mediator.evidence.keys import KeySource
from mediator.evidence.mending import RepairReport
from mediator.evidence.parts import Parts
from mediator.evidence.pinning import PinnedRoot
from mediator.evidence.records import CustodyEvent, EvidenceRecord, Hold
from mediator.evidence.replication import Replica, ReplicationReport
from mediator.evidence.sources import Source
from mediator.evidence.statistics import StoreStat, measure
from mediator.evidence.sweep import GcReport, collect
from mediator.evidence.transfer import CarReport

if TYPE_CHECKING:
    from mediator.evidence.timestamps import Stamp, Timestamper

__all__ = ["Upkeep"]


class Upkeep(ABC):
    """What an EvidenceStore can do besides taking in and giving back."""

    privacy: str | None
    _parts: Parts
    _replicas: tuple[Replica, ...]
    _kubo_address: str | None
    _env: Mapping[str, str]

    # -- proving

    def events(
        self, *, cid: Cid | str | bytes | None = None, submission_id: str | None = None
    ) -> Iterator[CustodyEvent]:
        """Yield the custody log in order: all of it, or what tells of one content or submission."""
        self._check_open()
        with self._parts.catalog.reading() as connection:
            yield from read_events(connection, None if cid is None else Cid.parse(cid), submission_id)

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Recompute every block, record and event; faults are in the report, and the check is an event."""
        self._check_open()
        report = verify(self._parts, progress)
        if not any(fault.kind in ("catalog", "custody") for fault in report.faults):
            self._note("verified", details={"faults": len(report.faults), "head": report.head})
        return report

    def timestamp(self, service: Timestamper) -> None:
        """Have someone else prove when the custody log stood as it does; only the log's last hash is sent."""
        from mediator.evidence.timestamps import stamp_log  # its libraries are an extra

        self._check_writable()
        if self.privacy == "local_only":
            raise PublishRefusedError("privacy is local_only: nothing is sent to a time-stamping service")
        stamp_log(self._parts, service)

    def timestamps(self, service: Timestamper) -> tuple[Stamp, ...]:
        """Check the stamps of a service against the log as it is, and return what they prove."""
        from mediator.evidence.timestamps import check_stamps  # its libraries are an extra

        self._check_open()
        return check_stamps(self._parts, service)

    def upgrade_timestamps(self, service: Timestamper) -> tuple[Stamp, ...]:
        """Complete the stamps that wait for something outside, where that came about; return those."""
        from mediator.evidence.timestamps import upgrade_stamps  # its libraries are an extra

        self._check_writable()
        if self.privacy == "local_only":
            raise PublishRefusedError("privacy is local_only: no time-stamping service is asked")
        return upgrade_stamps(self._parts, service)

    def stat(self) -> StoreStat:
        """Return how much is kept."""
        self._check_open()
        return measure(self._parts)

    # -- holding and removing

    def hold(
        self,
        reason: str,
        *,
        cid: Cid | str | bytes | None = None,
        submission_id: str | None = None,
        complaint: str | None = None,
    ) -> Hold:
        """Put a legal hold on a content, a submission or a complaint."""
        self._check_writable()
        wanted = None if cid is None else Cid.parse(cid)
        return holds.place(self._parts, reason, cid=wanted, submission_id=submission_id, complaint=complaint)

    def release(self, hold_id: str, reason: str) -> None:
        """End a legal hold."""
        self._check_writable()
        holds.release(self._parts, hold_id, reason)

    def holds(self) -> tuple[Hold, ...]:
        """Return the legal holds in force."""
        self._check_open()
        return holds.list_holds(self._parts)

    def remove(self, submission_id: str, reason: str) -> None:
        """Take a submission out of the catalog; LegalHoldError while a hold covers it."""
        self._check_writable()
        holds.remove(self._parts, submission_id, reason)

    def pins(self) -> tuple[PinnedRoot, ...]:
        """Return the archives and directories that are kept as wholes."""
        self._check_open()
        return pinning.list_pins(self._parts)

    def pin_of(self, cid: Cid | str | bytes) -> PinnedRoot:
        """Return the archive or directory with this CID; ContentNotFoundError when it is not kept as a whole."""
        wanted = Cid.parse(cid)
        for pinned in self.pins():
            if Cid.parse(pinned.cid) == wanted:
                return pinned
        raise pinning.not_pinned(wanted)

    def unpin(self, cid: Cid | str | bytes, reason: str) -> None:
        """Let an imported archive or a directory go; LegalHoldError while a hold names it."""
        self._check_writable()
        pinning.unpin(self._parts, Cid.parse(cid), reason)

    def gc(self, dry_run: bool = True) -> GcReport:
        """Remove what no record, pin or hold needs; without ``dry_run=False`` only say what that would be."""
        self._check_writable()
        return collect(self._parts, dry_run=dry_run)

    def settle(self) -> int:
        """Wait until every block lies in its file, durable there too; return how many were still to be.

        Nobody needs to call this for safety. A backup of the blocks alone, without the catalog, does.
        """
        self._check_writable()
        with locks.shared(self._parts.lock_path):
            return self._parts.drafts.settle()

    # -- replicas

    def repair(self) -> RepairReport:
        """Restore missing and damaged blocks from the replicas."""
        self._check_writable()
        return mending.repair(self._parts, self._replicas)

    def replicate(self) -> tuple[ReplicationReport, ...]:
        """Give every replica now what waits for it."""
        self._check_writable()
        return tuple(replication.drain(self._parts, replica) for replica in self._replicas)

    def queue_everything(self) -> None:
        """Queue all contents for the replicas: for a replica that joins a store that is in use."""
        self._check_writable()
        with self._parts.catalog.reading() as connection:
            stored = [*replication.all_stored(connection)]
            for _, roots in pinning.stored_roots(connection):
                stored += roots
        self._parts.catalog.commit(lambda tx: replication.enqueue(tx, self._parts.replicas, stored))

    def check_publishable(self, cid: Cid | str | bytes) -> None:
        """Raise PublishRefusedError or ContentNotFoundError where no yes would help."""
        self._check_open()
        if self.privacy == "local_only":
            raise PublishRefusedError("privacy is local_only: nothing is published from this store")
        transfer.known(self._parts, Cid.parse(cid))

    def publish(self, cid: Cid | str | bytes, *, agreed: bool = False, address: str | None = None) -> None:
        """Give an IPFS node a content in the clear, from where anyone who knows the CID can fetch it.

        ``agreed`` is the person's yes; nothing is sent without it, or when ``privacy`` is ``local_only``.
        """
        self._check_writable()
        self.check_publishable(cid)
        if not agreed:
            raise PublishRefusedError("publishing cannot be undone and needs a yes; pass agreed=True when there is one")
        node = opening.open_node(address if address is not None else self._kubo_address, self._env)
        try:
            transfer.publish(self._parts, node, Cid.parse(cid))
        finally:
            node.close()

    # -- archives

    def export_car(
        self,
        cids: Sequence[Cid | str | bytes],
        target: str | os.PathLike[str] | BinaryIO,
        *,
        sealed: bool = False,
    ) -> CarReport:
        """Write contents to a CAR archive: as submitted, or ``sealed``, as they are stored."""
        self._check_open()
        return transfer.export_car(self._parts, [Cid.parse(cid) for cid in cids], target, sealed)

    def import_car(self, source: Source) -> CarReport:
        """Take in a CAR archive; its roots are pinned and can be opened. In an encrypted store its blocks are too."""
        self._check_writable()
        return transfer.import_car(self._parts, source)

    def restore(self, cid: Cid | str | bytes, target: str | os.PathLike[str]) -> RestoreReport:
        """Write a directory, as it was submitted or imported, to a new one; links in it are left out and named."""
        self._check_open()
        return folders.restore(self._parts, Cid.parse(cid), target)

    def is_directory(self, cid: Cid | str | bytes) -> bool:
        """Whether a CID names a directory that is kept here."""
        self._check_open()
        return folders.is_directory(self._parts, Cid.parse(cid))

    def export_bag(
        self, target: str | os.PathLike[str], *, progress: Progress | None = None, **filters: Any
    ) -> BagReport:
        """Write what ``records`` finds with these filters to a BagIt bag, with exhibit index and custody log."""
        self._check_open()
        return export_bag(self._parts, list(self.all_records(**filters)), target, progress)

    # -- keys

    @property
    def encrypted(self) -> bool:
        """Whether what is submitted now is encrypted."""
        return self._parts.keys is not None

    def enable_encryption(self, source: str | KeySource) -> None:
        """Encrypt what is submitted from now on; ``encrypt_existing`` does the rest.

        A source given by name is remembered in the store, so that it opens without being told again.
        """
        self._check_writable()
        if self._parts.keys is not None:
            raise InvalidInputError("this store is encrypted already; rotate its key or change its secret instead")
        ring = opening.create_keys(self._parts.path, source, self._env)
        self._parts = replace(self._parts, keys=ring)
        self._note("encrypted", details={"key_id": ring.active_id})

    def rotate_key(self, *, reencrypt: bool = False, progress: Progress | None = None) -> str:
        """Make a new key for what is submitted from now on, and ``reencrypt`` the rest; return its id."""
        self._check_writable()
        if self._parts.keys is None:
            raise KeyRequiredError("this store is not encrypted; open it with a key source first")
        key_id = self._parts.keys.add_key()
        self._note("key rotated", details={"key_id": key_id})
        if reencrypt:
            mending.reencrypt(self._parts, progress)
        return key_id

    def encrypt_existing(self, progress: Progress | None = None) -> int:
        """Encrypt what was stored in the clear or under an older key; return how many contents that were."""
        self._check_writable()
        return mending.reencrypt(self._parts, progress)

    def change_secret(self, source: KeySource) -> None:
        """Let another secret open the store from now on."""
        self._check_writable()
        if self._parts.keys is None:
            raise KeyRequiredError("this store is not encrypted; open it with a key source first")
        self._parts.keys.change_secret(source)
        self._note("secret changed")

    @abstractmethod
    def all_records(self, **filters: Any) -> Iterator[EvidenceRecord]:
        """Yield the records that match."""

    @abstractmethod
    def _note(self, kind: str, **what: Any) -> None:
        """Append a custody event, if the store can be written."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raise StoreClosedError after ``close``."""

    @abstractmethod
    def _check_writable(self) -> None:
        """Raise StorageReadOnlyError, too."""
