"""The commands that set an instance up: `init` and `demo`."""

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


@click.command("init", cls=OperatorCommand)
@pass_script_info
def init(info: ScriptInfo) -> None:
    """Make the missing keys and bring the database up to date."""
    os.umask(0o077)  # the embedded database is for its owner alone, as the keys are
    keys.generate_missing(instance_dir())
    with info.load_app().app_context():
        upgrade()


@click.command("demo", cls=OperatorCommand)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the server answers.")
@with_appcontext
def demo(url: str) -> None:
    """Make a demo project, the first time only, and show how to sign in."""
    folder = current_app.config["NOTIFAPP"].instance_dir
    credentials = prepare(folder)
    click.echo(f"\nOpen {url} and sign in as\n")
    for person in PEOPLE:
        click.echo(f"  {person.email:18} {credentials[person.email]:22} {person.role}")
    click.echo("\nor use the API:\n")
    click.echo(f'  curl -H "Authorization: Token {credentials[TOKEN]}" {url}/api/settings/notifications\n')
    click.echo(f"These are kept in {folder / FILE}.\n")
