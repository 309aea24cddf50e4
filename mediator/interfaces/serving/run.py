"""Runs the server until it is interrupted, and says where it is."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

import uvicorn

from mediator.exceptions import SetupError
from mediator.interfaces.serving.gate import Gate
from mediator.interfaces.serving.patience import PatientProtocol
from mediator.interfaces.serving.settings import ServerSettings

__all__ = ["run_server"]

#: Connections at once; more are answered 503. Each holds a few kilobytes.
_CONNECTIONS = 1000


def run_server(app: Gate, settings: ServerSettings, say: Callable[[str], None]) -> None:
    """Serve ``app``; ``say`` gets the address once connections are taken."""
    _check_certificate(settings)
    config = uvicorn.Config(
        app,
        host=settings.host.strip("[]"),
        port=settings.port,
        http=PatientProtocol,  # h11 refuses what is no header; the faster parser passes more on
        ws="none",
        log_config=None,
        access_log=False,  # the gate writes one line a request, without its query
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.certificate_key,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
    )
    _Telling(config, settings, say).run()


def _check_certificate(settings: ServerSettings) -> None:
    """uvicorn would end with an error that names neither the setting nor the file."""
    if settings.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.certificate, settings.certificate_key, password=""
        )
    except OSError as error:  # ssl.SSLError is one
        why = "they are no PEM certificate and its key, without a password" if isinstance(error, ssl.SSLError) else ""
        raise SetupError(
            f"SERVER.certificate {str(settings.certificate)!r} and SERVER.certificate_key "
            f"{str(settings.certificate_key)!r} cannot be used: {why or error.strerror}"
        ) from error


class _Telling(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, settings: ServerSettings, say: Callable[[str], None]) -> None:
        super().__init__(config)
        self._settings = settings
        self._say = say

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn would log a taken port and exit by itself; this way it is an error like any other.
        if sockets is None:
            sockets = [await asyncio.to_thread(self._bound)]
        await super().startup(sockets)
        port = sockets[0].getsockname()[1]
        host = self._settings.host if ":" not in self._settings.host else f"[{self._settings.host.strip('[]')}]"
        self._say(f"{'https' if self._settings.certificate else 'http'}://{host}:{port}/")
        if self._settings.origin is not None:
            self._say(f"people come to {self._settings.origin}/")

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((self._settings.host.strip("[]"), self._settings.port))
        except OSError as error:
            bound.close()
            where = f"{self._settings.host} port {self._settings.port}"
            raise SetupError(f"cannot listen on {where}: {error.strerror}; choose another with --port") from error
        bound.set_inheritable(True)
        return bound
