"""The commands for one-time codes: `otp`."""

from __future__ import annotations

import click

from notifapp import wording
from notifapp.access import Principal
from notifapp.channels import Channel
from notifapp.cli.base import OperatorGroup, open_project
from notifapp.otp.blocked import service

otp = OperatorGroup("otp", help="One-time codes and their recipients.")


@otp.command("release")
@click.argument("slug")
@click.argument("recipients", nargs=-1)
@click.option("--channel", type=click.Choice([channel.value for channel in Channel]), help="Default: by the address.")
@click.option("--all", "is_all", is_flag=True, help="Every recipient who is blocked.")
def release(slug: str, recipients: tuple[str, ...], channel: str | None, is_all: bool) -> None:
    """Let recipients have codes again who are kept waiting or blocked after wrong codes.

    Give their phone numbers or email addresses, or --all. Print them masked.
    """
    if is_all == bool(recipients):
        raise click.UsageError("give either recipients or --all")
    project, operator = open_project(slug), Principal.operator()
    if is_all:
        released = service.release_all(project, principal=operator)
    else:
        on = Channel(channel) if channel else None
        released = [
            masked
            for recipient in recipients
            for masked in service.release_address(project, recipient, channel=on, principal=operator)
        ]
    for masked in released:
        click.echo(masked)
    click.echo(f"{wording.count(len(released), 'recipient')} released.", err=True)
