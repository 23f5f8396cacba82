"""The commands that set up an instance: `init` and `demo`."""

from __future__ import annotations

import os

import click
from flask import current_app
from flask.cli import ScriptInfo, pass_script_info, with_appcontext
from flask_migrate import upgrade

from notifapp import keys
from notifapp.cli.base import OperatorCommand
from notifapp.cli.demo import FILE, PEOPLE, TOKEN, prepare
from notifapp.config import instance_dir
from notifapp.notifiers.backends.console import is_console_on


@click.command("init", cls=OperatorCommand)
@pass_script_info
def init(info: ScriptInfo) -> None:
    """Create the missing keys and upgrade the database."""
    os.umask(0o077)  # only the owner may read the embedded database, like the keys
    keys.generate_missing(instance_dir())
    with info.load_app().app_context():
        upgrade()


@click.command("demo", cls=OperatorCommand)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The server's URL.")
@with_appcontext
def demo(url: str) -> None:
    """Create a demo project, unless it exists, and show how to sign in."""
    if not is_console_on():
        raise click.ClickException(
            "The demo sends through the console backend: set NOTIFAPP_DEBUG=1 or NOTIFAPP_CONSOLE_BACKEND=1 for this "
            "command, for the server and for the worker."
        )
    folder = current_app.config["NOTIFAPP"].instance_dir
    credentials = prepare(folder)
    click.echo(f"\nOpen {url} and sign in as\n")
    for person in PEOPLE:
        click.echo(f"  {person.email:18} {credentials[person.email]:22} {person.role}")
    click.echo("\nor use the API:\n")
    click.echo(f'  curl -H "Authorization: Token {credentials[TOKEN]}" {url}/api/settings/notifications\n')
    click.echo(f"These are kept in {folder / FILE}.\n")
