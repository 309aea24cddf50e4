"""The draft complaint: built from a session, checked section by section, written as JSON, HTML or DOCX."""

from mediator.draft.build import Details, build_draft
from mediator.draft.model import Draft

__all__ = ["Details", "Draft", "build_draft"]
