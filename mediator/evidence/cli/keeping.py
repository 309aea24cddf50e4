"""Commands that look after a store: verify, repair, gc, hold, release, remove, unpin, rotate-key, stat."""

from __future__ import annotations

from typing import Any

import click

from mediator.evidence.cli.common import (
    answer,
    be_sure,
    json_option,
    open_store,
    print_json,
    progress_bar,
    record_line,
    tell,
)
from mediator.evidence.intake import safe_text

__all__ = ["gc", "hold", "release", "remove", "repair", "rotate_key", "stat", "unpin", "verify"]


@click.command()
@json_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Recompute every block, record and event; name every fault. Exits with 1 when there is one."""
    store = open_store(ctx)
    with progress_bar("verifying") as progress:
        report = store.verify(progress)
    if as_json:
        print_json(report.as_dict())
    else:
        for fault in report.faults:
            click.echo(f"{fault.kind}: {safe_text(fault.subject)}: {safe_text(fault.message)}")
        click.echo(
            f"{'no fault' if report.ok else f'{len(report.faults)} faults'} in {report.submissions} submissions, "
            f"{report.blocks} blocks ({report.bytes} bytes) and {report.events} events; head {report.head}"
        )
        if report.unopened:
            tell(f"{report.unopened} encrypted contents were checked without their key: their blocks only")
    ctx.exit(0 if report.ok else 1)


@click.command()
@click.option("--delete", is_flag=True, help="Remove it. Without this nothing is removed.")
@json_option
@click.pass_context
def gc(ctx: click.Context, delete: bool, as_json: bool) -> None:
    """Find blocks that no record, pin or legal hold needs."""
    report = open_store(ctx).gc(dry_run=not delete)
    done = "would be removed; add --delete" if report.dry_run else "removed"
    line = f"{report.blocks} blocks ({report.bytes} bytes), {report.temporary_files} temporary files {done}"
    answer(report.as_dict(), line, as_json)


@click.command()
@json_option
@click.pass_context
def repair(ctx: click.Context, as_json: bool) -> None:
    """Restore missing and damaged blocks from the replicas. Exits with 1 when some stay lost."""
    report = open_store(ctx).repair()
    if as_json:
        print_json(report.as_dict())
    else:
        for cid, message in report.lost:
            click.echo(f"lost: {cid}: {safe_text(message)}")
        click.echo(f"{len(report.restored)} blocks restored, {len(report.lost)} lost")
    ctx.exit(1 if report.lost else 0)


@click.command()
@click.argument("reason", required=False)
@click.option("--cid", help="Hold this content.")
@click.option("--submission", help="Hold this submission.")
@click.option("--complaint", help="Hold everything of this complaint.")
@click.option("--list", "show_all", is_flag=True, help="List the holds in force.")
@json_option
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
    store = open_store(ctx)
    if show_all:
        holds = store.holds()
    elif reason is None:
        raise click.UsageError("give the reason of the hold, or --list")
    else:
        holds = (store.hold(reason, cid=cid, submission_id=submission, complaint=complaint),)
    if as_json:
        print_json([_hold_as_dict(hold) for hold in holds])
        return
    for item in holds:
        click.echo(f"{item.hold_id}  {item.scope} {safe_text(item.target)}: {safe_text(item.reason)}")


def _hold_as_dict(hold: Any) -> dict[str, Any]:
    values = {name: getattr(hold, name) for name in hold.__slots__}
    return values | {"placed_at": hold.placed_at.isoformat()}


@click.command()
@click.argument("hold_id", metavar="HOLD")
@click.argument("reason")
@json_option
@click.pass_context
def release(ctx: click.Context, hold_id: str, reason: str, as_json: bool) -> None:
    """End a legal hold."""
    open_store(ctx).release(hold_id, reason)
    answer({"hold_id": hold_id, "released": True}, f"{safe_text(hold_id)} released", as_json)


@click.command()
@click.argument("submission")
@click.argument("reason")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def remove(ctx: click.Context, submission: str, reason: str, yes: bool, as_json: bool) -> None:
    """Take a submission out of the catalog; its content goes with the next gc if nothing else needs it."""
    store = open_store(ctx)
    record = store.record(submission)
    be_sure(f"Remove submission {submission}, {record_line(record)}?", yes)
    store.remove(submission, reason)
    answer({"submission_id": submission, "removed": True}, f"{submission} removed", as_json)


@click.command()
@click.argument("cid")
@click.argument("reason")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def unpin(ctx: click.Context, cid: str, reason: str, yes: bool, as_json: bool) -> None:
    """Let a directory or an imported archive go; the files of a directory stay recorded."""
    store = open_store(ctx)
    pinned = store.pin_of(cid)
    be_sure(f"Let {pinned.cid} ({safe_text(pinned.name or 'without a name')}) go?", yes)
    store.unpin(cid, reason)
    answer({"cid": pinned.cid, "removed": True}, f"{pinned.cid} is no longer kept as a whole", as_json)


@click.command("rotate-key")
@click.option("--reencrypt", is_flag=True, help="Encrypt what is there with the new key, too.")
@json_option
@click.pass_context
def rotate_key(ctx: click.Context, reencrypt: bool, as_json: bool) -> None:
    """Make a new key for what is recorded from now on."""
    store = open_store(ctx)
    with progress_bar("re-encrypting") as progress:
        key_id = store.rotate_key(reencrypt=reencrypt, progress=progress)
    answer({"key_id": key_id}, key_id, as_json)


@click.command()
@json_option
@click.pass_context
def stat(ctx: click.Context, as_json: bool) -> None:
    """Show how much is kept."""
    values = open_store(ctx).stat().as_dict()
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        click.echo(f"{name.replace('_', ' '):>14}  {safe_text(str(value))}")
