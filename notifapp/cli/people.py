"""The commands for people: `user`, `member`, `token`."""

from __future__ import annotations

import click

from notifapp.access import Principal
from notifapp.cli.base import OperatorGroup, read_secret
from notifapp.projects.service import find_project
from notifapp.second_factor import service as second_factor
from notifapp.tokens import service as tokens
from notifapp.users import service as users

user = OperatorGroup("user", help="People who can sign in.")
member = OperatorGroup("member", help="Members of a project and their permissions there.")
token = OperatorGroup("token", help="API tokens.")


@user.command("create")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--admin", "is_admin", is_flag=True, help="Allow everything in every project.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_user(email: str, name: str, is_admin: bool, password_stdin: bool) -> None:
    """Create a user and print its id.

    Without --password-stdin, a one-time link to set the password is printed to standard error.
    """
    operator = Principal.operator()
    password = read_secret() if password_stdin else None
    user_id = users.create_user(email, name, principal=operator, is_admin=is_admin, password=password)
    click.echo(user_id)
    if password is None:
        key = users.create_password_link(user_id, principal=operator)
        click.echo(f"Set the password within 24 hours, once: /password/{key}", err=True)


@user.command("deactivate")
@click.argument("email")
def deactivate_user(email: str) -> None:
    """Deactivate a user at once and print its id."""
    user_id = users.find_user(email)
    users.deactivate_user(user_id, principal=Principal.operator())
    click.echo(user_id)


@user.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Remove a user's passkeys, authenticator apps and recovery codes, end the sessions, and print the id."""
    user_id = users.find_user(email)
    second_factor.reset(user_id, principal=Principal.operator())
    click.echo(user_id)


@member.command("set")
@click.argument("email")
@click.argument("slug")
@click.option("--permission", "codes", type=int, multiple=True, metavar="CODE", help="Such as 1036; may be repeated.")
def set_member(email: str, slug: str, codes: tuple[int, ...]) -> None:
    """Make a user a member with exactly these permission codes, and print the user's id."""
    user_id = users.find_user(email)
    users.set_membership(user_id, find_project(slug).id, codes, principal=Principal.operator())
    click.echo(user_id)


@member.command("remove")
@click.argument("email")
@click.argument("slug")
def remove_member(email: str, slug: str) -> None:
    """Remove a user from a project and print the user's id."""
    user_id = users.find_user(email)
    users.remove_membership(user_id, find_project(slug).id, principal=Principal.operator())
    click.echo(user_id)


@token.command("create")
@click.argument("email")
@click.argument("slug")
@click.option("--name", required=True, help="The program that uses it.")
@click.option("--days", "--expires-in", "days", type=int, metavar="DAYS", help=f"{tokens.USUAL_DAYS} if omitted.")
@click.option("--never-expires", is_flag=True)
@click.option(
    "--permission",
    "codes",
    type=int,
    multiple=True,
    metavar="CODE",
    help="May be repeated; if omitted, the token has all of the owner's permissions.",
)
def create_token(
    email: str, slug: str, name: str, days: int | None, never_expires: bool, codes: tuple[int, ...]
) -> None:
    """Create a token that acts for a user in a project, and print it. It is shown only once."""
    if never_expires and days is not None:
        raise click.UsageError("Give either --days or --never-expires.")
    new = tokens.create_token(
        users.find_user(email),
        find_project(slug).id,
        name,
        principal=Principal.operator(),
        expires_in_days=None if never_expires else tokens.USUAL_DAYS if days is None else days,
        codes=codes or None,
    )
    click.echo(new.token)


@token.command("revoke")
@click.argument("prefix")
def revoke_token(prefix: str) -> None:
    """Revoke the token with this public prefix and print its id."""
    token_id = tokens.find_token(prefix)
    tokens.revoke_token(token_id, principal=Principal.operator())
    click.echo(token_id)
