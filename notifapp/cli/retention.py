"""The commands `purge` and `erase-recipient`."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from notifapp.access import Principal
from notifapp.cli.base import OperatorCommand, read_secret
from notifapp.retention import erasure, service


@click.command("purge", cls=OperatorCommand)
@with_appcontext
def purge() -> None:
    """Delete what is older than NOTIFAPP_RETENTION_… says, as the worker does every hour, and print how much it was."""
    for name, count in service.purge().items():
        click.echo(f"{count:>8} {name}")


@click.command("erase-recipient", cls=OperatorCommand)
@click.argument("address")
@with_appcontext
def erase_recipient(address: str) -> None:
    """Delete or blank every row that knows a customer's address, in every project, and print their number.

    ADDRESS is a phone number that begins with +, or an email address; - reads it from standard input, where other users
    of the machine can't see it.
    """
    given = read_secret() if address == "-" else address
    erased = erasure.erase_recipient(given, principal=Principal.operator())
    click.echo(erased.rows)
    if erased.is_user:
        click.echo("This is a user's address, too: the account and what it did stay.", err=True)
