"""`run.py serve`: the web pages and the API, and who may use them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

import click

from backends.exceptions import ConfigurationError
from backends.terminal_text import on_one_line
from commands.app import App
from commands.output import as_json, json_option, table

if TYPE_CHECKING:
    from config import Config
    from mediator.interfaces.serving import Accounts, Pages, ServerSettings

__all__ = ["run_configured", "serve"]


@click.group(invoke_without_command=True)
@click.option("--host", help="The address to listen on. Default: APPLICATION.host, else this machine only.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one. Default: APPLICATION.port.")
@click.pass_context
def serve(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Serve the web pages and the API until Ctrl-C. On this machine alone there is no login; elsewhere there must be.

    The address is printed when the server answers.
    """
    if ctx.invoked_subcommand is None:
        run_configured(ctx.obj, host=host, port=port)


def run_configured(app: App, *, host: str | None = None, port: int | None = None) -> None:
    """Serve what the configuration says; the arguments come before it."""
    _check_installed()
    from mediator.interfaces.serving import create_app
    from mediator.interfaces.serving.run import run_server
    from mediator.interfaces.serving.settings import checked

    settings = checked(_settings(app.config, host, port))
    office = app.office
    accounts = _accounts(app, settings)
    if settings.needs_login and not any(not person.disabled for person in accounts.people()):
        raise ConfigurationError("nobody may log in yet; first: python run.py serve user add NAME")
    served = create_app(office, accounts, settings, models=_models(app, settings), pages=_pages())
    run_server(served, settings, lambda line: click.echo(on_one_line(line)))


def _settings(config: Config, host: str | None, port: int | None) -> ServerSettings:
    from mediator.interfaces.serving import MEDIA_TYPES, ServerSettings

    server, application = config.SERVER, config.APPLICATION
    return ServerSettings(
        host=application.host if host is None else host,
        port=application.port if port is None else port,
        origin=server.origin,
        always_login=server.login,
        certificate=server.certificate,
        certificate_key=server.certificate_key,
        trusted_proxies=server.trusted_proxies or (),
        llm_api=server.llm_api,
        token=None if application.token is None else application.token.get_secret_value(),
        max_upload_bytes=server.max_upload_bytes,
        max_person_bytes=server.max_person_bytes,
        media_types=server.media_types or MEDIA_TYPES,
        session_hours=server.session_hours,
        session_idle_minutes=server.session_idle_minutes,
        requests_per_minute=server.requests_per_minute,
    )


def _accounts(app: App, settings: ServerSettings) -> Accounts:
    from mediator.interfaces.serving import Accounts

    accounts = Accounts(
        app.office.state_dir / "accounts.sqlite3",
        session_hours=settings.session_hours,
        idle_minutes=settings.session_idle_minutes,
    )
    app.at_end(accounts.close)
    return accounts


def _models(app: App, settings: ServerSettings) -> Any:
    """The router's API, with the first backend of the mediator as its own provider where that is one."""
    if not settings.llm_api:
        return None
    from backends.llm_router import RouterDeps
    from backends.llm_router.server import create_app
    from config.entries import LLMRouterEntry

    config = app.config
    deps = RouterDeps(env=app.env)
    app.at_end(deps.close)
    first = next(entry for entry in config.BACKENDS if entry.id == config.used_ids[0])
    provider, model = (first.provider, first.model) if isinstance(first, LLMRouterEntry) else (None, None)
    return create_app(
        deps,
        provider=provider,
        model=model,
        privacy=config.MEDIATOR.privacy if config.MEDIATOR else None,
        guarded=False,
    )


def _pages() -> Pages:
    from mediator.interfaces.serving import Pages
    from mediator.interfaces.web import error_page, web_routes

    return Pages(web_routes(), error_page)


def _check_installed() -> None:
    try:
        import argon2  # noqa: F401
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f'the server needs the package {error.name}; pip install -c constraints.txt -e ".[server]"'
        ) from error


# -- users


@serve.group()
def user() -> None:
    """Who may log in where a login is needed."""


