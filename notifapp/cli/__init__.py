"""Commands for operators and scripts (`flask --app app …`): adapters over the services, as the pages are.

Each prints just the id or the token on standard output, and what a person should know on standard error.
"""

from __future__ import annotations

from flask import Flask

from notifapp.cli.people import member, token, user
from notifapp.cli.projects import notifier, project, secrets, settings
from notifapp.cli.setup import demo, init
from notifapp.cli.worker import worker

__all__ = ["init", "init_app"]


def init_app(app: Flask) -> None:
    """Add the commands. `init` is an entry point instead, so that it runs before there is an app to load."""
    for command in (demo, worker, user, project, member, notifier, token, settings, secrets):
        app.cli.add_command(command)
