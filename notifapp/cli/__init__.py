"""Commands for operators and scripts (`flask --app app …`): adapters over the services, like the pages.

Each prints only the id or the token to standard output, and anything else a person should know to standard error.
"""

from __future__ import annotations

from flask import Flask

from notifapp.cli.otp import otp
from notifapp.cli.people import member, token, user
from notifapp.cli.projects import notifier, project, secrets, settings
from notifapp.cli.retention import erase_recipient, purge
from notifapp.cli.setup import demo, init
from notifapp.cli.worker import worker

__all__ = ["init", "init_app"]


def init_app(app: Flask) -> None:
    """Add the commands, except `init`: it is an entry point, because it has to run before the app can load."""
    for command in (
        demo,
        worker,
        purge,
        erase_recipient,
        user,
        project,
        member,
        notifier,
        token,
        settings,
        secrets,
        otp,
    ):
        app.cli.add_command(command)
