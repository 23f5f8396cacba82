"""Commands for what an operator needs (`flask --app app …`)."""

from __future__ import annotations

import click
from flask.cli import ScriptInfo, pass_script_info
from flask_migrate import upgrade

from notifapp import keys
from notifapp.config import instance_dir


@click.command("init")
@pass_script_info
def init(info: ScriptInfo) -> None:
    """Make the keys that are missing and bring the database up to date; run again, it changes nothing."""
    keys.generate_missing(instance_dir())
    with info.load_app().app_context():
        upgrade()
