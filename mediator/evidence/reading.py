"""The store's reading half: contents by CID, and records by anything that was said about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

from mediator.evidence import pages, queries
from mediator.evidence.cid import Cid
from mediator.evidence.parts import Parts
from mediator.evidence.pinning import fetch_pinned
from mediator.evidence.reader import open_dag
from mediator.evidence.records import ANY, Any_, EvidenceRecord, Page

__all__ = ["Reading"]


class Reading(ABC):
    """What is asked of an EvidenceStore."""

    _parts: Parts

    def open(self, cid: Cid | str | bytes, *, owner: str | Any_ | None = ANY) -> BinaryIO:
        """Return a seekable stream over a content; every block is verified as it is read.

        With ``owner`` only what that person submitted is found: for everybody else it is not there.
        The read is a custody event, on disk before the first byte is handed out.
        """
        self._check_open()
        wanted = Cid.parse(cid)
        if not isinstance(owner, Any_) and not len(self.records(cid=wanted, owner=owner, limit=1)):
            raise queries.unknown_content(wanted)
        row = self._parts.catalog.first(queries.CONTENT_BY_CID, queries.spelled(wanted))
        if row is not None:
            content = queries.Content(*row)
            stream = self._parts.open_content(content)
        else:
            content = self._pinned(wanted)
            stream = open_dag(fetch_pinned(self._parts), wanted)
        self._note("read", cid=content.cid)
        return stream

    def read(self, cid: Cid | str | bytes, *, owner: str | Any_ | None = ANY) -> bytes:
        """Return a whole content."""
        with self.open(cid, owner=owner) as stream:
            return stream.read()

    def record(self, submission_id: str) -> EvidenceRecord:
        """Return one submission; SubmissionNotFoundError."""
        self._check_open()
        return pages.find_record(self._parts.catalog, submission_id)

    def records(
        self,
        *,
        cid: Cid | str | bytes | None = None,
        owner: str | Any_ | None = ANY,
        complaint: str | Any_ | None = ANY,
        claim_type: str | Any_ | None = ANY,
        element: str | Any_ | None = ANY,
        type: str | Any_ = ANY,
        media_type: str | Any_ = ANY,
        file_name: str | Any_ | None = ANY,
        sha256: str | Any_ = ANY,
        stored_cid: str | Any_ = ANY,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Page:
        """Return submissions that match everything given, oldest first.

        ``owner=None`` asks for what belongs to nobody in particular; leaving it out asks for all.
        ``text`` is searched for in descriptions; ``metadata`` must be contained in what was recorded.
        """
        self._check_open()
        equal = {
            "owner": owner,
            "complaint": complaint,
            "claim_type": claim_type,
            "element": element,
            "type": type,
            "media_type": media_type,
            "file_name": file_name,
            "sha256": sha256,
            "stored_cid": stored_cid,
        }
        return pages.find_page(
            self._parts.catalog,
            cid=None if cid is None else Cid.parse(cid),
            equal=equal,
            text=text,
            metadata=metadata,
            since=since,
            until=until,
            limit=limit,
            after=after,
        )

    def all_records(self, **filters: Any) -> Iterator[EvidenceRecord]:
        """Yield every record that ``records`` finds with the same filters, page after page."""
        after = None
        while True:
            page = self.records(**filters, limit=1000, after=after)
            yield from page
            after = page.next
            if after is None:
                return

    def _pinned(self, cid: Cid) -> queries.Content:
        with self._parts.catalog.reading() as connection:
            return queries.get_pin(connection, cid)

    @abstractmethod
    def _note(self, kind: str, **what: Any) -> None:
        """Append a custody event, if the store can be written."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raise StoreClosedError after ``close``."""
