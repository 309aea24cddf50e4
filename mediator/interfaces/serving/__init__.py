"""The server: one gate, one office, pages and API behind it. Needs the extra ``server``.

For pages: ``book_of(request)`` is the visitor's casebook, ``read_upload(request)`` their files, ``evidence_response``
and ``file_response`` what they download, ``sign_in`` and ``sign_out`` their login; ``request.state`` holds ``person``
(None: nobody is signed in), ``csrf`` (what a form must carry as ``csrf_token``) and ``request_id``.
"""

from mediator.interfaces.media import MEDIA_TYPES
from mediator.interfaces.serving.accounts import SCOPES, Accounts
from mediator.interfaces.serving.app import Pages, create_app
from mediator.interfaces.serving.books import book_of, person_of
from mediator.interfaces.serving.downloads import attachment, evidence_response, file_response
from mediator.interfaces.serving.gate import CONTENT_SECURITY_POLICY, Gate
from mediator.interfaces.serving.intake import take_in
from mediator.interfaces.serving.people import Person, SignIn, sign_in, sign_out
from mediator.interfaces.serving.settings import ServerSettings
from mediator.interfaces.serving.uploads import Upload, UploadedFile, read_upload, upload_limit

__all__ = [
    "CONTENT_SECURITY_POLICY",
    "MEDIA_TYPES",
    "SCOPES",
    "Accounts",
    "Gate",
    "Pages",
    "Person",
    "ServerSettings",
    "SignIn",
    "Upload",
    "UploadedFile",
    "attachment",
    "book_of",
    "create_app",
    "evidence_response",
    "file_response",
    "person_of",
    "read_upload",
    "sign_in",
    "sign_out",
    "take_in",
    "upload_limit",
]
