"""The section SERVER: who may come, over which way, and how much they may send."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from config.fields import Address, AtLeastOne, Flag, Names, Part, Place, plain
from config.problems import show

__all__ = ["Server"]


def _origin(value: str) -> str:
    rest = value.split("://", 1)[1]
    if "/" in rest.rstrip("/") or "?" in rest or "#" in rest:
        raise ValueError("must be an address without a path, such as https://cases.example.org")
    return value.rstrip("/")


def _proxies(value: tuple[str, ...]) -> tuple[str, ...]:
    for item in value:
        try:
            ipaddress.ip_network(item, strict=False)
        except ValueError as error:
            raise ValueError(f"names {show(item)}, which is no address or network such as 10.0.0.5") from error
    return value


def _hours(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 24 * 365:
        raise ValueError("must be a number above 0")
    return value


_Positive = Annotated[float, BeforeValidator(_hours), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
_MediaTypes = Annotated[Names, Field(min_length=1)]


class Server(Part):
    """Everything about the server beside its address; all of it has a safe default."""

    #: What people type when it is not this machine's own address.
    origin: Annotated[Address, AfterValidator(_origin)] | None = None
    login: Flag = False
    certificate: Place | None = None
    certificate_key: Place | None = None
    trusted_proxies: Annotated[Names, AfterValidator(_proxies)] | None = None
    #: Ids of BACKENDS that a person may choose.
    engines: Names | None = None
    llm_api: Flag = True
    max_upload_bytes: AtLeastOne = 200 * 2**20
    max_person_bytes: AtLeastOne = 10 * 2**30
    media_types: _MediaTypes | None = None
    session_hours: _Positive = 12.0
    session_idle_minutes: _Positive = 60.0
    requests_per_minute: AtLeastOne = 600
