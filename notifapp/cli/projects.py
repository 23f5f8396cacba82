"""The commands for projects: `project`, `notifier`, `settings`, `secrets`."""

from __future__ import annotations

import json

import click

from notifapp.access import Principal
from notifapp.channels import Channel
from notifapp.cli.base import OperatorGroup, open_project, read_secret
from notifapp.notifiers import encryption
from notifapp.notifiers import service as notifiers
from notifapp.notifiers.backends import BACKENDS
from notifapp.projects import service as projects
from notifapp.settings import service
from notifapp.settings.values import EMAIL_NOTIFIER, OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER, Settings, body

project = OperatorGroup("project", help="Projects, such as shops or apps.")
notifier = OperatorGroup("notifier", help="The SMS gateways and mail servers of a project.")
settings = OperatorGroup("settings", help="The notification settings of a project.")
secrets = OperatorGroup("secrets", help="Secrets, which are stored encrypted.")


@project.command("create")
@click.argument("slug")
@click.option("--name", required=True)
def create_project(slug: str, name: str) -> None:
    """Create a project and print its id."""
    click.echo(projects.create_project(slug, name, principal=Principal.operator()).id)


@notifier.command("create")
@click.argument("slug")
@click.option("--channel", type=click.Choice([channel.value for channel in Channel]), required=True)
@click.option("--backend", required=True, help="One of: " + ", ".join(BACKENDS) + ".")
@click.option("--name", required=True)
@click.option("--setting", "pairs", multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@click.option("--secret-stdin", "secret", metavar="KEY", help="Read this setting from standard input.")
def create_notifier(
    slug: str, channel: str, backend: str, name: str, pairs: tuple[str, ...], secret: str | None
) -> None:
    """Create a notifier and print its id."""
    values = _settings(pairs, backend)
    if secret is not None:
        values[secret] = read_secret()
    fields = {"name": name, "backend": backend, "settings": values}
    created = notifiers.create_notifier(open_project(slug), Channel(channel), fields, principal=Principal.operator())
    click.echo(created.id)


@settings.command("show")
@click.argument("slug")
def show_settings(slug: str) -> None:
    """Print the settings in force as the API's JSON."""
    _print(service.get_notification_settings(projects.find_project(slug)))


@settings.command("set")
@click.argument("slug")
@click.option("--sms-notifier", SMS_NOTIFIER, metavar="ID|none")
@click.option("--email-notifier", EMAIL_NOTIFIER, metavar="ID|none")
@click.option("--otp-code-len", OTP_CODE_LEN, metavar="N", help="Digits in a code.")
@click.option("--otp-ttl", OTP_TTL, metavar="S", help="Lifetime of a code in seconds.")
@click.option(
    "--require-proof/--no-require-proof",
    default=None,
    help="Let only proven notifiers be chosen, in this command already; it stays so even if other settings fail.",
)
def set_settings(slug: str, require_proof: bool | None, **options: str | None) -> None:
    """Change the given settings and print the resulting ones."""
    project, principal = open_project(slug), Principal.operator()
    given = {field: value for field, value in options.items() if value is not None}
    changes = {
        field: None if value == "none" and field in (SMS_NOTIFIER, EMAIL_NOTIFIER) else value
        for field, value in given.items()
    }
    if require_proof is not None:
        service.set_requires_proof(project, require_proof, principal=principal)
    _print(service.update_notification_settings(project, changes, principal=principal).after)


@secrets.command("reencrypt")
def reencrypt_secrets() -> None:
    """Encrypt every stored secret with the first listed key, and print their number."""
    click.echo(encryption.reencrypt_secrets(principal=Principal.operator()))


def _settings(pairs: tuple[str, ...], backend: str) -> dict[str, str]:
    """Parse the settings. Secrets are refused, because other users of the machine can see command lines."""
    values: dict[str, str] = {}
    secret_keys = BACKENDS[backend].secrets if backend in BACKENDS else frozenset()
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise click.UsageError(f"--setting takes KEY=VALUE, not {pair!r}")
        if key in secret_keys:
            raise click.UsageError(f"{key} is a secret: give it on standard input, with --secret-stdin {key}")
        values[key] = value
    return values


def _print(current: Settings) -> None:
    click.echo(json.dumps(body(current), ensure_ascii=False))
