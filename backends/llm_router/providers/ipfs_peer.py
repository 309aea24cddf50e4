"""``ipfs_peer``: peers that run this project's REST API, or an IPFS backend that knows how to route.

1. The seam: an object at ``RouterDeps.ipfs_backend`` whose ``peer_manager.route_llm_request(prompt=, model=,
   **options)`` returns text, or a mapping with ``text``. It may be a coroutine function.
2. The transport: peers named by multiaddr (``/dns4/host/tcp/8000/http``) in ``peers`` or in the environment,
   reached at their ``/v1``, health-checked and balanced by the backend manager.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from backends.base import AsyncBackend, Backend
from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    MalformedResponseError,
    ProviderUnavailableError,
    redact,
)
from backends.llm_router.backend_manager import InferenceBackendManager
from backends.llm_router.endpoints import BackendType
from backends.llm_router.managed import ManagedBackend
from backends.llm_router.multiaddr import PeerAddress, parse_peer, parse_peers
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.settings import read
from backends.options import GENERATION_OPTIONS
from backends.types import Completion, Health, Request, StreamItem

__all__ = ["SPEC", "RoutedByPeers"]


class RoutedByPeers(AsyncBackend):
    """The seam: somebody else's peer manager answers. Nobody knows where, so it counts as leaving the machine."""

    type = "ipfs_peer"
    known_options = frozenset(GENERATION_OPTIONS)

    def __init__(self, route: Any, *, model: str | None = None, **options: Any) -> None:
        super().__init__("ipfs_peer", **options)
        self._route = route
        self.model = model

    async def _acomplete(self, request: Request) -> Completion:
        options = dict(request.options)
        model = options.pop("model", self.model)
        if request.json_schema is not None:
            options["json_schema"] = request.json_schema
        call = self._called(request.text, model, options)
        try:
            answer = await asyncio.wait_for(call, request.remaining)
        except TimeoutError as error:
            raise BackendTimeoutError("no peer answered before the deadline", provider=self.id, model=model) from error
        except BackendError:
            raise
        except Exception as error:  # whatever the foreign object raises is a failure of the peers
            raise ProviderUnavailableError(
                f"the peer manager failed with {type(error).__name__}: {redact(str(error))}",
                provider=self.id,
                model=model,
            ) from error
        return Completion(text=self._text(answer, model), provider=self.id, model=model)

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        completion = await self._acomplete(request)
        if completion.text:
            yield completion.text
        yield completion

    def health(self) -> Health:
        return Health(True, "RouterDeps.ipfs_backend routes the requests", self.id, self.model)

    async def _called(self, prompt: str, model: str | None, options: Mapping[str, Any]) -> Any:
        if inspect.iscoroutinefunction(self._route):
            return await self._route(prompt=prompt, model=model, **options)
        answer = await asyncio.to_thread(self._route, prompt=prompt, model=model, **options)
        return await answer if inspect.isawaitable(answer) else answer

    def _text(self, answer: Any, model: str | None) -> str:
        text = answer.get("text") if isinstance(answer, Mapping) else answer
        if not isinstance(text, str):
            raise MalformedResponseError(
                f'a peer answered with {type(answer).__name__} instead of text or {{"text": ...}}',
                provider=self.id,
                model=model,
            )
        return text


def _route_of(context: ProviderContext) -> Any:
    manager = getattr(getattr(context.deps, "ipfs_backend", None), "peer_manager", None)
    return getattr(manager, "route_llm_request", None)


def _peers(context: ProviderContext) -> Sequence[PeerAddress]:
    listed = context.settings.get("peers")
    if listed is None:
        text = read(context.env, "LLM_PEERS")
        return parse_peers(text) if text else []
    if isinstance(listed, str):
        return parse_peers(listed)
    return list({peer.url: peer for peer in map(parse_peer, listed)}.values())


def _create(context: ProviderContext) -> Backend:
    route = _route_of(context)
    if route is not None:
        return RoutedByPeers(route, model=context.model, loop_thread=context.loop_thread)
    peers = _peers(context)
    if not peers:
        raise ConfigurationError(
            'ipfs_peer needs "peers", a list of multiaddrs such as /dns4/host/tcp/8000/http, the variable '
            "COMPLAINT_GENERATOR_LLM_PEERS, or RouterDeps.ipfs_backend"
        )
    return ManagedBackend(
        _manager(context, peers), id="ipfs_peer", model=context.model, loop_thread=context.loop_thread
    )


def _manager(context: ProviderContext, peers: Sequence[PeerAddress]) -> InferenceBackendManager:
    from backends.openai import OpenAICompatibleBackend

    balancing = context.settings.get("load_balancing") or read(context.env, "LLM_LOAD_BALANCING") or "power_of_two"
    manager = InferenceBackendManager(str(balancing))
    token = context.settings.get("peer_token") or read(context.env, "LLM_PEER_TOKEN")
    secret = SecretStr(token) if isinstance(token, str) else token
    for peer in peers:
        backend = OpenAICompatibleBackend(
            peer.multiaddr,
            base_url=f"{peer.url}/v1",
            api_key=secret,
            max_retries=0,
            env={},
            loop_thread=context.loop_thread,
        )
        manager.register_backend(
            peer.multiaddr, backend, backend_type=BackendType.P2P, endpoint=peer.url, metadata={"peer_id": peer.peer_id}
        )
    return manager


def _available(context: ProviderContext) -> Availability:
    if _route_of(context) is not None:
        return Availability(True, "RouterDeps.ipfs_backend routes requests")
    try:
        peers = _peers(context)
    except ConfigurationError as error:
        return Availability(False, error.message)
    if peers:
        return Availability(True, f"{len(peers)} peers are configured")
    return Availability(False, "no peers are configured and RouterDeps.ipfs_backend is not set")


SPEC = ProviderSpec(
    name="ipfs_peer",
    kind="distributed",
    summary="peers that run this project's REST API, named by multiaddr",
    create=_create,
    available=_available,
    aliases=("ipfs_peers",),
    needs=('"peers" (multiaddrs) or COMPLAINT_GENERATOR_LLM_PEERS, or RouterDeps.ipfs_backend',),
    settings=frozenset({"peers", "peer_token", "load_balancing"}),
)
