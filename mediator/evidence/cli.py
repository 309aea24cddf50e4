"""`run.py evidence …`: results on standard output, everything else on standard error.

Exit codes: 0 done; 1 failed, or `verify` found faults; 2 wrong use.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mediator.evidence.errors import (
    ContentNotFoundError,
    EvidenceError,
    InvalidCidError,
    InvalidInputError,
    SourceError,
)
from mediator.evidence.intake import Progress, Submission, safe_text

if TYPE_CHECKING:
    from mediator.evidence.records import EvidenceRecord
    from mediator.evidence.store import EvidenceStore

__all__ = ["evidence"]

_COPY = 1024 * 1024
Command = Callable[..., Any]


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (InvalidCidError, InvalidInputError) as error:
            raise click.UsageError(str(error), ctx) from error
        except EvidenceError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group)
def evidence() -> None:
    """Keep evidence, named by what it contains (its CID), and prove that it was not changed."""


def _store(ctx: click.Context) -> EvidenceStore:
    store: EvidenceStore = ctx.obj.open_store()
    ctx.call_on_close(store.close)
    return store


_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def _print_json(value: object) -> None:
    # ASCII: a name that is no text survives as \\udcXX, which JSON readers give back.
    click.echo(json.dumps(value, indent=1))


def _tell(message: str) -> None:
    click.echo(message, err=True)


@contextmanager
def _progress(what: str) -> Iterator[Progress | None]:
    """Show a bar on a terminal; elsewhere none."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _line(record: EvidenceRecord) -> str:
    name = safe_text(record.file_name) if record.file_name is not None else "-"
    return f"{record.cid}  {record.size:>12}  {record.type}  {name}"


# -- in


@evidence.command()
@click.option("--encrypt", metavar="SOURCE", help="Encrypt: keyring, passphrase or env:NAME says where the secret is.")
@click.option("--plain", is_flag=True, help="Do not encrypt, and do not ask.")
@_json
@click.pass_context
def init(ctx: click.Context, encrypt: str | None, plain: bool, as_json: bool) -> None:
    """Make the store, and encrypt it if you want that."""
    store = _store(ctx)
    if not store.encrypted and not plain and encrypt is None and sys.stdin.isatty():
        _tell("Encrypted evidence cannot be read without its key, by nobody. A lost key loses the evidence.")
        if click.confirm("Encrypt what is kept from now on?", default=True, err=True):
            encrypt = click.prompt(
                "Where is the secret kept?",
                default="passphrase",
                type=click.Choice(["passphrase", "keyring"]),
                err=True,
            )
    if encrypt is not None:
        store.enable_encryption(encrypt)
    if as_json:
        _print_json({"path": str(store.path), "encrypted": store.encrypted})
    else:
        click.echo(f"{store.path} is ready, {'encrypted' if store.encrypted else 'not encrypted'}")


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


@evidence.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIRECTORY|-...")
@_described
@click.option("--name", help="The file's name, where it is another than on disk or comes from standard input.")
@click.option("--media-type", help="Its media type; found from the content when left out.")
@click.option("--metadata", callback=_metadata, metavar="JSON", help="Anything else, as a JSON object.")
@click.option("--allow-empty", is_flag=True, help="Take a file of 0 bytes, too.")
@_json
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
    store = _store(ctx)
    failed: list[str] = []

    def skip(where: str, error: SourceError) -> None:
        failed.append(where)
        _tell(f"not recorded: {safe_text(str(error))}")

    records: list[EvidenceRecord] = []

    def show(found: Iterable[EvidenceRecord]) -> None:
        for record in found:
            records.append(record)
            if not as_json:
                click.echo(_line(record))

    with _progress("recording") as progress:
        for is_directory, group in groupby(paths, lambda path: path != "-" and os.path.isdir(path)):
            if not is_directory:
                items = (replace(like, source=sys.stdin.buffer if path == "-" else path) for path in group)
                show(store.submit_many(items, on_error=lambda _, error: skip("", error), progress=progress))
                continue
            for path in group:
                cid, found = store.submit_directory(path, like, on_skip=skip, progress=progress)
                show(found)
                _tell(f"{cid} names the directory {safe_text(path)}")
    if as_json:
        _print_json([record.as_dict() for record in records])
    _replicate(store)
    if not records and not failed:
        _tell("there was nothing to record: no files are in there")
    if failed:
        _tell(f"{len(records)} recorded, {len(failed)} not")
        ctx.exit(1)


