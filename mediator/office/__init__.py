"""One installation and the people who use it: each has a casebook, and nobody reaches another's.

Everything here is synchronous and may be called from any thread. The web pages, the REST API and the MCP server are
faces of this; whose a case or a piece of evidence is, is decided here and nowhere else.
"""

from mediator.office.case import Case, RenderedFile
from mediator.office.casebook import CaseBook
from mediator.office.engines import EngineInfo, EngineSpec
from mediator.office.office import Office
from mediator.office.records import CaseInfo

__all__ = ["Case", "CaseBook", "CaseInfo", "EngineInfo", "EngineSpec", "Office", "RenderedFile"]