def _with_accounts(app: App) -> Accounts:
    _check_installed()
    return _accounts(app, _settings(app.config, None, None))


def _password(name: str) -> str:
    """From a prompt, or one line of standard input; never from an argument, which other programs can read."""
    if sys.stdin.isatty():
        return str(click.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


@user.command("add")
@click.argument("name")
@click.pass_obj
def add_user(app: App, name: str) -> None:
    """Let NAME log in. The password is asked for, or read as one line from standard input."""
    accounts = _with_accounts(app)
    accounts.add(name, _password(name))
    click.echo(f"{name} may log in now")


@user.command("password")
@click.argument("name")
@click.pass_obj
def change_password(app: App, name: str) -> None:
    """Give NAME another password; all their browsers are logged out."""
    accounts = _with_accounts(app)
    accounts.set_password(name, _password(name))
    click.echo(f"{name} has a new password and is logged out everywhere")


@user.command("disable")
@click.argument("name")
@click.pass_obj
def disable_user(app: App, name: str) -> None:
    """Keep NAME out, with all tokens. Cases and evidence stay."""
    _with_accounts(app).disable(name)
    click.echo(f"{name} is kept out; `serve user enable {name}` lets them in again")


@user.command("enable")
@click.argument("name")
@click.pass_obj
def enable_user(app: App, name: str) -> None:
    """Let NAME log in again."""
    _with_accounts(app).enable(name)
    click.echo(f"{name} may log in again")


@user.command("list")
@json_option
@click.pass_obj
def list_users(app: App, as_json_output: bool) -> None:
    """Show who may log in."""
    people = _with_accounts(app).people()
    if as_json_output:
        as_json([dataclasses.asdict(person) for person in people])
        return
    table(
        [(p.name, "disabled" if p.disabled else "may log in", _day(p.created)) for p in people], ("name", "", "since")
    )


# -- tokens


@serve.group()
def token() -> None:
    """Tokens for programs that use the API."""


@token.command("add")
@click.argument("label")
@click.option("--person", metavar="NAME", help="Whose cases it opens. Default: the person of this machine.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("cases",),
    show_default=True,
    type=click.Choice(["cases", "llm"]),
    help="What it may do: the person's cases, or language models. May be given again.",
)
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="How long it lasts. Default: until revoked.")
@json_option
@click.pass_obj
def add_token(
    app: App, label: str, person: str | None, scopes: tuple[str, ...], days: float | None, as_json_output: bool
) -> None:
    """Make a token called LABEL. It is shown this once and kept nowhere."""
    accounts = _with_accounts(app)
    owner = app.office.local_owner if person is None else person
    if person is not None and person not in {known.name for known in accounts.people()}:
        raise click.UsageError(f'there is no user "{person}"; `serve user list` shows them')
    info, value = accounts.add_token(label, owner, tuple(dict.fromkeys(scopes)), days=days)
    if as_json_output:
        as_json({**dataclasses.asdict(info), "token": value})
        return
    click.echo(value)
    click.echo(f"token {info.id} for {owner}: {', '.join(info.scopes)}; it is not shown again", err=True)


@token.command("list")
@json_option
@click.pass_obj
def list_tokens(app: App, as_json_output: bool) -> None:
    """Show the tokens, without themselves."""
    tokens = _with_accounts(app).tokens()
    if as_json_output:
        as_json([dataclasses.asdict(item) for item in tokens])
        return
    rows = [
        (t.id, t.person, ", ".join(t.scopes), _day(t.created), _day(t.used) or "never", _day(t.expires) or "-", t.label)
        for t in tokens
    ]
    table(rows, ("id", "person", "may use", "since", "used", "until", "label"))


@token.command("revoke")
@click.argument("id")
@click.pass_obj
def revoke_token(app: App, id: str) -> None:
    """Let the token with that ID in no more, at once."""
    _with_accounts(app).revoke(id)
    click.echo(f"token {id} lets nobody in any more")


def _day(moment: float | None) -> str:
    return "" if moment is None else dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d")
