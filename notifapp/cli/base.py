"""What all commands share: errors are one line with exit status 1; secrets are read from standard input."""

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
    """A command that reports errors in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and report the errors that an operator can fix in one line."""
        try:
            return super().invoke(ctx)
        except ValidationFailed as error:
            raise click.ClickException(_in_one_line(error.errors)) from None
        except DomainError as error:
            raise click.ClickException(error.detail) from None
        except (OperationalError, ProgrammingError):
            # The error's text is left out: it quotes the statement, its values and the database's URL.
            raise click.ClickException(_NO_DATABASE) from None
        except (ConfigError, KeyFileError, OSError) as error:
            raise click.ClickException(str(error)) from None


class OperatorGroup(AppGroup):
    """A group of such commands."""

    command_class = OperatorCommand


def open_project(slug: str) -> ProjectRef:
    """A project that may be changed. Raise `NotFound`, or `Conflict` if it is archived."""
    project = find_project(slug)
    if project.archived_at:
        raise ProjectArchived
    return project


def read_secret() -> str:
    """The text on standard input, without the final line break that `echo` adds."""
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise click.ClickException("Standard input holds no UTF-8 text.") from None
    return text.removesuffix("\n").removesuffix("\r")


def _in_one_line(errors: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{field}: {' '.join(messages)}" for field, messages in errors.items())
