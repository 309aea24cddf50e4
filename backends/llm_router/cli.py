"""The router's command line: ``python -m backends.llm_router generate|providers|test|clear-cache|serve``.

The text alone goes to standard output. Exit codes are those of backends.command_line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from backends.command_line import CommandGroup, run, say
from backends.exceptions import ConfigurationError

__all__ = ["cli", "main"]

_TEST_PROMPT = "What is the capital of France?"


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the work failed, 2 wrong use or configuration, 130 interrupted.",
)
@click.option("--debug", is_flag=True, help="Log every call to standard error (never a key, never the text).")
def cli(debug: bool) -> None:
    """Generate text with any language model: APIs, programs, local models, peers."""
    if debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@cli.command()
@click.argument("words", nargs=-1, metavar="[PROMPT]")
@click.option("--prompt", "-p", help="The prompt; `-` reads it from standard input.")
@click.option(
    "--prompt-file",
    "-f",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the prompt from a file.",
)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write the text to a file as well."
)
@click.option("--provider", help="The provider, in any of its names. Default: the best there is.")
@click.option("--model", "-m", help="The model. Default: the provider's own.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--temperature", "-t", type=click.FloatRange(0, 2), default=0.7, show_default=True)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds for the whole call.",
)
@click.option("--no-cache", is_flag=True, help="Ask the provider even when the answer is known.")
@click.option("--stream/--no-stream", default=None, help="Print the text as it comes. Default: on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer and how it came about as JSON.")
def generate(
    words: tuple[str, ...],
    prompt: str | None,
    prompt_file: Path | None,
    output: Path | None,
    provider: str | None,
    model: str | None,
    no_cache: bool,
    stream: bool | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Print the answer to a prompt."""
    from backends.llm_router.api import complete_text, stream_text

    text = _prompt(words, prompt, prompt_file)
    whom: dict[str, Any] = {"provider": provider, "model_name": model}
    call = {**options, **({"cache": False} if no_cache else {})}
    if as_json:
        completion = complete_text(text, **whom, **call)
        # ASCII: nothing in it can act on a terminal, and half of a character is no fault.
        click.echo(json.dumps(completion.document(), indent=2))
        answer = completion.text
    elif stream or (stream is None and sys.stdout.isatty()):
        pieces = []
        for piece in stream_text(text, **whom, **call):
            say(piece, nl=False)
            pieces.append(piece)
        click.echo()
        answer = "".join(pieces)
    else:
        answer = complete_text(text, **whom, **call).text
        say(answer)
    if output is not None:
        output.write_text(answer, encoding="utf-8")


@cli.command()
@click.option("--verbose", "-v", is_flag=True, help="Also those that are not there, aliases, and what each needs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def providers(verbose: bool, as_json: bool) -> None:
    """List who could answer, and why the others could not."""
    from backends.llm_router.api import list_llm_providers

    found = list_llm_providers()
    if as_json:
        click.echo(json.dumps([asdict(info) for info in found], indent=2))
        return
    shown = [info for info in found if info.available or verbose]
    width = max((len(info.name) for info in shown), default=0)
    for info in shown:
        mark = "yes" if info.available else "no "
        click.echo(f"{info.name:<{width}}  {mark}  {info.summary}: {info.reason}")
        if verbose:
            if info.needs:
                click.echo(f"{'':<{width}}       needs {', '.join(info.needs)}")
            if info.aliases:
                click.echo(f"{'':<{width}}       also called {', '.join(info.aliases)}")
    if not verbose and len(shown) < len(found):
        click.echo(f"{len(found) - len(shown)} more are not there; --verbose tells why", err=True)


@cli.command()
@click.option("--provider", help="The provider to try. Default: the best there is.")
def test(provider: str | None) -> None:
    """Ask one small question and show who answered."""
    from backends.llm_router.api import complete_text

    click.echo(f"asking: {_TEST_PROMPT}", err=True)
    completion = complete_text(_TEST_PROMPT, provider=provider, max_tokens=50, cache=False)
    say(completion.text)
    who = "/".join(part for part in (completion.provider, completion.model) if part)
    click.echo(f"{who} answered in {completion.latency:.2f} s, {completion.usage.total_tokens} tokens", err=True)


@cli.command("clear-cache")
def clear_cache() -> None:
    """Forget the responses that are kept on disk.

    Those in memory end with each process.
    """
    from backends.llm_router.api import clear_llm_router_caches
    from backends.llm_router.deps import get_default_router_deps

    deps = get_default_router_deps()
    clear_llm_router_caches(deps)
    path = deps.environment.settings().cache_path
    click.echo(f"forgotten: the responses in {path}" if path else "nothing is kept on disk", err=True)


@cli.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address; another one than this machine's own needs a token.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--provider", help="Who answers when a request names nobody.")
@click.option("--model", help="Its model.")
@click.option("--local-only", is_flag=True, help="Refuse every provider that sends text off this machine.")
def serve(host: str, port: int, provider: str | None, model: str | None, local_only: bool) -> None:
    """Serve the REST API.

    It answers under /api/v0/ai/llm and, as OpenAI does, under /v1.
    """
    try:
        from backends.llm_router import server
    except ModuleNotFoundError as error:
        raise ConfigurationError(f'the package {error.name} is missing: pip install -e ".[server]"') from error
    where = f"serving on http://{host}:{port}/v1 and http://{host}:{port}/api/v0/ai/llm"
    privacy = "local_only" if local_only else None
    server.serve(
        host, port, provider=provider, model=model, privacy=privacy, announce=lambda: click.echo(where, err=True)
    )


def _prompt(words: tuple[str, ...], prompt: str | None, prompt_file: Path | None) -> str:
    sources: tuple[str | Path | None, ...] = (" ".join(words) or None, prompt, prompt_file)
    given = [source for source in sources if source is not None]
    if len(given) != 1:
        raise click.UsageError("give one prompt: as words, with --prompt or with --prompt-file")
    source = given[0]
    if isinstance(source, Path):
        text = _decoded(source.read_bytes(), str(source))
    else:
        text = _decoded(sys.stdin.buffer.read(), "standard input") if source == "-" else source
    if not text.strip():
        raise click.UsageError("the prompt is empty")
    return text


def _decoded(raw: bytes, source: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{source} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run(cli, arguments, "python -m backends.llm_router")