def _replicate(store: EvidenceStore) -> None:
    """A second copy is worth a moment, never a failure: what could not be sent waits in the queue."""
    for report in store.replicate():
        if report.waiting:
            _tell(f"{report.waiting} contents wait for {report.replica}: {report.last_error}")


@evidence.command("import")
@click.argument("archive", type=click.Path(path_type=Path))
@_json
@click.pass_context
def import_(ctx: click.Context, archive: Path, as_json: bool) -> None:
    """Take in a CAR archive; its blocks are verified and its roots kept."""
    report = _store(ctx).import_car(archive)
    if as_json:
        _print_json(report.as_dict())
        return
    for root in report.roots:
        click.echo(root)
    _tell(f"{report.blocks} blocks, {report.bytes} bytes")


# -- out


@evidence.command()
@click.argument("cid")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this new file instead.")
@_json
@click.pass_context
def get(ctx: click.Context, cid: str, output: Path | None, as_json: bool) -> None:
    """Write a content to standard output, or to a file."""
    if as_json and output is None:
        raise click.UsageError("--json tells about the file that is written; give it with --output")
    store = _store(ctx)
    with store.open(cid) as source:
        if output is None:
            _copy(source, sys.stdout.buffer)
            return
        from mediator.evidence.transfer import new_file

        with new_file(output) as target:
            size = _copy(source, target)
    if as_json:
        _print_json({"cid": cid, "file": str(output), "size": size})
    else:
        _tell(f"{size} bytes in {safe_text(str(output))}")


def _copy(source: BinaryIO, target: BinaryIO) -> int:
    size = 0
    with _progress("reading") as progress:
        while chunk := source.read(_COPY):
            target.write(chunk)
            size += len(chunk)
            if progress is not None:
                progress(size, None)
    target.flush()
    return size


def _filters(command: Command) -> Command:
    for option in reversed(
        (
            click.option("--owner", help="Only what belongs to this person."),
            click.option("--nobody", is_flag=True, help="Only what belongs to nobody in particular."),
            click.option("--complaint", help="Only what belongs to this complaint."),
            click.option("--claim-type", help="Only what supports this claim."),
            click.option("--element", help="Only what supports this element."),
            click.option("--type", "type_", help="Only this kind of evidence."),
            click.option("--text", help="Only what has this in its description."),
        )
    ):
        command = option(command)
    return command


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    chosen = {name: value for name, value in options.items() if value is not None and name not in ("nobody", "type_")}
    if options["type_"] is not None:
        chosen["type"] = options["type_"]
    if options["nobody"]:
        if "owner" in chosen:
            raise click.UsageError("--owner and --nobody exclude each other")
        chosen["owner"] = None
    return chosen


