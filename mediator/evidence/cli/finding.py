"""Commands that give evidence back: get, list, show, export, publish."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mediator.evidence.cli.common import (
    answer,
    chosen,
    json_option,
    open_store,
    print_json,
    progress_bar,
    record_line,
    tell,
    with_filters,
)
from mediator.evidence.errors import ContentNotFoundError
from mediator.evidence.intake import safe_text

if TYPE_CHECKING:
    from mediator.evidence.store import EvidenceStore

__all__ = ["export", "get", "list_", "publish", "show"]

_COPY = 1024 * 1024


@click.command()
@click.argument("cid")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this new file instead.")
@json_option
@click.pass_context
def get(ctx: click.Context, cid: str, output: Path | None, as_json: bool) -> None:
    """Write a content to standard output or to a file, or a directory to a new directory."""
    if as_json and output is None:
        raise click.UsageError("--json tells about the file that is written; give it with --output")
    store = open_store(ctx)
    if store.is_directory(cid):
        _restore(store, cid, output, as_json)
        return
    with store.open(cid) as source:
        if output is None:
            _copy(source, sys.stdout.buffer)
            return
        from mediator.evidence.transfer import new_file

        with new_file(output) as target:
            size = _copy(source, target)
    if as_json:
        print_json({"cid": cid, "file": str(output), "size": size})
    else:
        tell(f"{size} bytes in {safe_text(str(output))}")


def _restore(store: EvidenceStore, cid: str, output: Path | None, as_json: bool) -> None:
    if output is None:
        raise click.UsageError("this CID names a directory; say where to write it with --output DIRECTORY")
    report = store.restore(cid, output)
    for name in report.left_out:
        tell(f"left out, neither file nor directory: {safe_text(name)}")
    if as_json:
        print_json({"cid": cid} | report.as_dict())
    else:
        tell(f"{report.files} files ({report.bytes} bytes) in {safe_text(report.path)}")


def _copy(source: BinaryIO, target: BinaryIO) -> int:
    size = 0
    with progress_bar("reading") as progress:
        while chunk := source.read(_COPY):
            target.write(chunk)
            size += len(chunk)
            if progress is not None:
                progress(size, None)
    target.flush()
    return size


@click.command("list")
@with_filters
@click.option("--cid", help="Only submissions of this content.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@click.option("--after", help="Continue where an earlier list ended.")
@click.option("--pins", is_flag=True, help="List the directories and imported archives instead.")
@json_option
@click.pass_context
def list_(
    ctx: click.Context, /, cid: str | None, limit: int, after: str | None, pins: bool, as_json: bool, **options: Any
) -> None:
    """List what was submitted, oldest first."""
    if pins:
        _list_pins(open_store(ctx), as_json)
        return
    page = open_store(ctx).records(cid=cid, limit=limit, after=after, **chosen(options))
    if as_json:
        print_json({"records": [record.as_dict() for record in page], "next": page.next})
        return
    for record in page:
        click.echo(record_line(record))
    if page.next is not None:
        tell(f"there is more: --after {page.next}")


def _list_pins(store: EvidenceStore, as_json: bool) -> None:
    found = store.pins()
    if as_json:
        print_json([pinned.as_dict() for pinned in found])
        return
    for pinned in found:
        click.echo(f"{pinned.cid}  {safe_text(pinned.name or '-')}")


@click.command()
@click.argument("what", metavar="CID|SUBMISSION")
@json_option
@click.pass_context
def show(ctx: click.Context, what: str, as_json: bool) -> None:
    """Show what is known about a content or submission, and everything that happened to it."""
    store = open_store(ctx)
    if what.count("-") == 4:
        records = [store.record(what)]
        events = list(store.events(submission_id=what))
    else:
        records = list(store.all_records(cid=what))
        events = list(store.events(cid=what))
        if not records and not events:
            raise ContentNotFoundError(f"no evidence with CID {safe_text(what)} was submitted here")
    if as_json:
        print_json({"records": [r.as_dict() for r in records], "events": [e.as_dict() for e in events]})
        return
    for record in records:
        for key, value in record.as_dict().items():
            if value is not None and value != {}:
                click.echo(f"{key:>14}  {safe_text(value if isinstance(value, str) else json.dumps(value))}")
        click.echo()
    for event in events:
        actor = f" by {safe_text(event.actor)}" if event.actor is not None else ""
        click.echo(f"{event.at:%Y-%m-%d %H:%M:%S} UTC  {event.kind}{actor}")


@click.command()
@click.argument("cids", nargs=-1, metavar="[CID...]")
@click.option("--car", type=click.Path(path_type=Path), help="Write the named contents to this CAR archive.")
@click.option("--sealed", is_flag=True, help="With --car: as they are stored, encrypted.")
@click.option("--bag", type=click.Path(path_type=Path), help="Write what the filters choose to this BagIt directory.")
@click.option("--index", type=click.Choice(["json", "csv", "html"]), help="Print the list of exhibits.")
@with_filters
@json_option
@click.pass_context
def export(
    ctx: click.Context,
    /,
    cids: tuple[str, ...],
    car: Path | None,
    sealed: bool,
    bag: Path | None,
    index: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Take evidence out: a CAR archive of contents, a BagIt bag of a case, or its list of exhibits."""
    if sum(choice is not None for choice in (car, bag, index)) != 1:
        raise click.UsageError("choose one of --car, --bag and --index")
    if bool(cids) != (car is not None):
        raise click.UsageError("--car needs CIDs; --bag and --index take filters instead")
    store, filters = open_store(ctx), chosen(options)
    if index is not None:
        from mediator.evidence import exhibits

        records = list(store.all_records(**filters))
        shape = {"json": exhibits.exhibits_json, "csv": exhibits.exhibits_csv, "html": exhibits.exhibits_html}
        click.echo(shape["json" if as_json else index](records), nl=False)
        return
    if car is not None:
        report: dict[str, Any] = store.export_car(cids, car, sealed=sealed).as_dict() | {"path": str(car)}
    else:
        with progress_bar("exporting") as progress:
            report = store.export_bag(str(bag), progress=progress, **filters).as_dict()
    if as_json:
        print_json(report)
    else:
        click.echo(report["path"])


@click.command()
@click.argument("cid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def publish(ctx: click.Context, cid: str, yes: bool, as_json: bool) -> None:
    """Give a content to the IPFS node, in the clear, for anyone who knows its CID."""
    store = open_store(ctx)
    if not yes:
        store.check_publishable(cid)
        tell("Anyone who knows the CID will be able to fetch this content. It cannot be taken back.")
        yes = click.confirm("Publish it?", default=False, err=True)
    store.publish(cid, agreed=yes)
    answer({"cid": cid, "published": True}, cid, as_json)
