"""Commands that take evidence in: init, add, import."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mediator.evidence.cli.common import (
    Command,
    answer,
    json_option,
    open_store,
    print_json,
    progress_bar,
    record_line,
    tell,
)
from mediator.evidence.errors import InvalidCarError, SourceError, SourceIsDirectoryError
from mediator.evidence.intake import Submission, safe_text

if TYPE_CHECKING:
    from mediator.evidence.records import EvidenceRecord
    from mediator.evidence.store import EvidenceStore

__all__ = ["add", "import_", "init"]


@click.command()
@click.option("--encrypt", metavar="SOURCE", help="Encrypt: keyring, passphrase or env:NAME says where the secret is.")
@click.option("--plain", is_flag=True, help="Do not encrypt, and do not ask.")
@json_option
@click.pass_context
def init(ctx: click.Context, encrypt: str | None, plain: bool, as_json: bool) -> None:
    """Make the store, and encrypt it if you want that."""
    store = open_store(ctx)
    if not store.encrypted and not plain and encrypt is None and sys.stdin.isatty():
        tell("Encrypted evidence cannot be read without its key, by nobody. A lost key loses the evidence.")
        if click.confirm("Encrypt what is kept from now on?", default=True, err=True):
            encrypt = click.prompt(
                "Where is the secret kept?",
                default="passphrase",
                type=click.Choice(["passphrase", "keyring"]),
                err=True,
            )
    if encrypt is not None:
        store.enable_encryption(encrypt)
    line = f"{store.path} is ready, {'encrypted' if store.encrypted else 'not encrypted'}"
    answer({"path": str(store.path), "encrypted": store.encrypted}, line, as_json)


def _described(command: Command) -> Command:
    for option in reversed(
        (
            click.option("--type", "type_", default="document", show_default=True, help="What kind of evidence it is."),
            click.option("--owner", help="Whose it is. Without one it belongs to whoever uses this store."),
            click.option("--complaint", help="The complaint it belongs to."),
            click.option("--claim-type", help="The claim it supports."),
            click.option("--element", help="The element of the claim it supports."),
            click.option("--description", help="What it shows."),
        )
    ):
        command = option(command)
    return command


def _metadata(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    if not value.strip():
        raise click.BadParameter("it is empty; leave the option out, or give {}", ctx, param)
    try:
        parsed = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"it is no JSON: {error}", ctx, param) from error
    if not isinstance(parsed, dict):
        raise click.BadParameter("it must be a JSON object", ctx, param)
    return parsed


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIRECTORY|-...")
@_described
@click.option("--name", help="The file's name, where it is another than on disk or comes from standard input.")
@click.option("--media-type", help="Its media type; found from the content when left out.")
@click.option("--metadata", callback=_metadata, metavar="JSON", help="Anything else, as a JSON object.")
@click.option("--allow-empty", is_flag=True, help="Take a file of 0 bytes, too.")
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    paths: tuple[str, ...],
    type_: str,
    owner: str | None,
    complaint: str | None,
    claim_type: str | None,
    element: str | None,
    description: str | None,
    name: str | None,
    media_type: str | None,
    metadata: dict[str, Any] | None,
    allow_empty: bool,
    as_json: bool,
) -> None:
    """Record files, every file below a directory, or standard input (-)."""
    if paths.count("-") > 1:
        raise click.UsageError("standard input (-) can be read only once")
    like = Submission(
        b"",
        type_,
        owner=owner,
        complaint=complaint,
        claim_type=claim_type,
        element=element,
        description=description,
        file_name=name,
        media_type=media_type,
        metadata=metadata,
        allow_empty=allow_empty,
    )
    store = open_store(ctx)
    failed: list[str] = []

    def skip(where: str, error: SourceError) -> None:
        failed.append(where)
        tell(f"not recorded: {safe_text(str(error))}")

    records: list[EvidenceRecord] = []

    def show(found: Iterable[EvidenceRecord]) -> None:
        for record in found:
            records.append(record)
            if not as_json:
                click.echo(record_line(record))

    with progress_bar("recording") as progress:
        for is_directory, group in groupby(paths, lambda path: path != "-" and os.path.isdir(path)):
            if not is_directory:
                items = (replace(like, source=sys.stdin.buffer if path == "-" else path) for path in group)
                show(store.submit_many(items, on_error=lambda _, error: skip("", error), progress=progress))
                continue
            for path in group:
                cid, found = store.submit_directory(path, like, on_skip=skip, progress=progress)
                show(found)
                tell(f"{cid} names the directory {safe_text(path)}")
    if as_json:
        print_json([record.as_dict() for record in records])
    _replicate(store)
    if not records and not failed:
        tell("there was nothing to record: no files are in there")
    if failed:
        tell(f"{len(records)} recorded, {len(failed)} not")
        ctx.exit(1)


def _replicate(store: EvidenceStore) -> None:
    """A second copy is worth a moment, never a failure: what could not be sent waits in the queue."""
    for report in store.replicate():
        if report.waiting:
            tell(f"{report.waiting} contents wait for {report.replica}: {report.last_error}")


@click.command("import")
@click.argument("archive", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def import_(ctx: click.Context, archive: Path, as_json: bool) -> None:
    """Take in a CAR archive; its blocks are verified and its roots kept."""
    try:
        report = open_store(ctx).import_car(archive)
    except SourceIsDirectoryError as error:
        raise click.ClickException(f"{str(archive)!r} is a directory; name one CAR archive in it") from error
    except InvalidCarError as error:
        raise click.ClickException(
            f"{error}; `evidence export --car` makes one, `evidence add` keeps any file"
        ) from error
    if as_json:
        print_json(report.as_dict())
        return
    for root in report.roots:
        click.echo(root)
    tell(f"{report.blocks} blocks, {report.bytes} bytes")
