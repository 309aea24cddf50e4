"""The command line as a whole: the commands, what they share, and how a failure ends.

Exit codes: 0 done; 1 the work failed; 2 wrong use or a wrong configuration; 130 interrupted.
Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from commands.app import App
from commands.failures import ReaderGoneError, report
from commands.streams import prepare_streams

__all__ = ["cli", "main"]

#: Each command's module is imported when the command is used, so that help and checks are quick.
_COMMANDS = {
    "start": "commands.start:start",
    "check": "commands.check:check",
    "doctor": "commands.doctor:doctor",
    "generate": "commands.generate:generate",
    "claims": "mediator.claims.cli:claims",
    "eval": "mediator.claims.cli:evaluate",
    "draft": "mediator.draft.cli:draft",
    "explain": "mediator.explain:explain",
    "evidence": "mediator.evidence.cli:evidence",
    "models": "commands.models:models",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error  # click itself would end with 1, as if the work had failed


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the work failed, 2 wrong use or configuration, 130 interrupted.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration. Default: $COMPLAINT_GENERATOR_CONFIG, else config.llm_router.json beside run.py.",
)
@click.option(
    "--verbose", "-v", is_flag=True, help="Log what happens to standard error (never a key, never your text)."
)
@click.version_option("0.1.0", prog_name="complaint-generator")
@click.pass_context
def cli(ctx: click.Context, config_file: Path | None, verbose: bool) -> object:
    """Tell what happened; get grounded legal claims, evidence by CID, and a draft complaint.

    Without a command, starts the application that the configuration names (the terminal interview).
    Nothing leaves this machine unless the configuration names a backend elsewhere. Not legal advice.
    """
    ctx.obj = ctx.ensure_object(dict).get("app") or App(config_file=config_file, env=os.environ, verbose=verbose)
    ctx.call_on_close(ctx.obj.close)
    if ctx.invoked_subcommand is not None:
        return None
    command = cli.get_command(ctx, "start")
    assert command is not None
    return ctx.invoke(command)


def main(arguments: Sequence[str] | None = None, **extra: Any) -> int:
    """Run the command line and return its exit code; no failure ends in a traceback."""
    try:
        prepare_streams()
        result = cli.main(args=arguments, prog_name="run.py", standalone_mode=False, **extra)
    except BaseException as error:
        return report(error, sys.stderr)
    return result if isinstance(result, int) else 0
