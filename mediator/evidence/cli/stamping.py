"""The command that asks somebody else to prove when the custody log stood as it does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mediator.evidence.cli.common import json_option, open_store, print_json, tell
from mediator.evidence.errors import InvalidInputError
from mediator.evidence.intake import safe_text

if TYPE_CHECKING:
    from mediator.evidence.timestamps import Stamp, Timestamper

__all__ = ["timestamp"]


@click.command()
@click.option("--rfc3161", metavar="URL", help="A time-stamping authority.")
@click.option("--roots", type=click.Path(path_type=Path), help="With --rfc3161: PEM file of the roots you trust.")
@click.option("--opentimestamps", metavar="URL", help="An OpenTimestamps calendar.")
@click.option("--header", "headers", multiple=True, metavar="HEIGHT:HEX", help="A Bitcoin block header that you trust.")
@click.option("--check", is_flag=True, help="Only say what the stamps prove; nothing is sent.")
@click.option("--upgrade", is_flag=True, help="Ask the calendar whether Bitcoin has the stamps by now.")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Write the stamps and what they are for to this new directory."
)
@json_option
@click.pass_context
def timestamp(
    ctx: click.Context,
    rfc3161: str | None,
    roots: Path | None,
    opentimestamps: str | None,
    headers: tuple[str, ...],
    check: bool,
    upgrade: bool,
    save: Path | None,
    as_json: bool,
) -> None:
    """Have the custody log stamped by someone else: only the hash of its last event is sent."""
    if check and upgrade:
        raise click.UsageError("--check and --upgrade exclude each other")
    service = _service(rfc3161, roots, opentimestamps, headers)
    store = open_store(ctx)
    if upgrade:
        store.upgrade_timestamps(service)
    elif not check:
        store.timestamp(service)
    stamps = store.timestamps(service)
    if save is not None:
        _save(stamps, save)
    if as_json:
        print_json([stamp.as_dict() for stamp in stamps])
        return
    for stamp in stamps:
        at = "no time yet" if stamp.at is None else f"{stamp.at:%Y-%m-%d %H:%M:%S} UTC"
        click.echo(f"up to event {stamp.seq}: {at}; {safe_text(stamp.says)}")
    if not stamps:
        tell(f"no stamp of {service.name} is in the custody log")


def _service(rfc3161: str | None, roots: Path | None, calendar: str | None, headers: tuple[str, ...]) -> Timestamper:
    if (rfc3161 is None) == (calendar is None):
        raise click.UsageError("choose one of --rfc3161 and --opentimestamps")
    try:
        if calendar is not None:
            from mediator.evidence.calendars import OpenTimestamps

            return OpenTimestamps(calendar, headers=dict(map(_header, headers)))
        if roots is None:
            raise click.UsageError("--rfc3161 needs --roots: the certificates that you trust")
        from mediator.evidence.timestamps import Rfc3161

        return Rfc3161(str(rfc3161), roots)
    except ImportError as error:
        raise InvalidInputError("time stamps need an extra: pip install -e '.[timestamps]'") from error


def _header(text: str) -> tuple[int, bytes]:
    height, _, value = text.partition(":")
    if not height.isdecimal() or not re.fullmatch("[0-9a-fA-F]{160}", value):
        raise click.UsageError("--header is HEIGHT:HEX, the block header as 160 hexadecimal digits")
    return int(height), bytes.fromhex(value)


def _save(stamps: tuple[Stamp, ...], directory: Path) -> None:
    """Write each stamp beside the text that it is for, as `ots verify` and `openssl ts -verify` want them."""
    from mediator.evidence.transfer import new_file

    try:
        directory.mkdir()
    except OSError as error:
        raise InvalidInputError(f"cannot make the directory {str(directory)!r}: {error.strerror}") from error
    for stamp in stamps:
        name = f"log-{stamp.seq}"
        ending = "ots" if stamp.service.startswith("opentimestamps") else "tsr"
        for path, data in ((name, stamp.log_hash.encode("ascii")), (f"{name}.{ending}", stamp.proof)):
            with new_file(directory / path) as out:
                out.write(data)
