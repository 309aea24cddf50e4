"""The command line as a whole: the commands and what they share. How a failure ends is in backends.command_line.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from backends.command_line import CommandGroup, run
from commands.app import App

__all__ = ["cli", "main"]

#: Where each command is, and the line that `--help` shows. Its module is imported when the command is used.
_COMMANDS = {
    "start": ("commands.start:start", "Tell your story and answer questions, in the terminal."),
    "check": ("commands.check:check", "Is the configuration good, and what would each backend do?"),
    "doctor": ("commands.doctor:doctor", "What is installed, what is available, what to type next."),
    "generate": ("commands.generate:generate", "One prompt, one answer."),
    "claims": ("mediator.claims.cli:claims", "Find the claims in a story, with the words they rest on."),
    "eval": ("mediator.claims.cli:evaluate", "Read many stories and write what was found, for scoring."),
    "draft": ("mediator.draft.cli:draft", "Write the draft complaint of an interview."),
    "explain": ("mediator.explain:explain", "Show what a claim of an interview rests on."),
    "import": ("mediator.importing:import_state", "Begin an interview from a state file of the old program."),
    "evidence": ("mediator.evidence.cli:evidence", "Keep files under their CID, fetch, prove and export them."),
    "models": ("commands.models:models", "List and measure the model files on this machine."),
    "serve": ("commands.serve:serve", "The web pages and the API, and who may use them."),
    "mcp": ("commands.mcp:mcp", "One case as tools for an assistant (Model Context Protocol)."),
}


class _LazyGroup(CommandGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


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
    return run(cli, arguments, "run.py", **extra)
