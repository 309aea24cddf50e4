"""The draft complaint: built from a session, checked section by section, written as JSON, HTML, DOCX or PDF."""

from mediator.draft.build import build_draft
from mediator.draft.details import Details, PartyDetails, details_from
from mediator.draft.diff import DraftDiff, diff_drafts, diff_html, diff_text
from mediator.draft.model import Draft
from mediator.draft.smooth import Proposal, accept, proposals
from mediator.draft.smoothing import added_facts
from mediator.draft.style import PROFILES, Style, style_from
from mediator.draft.write import FORMATS, write_draft

__all__ = [
    "FORMATS",
    "PROFILES",
    "Details",
    "Draft",
    "DraftDiff",
    "PartyDetails",
    "Proposal",
    "Style",
    "accept",
    "added_facts",
    "build_draft",
    "details_from",
    "diff_drafts",
    "diff_html",
    "diff_text",
    "proposals",
    "style_from",
    "write_draft",
]
