"""Evidence by content identifier: an embedded IPFS store with a catalog and a custody log.

    with EvidenceStore("statefiles/evidence") as store:
        record = store.submit("letter.pdf", type="document", owner="alice")
        data = store.read(record.cid)

This package depends on nothing else in the project.
"""

from mediator.evidence.cid import Cid
from mediator.evidence.errors import *  # noqa: F403 - the family is listed in its own __all__
from mediator.evidence.errors import __all__ as _errors
from mediator.evidence.intake import Submission
from mediator.evidence.records import ANY, CustodyEvent, EvidenceRecord, Hold, Page
from mediator.evidence.store import EvidenceStore

__all__ = ["ANY", "Cid", "CustodyEvent", "EvidenceRecord", "EvidenceStore", "Hold", "Page", "Submission", *_errors]
