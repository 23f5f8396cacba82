"""What every command shares: an error is one line and exit status 1; a secret comes on standard input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError

from notifapp.access import ProjectArchived, ProjectRef
from notifapp.config import ConfigError
from notifapp.errors import DomainError, ValidationFailed
from notifapp.keys import KeyFileError
from notifapp.projects.service import find_project

_NO_DATABASE = (
    "The database can't be reached or has not been set up: check NOTIFAPP_DATABASE_URL, and run `flask --app app init`."
)


class OperatorCommand(click.Command):
    """A command that says what went wrong in one line, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, and turn the errors that an operator can do something about into one line."""
        try:
            return super().invoke(ctx)
        except ValidationFailed as error:
            raise click.ClickException(_in_one_line(error.errors)) from None
        except DomainError as error:
            raise click.ClickException(error.detail) from None
        except (OperationalError, ProgrammingError):
            # Its text is left out: it quotes the statement and the values, and the database's address.
            raise click.ClickException(_NO_DATABASE) from None
        except (ConfigError, KeyFileError, OSError) as error:
            raise click.ClickException(str(error)) from None


class OperatorGroup(AppGroup):
    """A group of such commands."""

    command_class = OperatorCommand


def open_project(slug: str) -> ProjectRef:
    """The project to change something in. Raise `NotFound`, or `Conflict` when it is archived."""
    project = find_project(slug)
    if project.archived_at:
        raise ProjectArchived
    return project


def read_secret() -> str:
    """What standard input holds, without the line end that `echo` adds."""
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise click.ClickException("Standard input holds no UTF-8 text.") from None
    return text.removesuffix("\n").removesuffix("\r")


def _in_one_line(errors: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{field}: {' '.join(messages)}" for field, messages in errors.items())
