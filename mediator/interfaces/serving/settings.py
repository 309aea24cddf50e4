"""Where the server listens and what it allows. ``checked`` refuses what would let strangers in or passwords out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from backends.exceptions import ConfigurationError
from backends.llm_router.rest.guard import is_loopback_host
from mediator.interfaces.media import MEDIA_TYPES

__all__ = ["ServerSettings", "checked"]


@dataclass(frozen=True)
class ServerSettings:
    """All of it has a safe default: this machine only, one person, no login."""

    host: str = "127.0.0.1"
    port: int = 8000
    #: What people type in their browser when it is not this machine's own address: ``https://cases.example.org``.
    origin: str | None = None
    always_login: bool = False
    certificate: Path | None = None
    certificate_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    llm_api: bool = True
    #: A token of the configuration: its bearer is the local person.
    token: str | None = field(default=None, repr=False)
    max_upload_bytes: int = 200 * 2**20
    max_person_bytes: int = 10 * 2**30
    media_types: tuple[str, ...] = MEDIA_TYPES
    session_hours: float = 12.0
    session_idle_minutes: float = 60.0
    requests_per_minute: int = 600

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the port."""
        return is_loopback_host(self.host)

    @property
    def public(self) -> bool:
        """Whether people come from other machines, directly or through a proxy."""
        named = None if self.origin is None else urlsplit(self.origin).hostname
        return not self.loopback or (named is not None and not is_loopback_host(named))

    @property
    def needs_login(self) -> bool:
        """Whether a person must say who they are."""
        return self.public or self.always_login

    @property
    def secure(self) -> bool:
        """Whether browsers reach the server over TLS, so that cookies may be bound to it."""
        return self.certificate is not None or (self.origin or "").startswith("https://")


def checked(settings: ServerSettings) -> ServerSettings:
    """The settings; ConfigurationError with one line when they would let strangers in or let passwords be read."""
    if (settings.certificate is None) != (settings.certificate_key is None):
        raise ConfigurationError("SERVER.certificate and SERVER.certificate_key go together; set both or none")
    if not settings.public:
        return settings
    if settings.origin is None:
        raise ConfigurationError(
            f"{settings.host} can be reached from other machines; set SERVER.origin to the address that people type, "
            "such as https://cases.example.org, or listen on 127.0.0.1"
        )
    if not settings.origin.startswith("https://"):
        raise ConfigurationError(
            "people come from other machines, and over http:// anybody between could read their passwords and "
            "stories; set SERVER.origin to an https:// address"
        )
    if not settings.loopback and settings.certificate is None and not settings.trusted_proxies:
        raise ConfigurationError(
            f"{settings.host} can be reached from other machines and nothing encrypts the way; set SERVER.certificate "
            "and SERVER.certificate_key, or name the proxy that does it in SERVER.trusted_proxies"
        )
    return settings