@evidence.command("list")
@_filters
@click.option("--cid", help="Only submissions of this content.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@click.option("--after", help="Continue where an earlier list ended.")
@_json
@click.pass_context
def list_(ctx: click.Context, /, cid: str | None, limit: int, after: str | None, as_json: bool, **options: Any) -> None:
    """List what was submitted, oldest first."""
    page = _store(ctx).records(cid=cid, limit=limit, after=after, **_chosen(options))
    if as_json:
        _print_json({"records": [record.as_dict() for record in page], "next": page.next})
        return
    for record in page:
        click.echo(_line(record))
    if page.next is not None:
        _tell(f"there is more: --after {page.next}")


@evidence.command()
@click.argument("what", metavar="CID|SUBMISSION")
@_json
@click.pass_context
def show(ctx: click.Context, what: str, as_json: bool) -> None:
    """Show what is known about a content or submission, and everything that happened to it."""
    store = _store(ctx)
    if what.count("-") == 4:
        records = [store.record(what)]
        events = list(store.events(submission_id=what))
    else:
        records = list(store.all_records(cid=what))
        events = list(store.events(cid=what))
        if not records and not events:
            raise ContentNotFoundError(f"no evidence with CID {safe_text(what)} was submitted here")
    if as_json:
        _print_json({"records": [r.as_dict() for r in records], "events": [e.as_dict() for e in events]})
        return
    for record in records:
        for key, value in record.as_dict().items():
            if value is not None and value != {}:
                click.echo(f"{key:>14}  {safe_text(value if isinstance(value, str) else json.dumps(value))}")
        click.echo()
    for event in events:
        actor = f" by {safe_text(event.actor)}" if event.actor is not None else ""
        click.echo(f"{event.at:%Y-%m-%d %H:%M:%S} UTC  {event.kind}{actor}")


@evidence.command()
@click.argument("cids", nargs=-1, metavar="[CID...]")
@click.option("--car", type=click.Path(path_type=Path), help="Write the named contents to this CAR archive.")
@click.option("--sealed", is_flag=True, help="With --car: as they are stored, encrypted.")
@click.option("--bag", type=click.Path(path_type=Path), help="Write what the filters choose to this BagIt directory.")
@click.option("--index", type=click.Choice(["json", "csv", "html"]), help="Print the list of exhibits.")
@_filters
@_json
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
    store, filters = _store(ctx), _chosen(options)
    if index is not None:
        from mediator.evidence import exhibits

        records = list(store.all_records(**filters))
        shape = {"json": exhibits.exhibits_json, "csv": exhibits.exhibits_csv, "html": exhibits.exhibits_html}
        click.echo(shape["json" if as_json else index](records), nl=False)
        return
    if car is not None:
        report: dict[str, Any] = store.export_car(cids, car, sealed=sealed).as_dict() | {"path": str(car)}
    else:
        with _progress("exporting") as progress:
            report = store.export_bag(str(bag), progress=progress, **filters).as_dict()
    if as_json:
        _print_json(report)
    else:
        click.echo(report["path"])


@evidence.command()
@click.argument("cid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json
@click.pass_context
def publish(ctx: click.Context, cid: str, yes: bool, as_json: bool) -> None:
    """Give a content to the IPFS node, in the clear, for anyone who knows its CID."""
    store = _store(ctx)
    if not yes and store.privacy != "local_only":
        _tell("Anyone who knows the CID will be able to fetch this content. It cannot be taken back.")
        yes = click.confirm("Publish it?", default=False, err=True)
    store.publish(cid, agreed=yes)
    if as_json:
        _print_json({"cid": cid, "published": True})
    else:
        click.echo(cid)


# -- care


@evidence.command()
@_json
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Recompute every block, record and event; name every fault. Exits with 1 when there is one."""
    store = _store(ctx)
    with _progress("verifying") as progress:
        report = store.verify(progress)
    if as_json:
        _print_json(report.as_dict())
    else:
        for fault in report.faults:
            click.echo(f"{fault.kind}: {safe_text(fault.subject)}: {safe_text(fault.message)}")
        click.echo(
            f"{'no fault' if report.ok else f'{len(report.faults)} faults'} in {report.submissions} submissions, "
            f"{report.blocks} blocks ({report.bytes} bytes) and {report.events} events; head {report.head}"
        )
        if report.unopened:
            _tell(f"{report.unopened} encrypted contents were checked without their key: their blocks only")
    ctx.exit(0 if report.ok else 1)


@evidence.command()
@click.option("--delete", is_flag=True, help="Remove it. Without this nothing is removed.")
@_json
@click.pass_context
def gc(ctx: click.Context, delete: bool, as_json: bool) -> None:
    """Find blocks that no record, pin or legal hold needs."""
    report = _store(ctx).gc(dry_run=not delete)
    if as_json:
        _print_json(report.as_dict())
    else:
        done = "would be removed; add --delete" if report.dry_run else "removed"
        click.echo(f"{report.blocks} blocks ({report.bytes} bytes), {report.temporary_files} temporary files {done}")


@evidence.command()
@_json
@click.pass_context
def repair(ctx: click.Context, as_json: bool) -> None:
    """Restore missing and damaged blocks from the replicas. Exits with 1 when some stay lost."""
    report = _store(ctx).repair()
    if as_json:
        _print_json(report.as_dict())
    else:
        for cid, message in report.lost:
            click.echo(f"lost: {cid}: {safe_text(message)}")
        click.echo(f"{len(report.restored)} blocks restored, {len(report.lost)} lost")
    ctx.exit(1 if report.lost else 0)


@evidence.command()
@click.argument("reason", required=False)
@click.option("--cid", help="Hold this content.")
@click.option("--submission", help="Hold this submission.")
@click.option("--complaint", help="Hold everything of this complaint.")
@click.option("--list", "show_all", is_flag=True, help="List the holds in force.")
@_json
@click.pass_context
def hold(
    ctx: click.Context,
    reason: str | None,
    cid: str | None,
    submission: str | None,
    complaint: str | None,
    show_all: bool,
    as_json: bool,
) -> None:
    """Put a legal hold on evidence: it cannot be removed until the hold is released."""
    store = _store(ctx)
    if show_all:
        holds = store.holds()
    elif reason is None:
        raise click.UsageError("give the reason of the hold, or --list")
    else:
        holds = (store.hold(reason, cid=cid, submission_id=submission, complaint=complaint),)
    if as_json:
        _print_json([_hold_as_dict(hold) for hold in holds])
        return
    for item in holds:
        click.echo(f"{item.hold_id}  {item.scope} {safe_text(item.target)}: {safe_text(item.reason)}")


def _hold_as_dict(hold: Any) -> dict[str, Any]:
    values = {name: getattr(hold, name) for name in hold.__slots__}
    return values | {"placed_at": hold.placed_at.isoformat()}


@evidence.command()
@click.argument("hold_id", metavar="HOLD")
@click.argument("reason")
@_json
@click.pass_context
def release(ctx: click.Context, hold_id: str, reason: str, as_json: bool) -> None:
    """End a legal hold."""
    _store(ctx).release(hold_id, reason)
    if as_json:
        _print_json({"hold_id": hold_id, "released": True})
    else:
        click.echo(f"{hold_id} released")


@evidence.command()
@click.argument("submission")
@click.argument("reason")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json
@click.pass_context
def remove(ctx: click.Context, submission: str, reason: str, yes: bool, as_json: bool) -> None:
    """Take a submission out of the catalog; its content goes with the next gc if nothing else needs it."""
    store = _store(ctx)
    if not yes:
        click.confirm(f"Remove submission {safe_text(submission)}?", default=False, abort=True, err=True)
    store.remove(submission, reason)
    if as_json:
        _print_json({"submission_id": submission, "removed": True})
    else:
        click.echo(f"{submission} removed")


@evidence.command("rotate-key")
@click.option("--reencrypt", is_flag=True, help="Encrypt what is there with the new key, too.")
@_json
@click.pass_context
def rotate_key(ctx: click.Context, reencrypt: bool, as_json: bool) -> None:
    """Make a new key for what is recorded from now on."""
    store = _store(ctx)
    with _progress("re-encrypting") as progress:
        key_id = store.rotate_key(reencrypt=reencrypt, progress=progress)
    if as_json:
        _print_json({"key_id": key_id})
    else:
        click.echo(key_id)


@evidence.command()
@_json
@click.pass_context
def stat(ctx: click.Context, as_json: bool) -> None:
    """Show how much is kept."""
    values = _store(ctx).stat().as_dict()
    if as_json:
        _print_json(values)
        return
    for name, value in values.items():
        click.echo(f"{name.replace('_', ' '):>14}  {safe_text(str(value))}")
