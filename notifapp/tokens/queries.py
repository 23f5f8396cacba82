"""Queries for the tokens' pages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, case, or_, select

from notifapp import clock
from notifapp.access.models import ApiToken, Project, User
from notifapp.database import MAX_ID, AnyRow, keyset, reading, table_of
from notifapp.errors import NotFound

_token, _user, _project = table_of(ApiToken).c, table_of(User).c, table_of(Project).c


class State(StrEnum):
    """Whether a token is valid, and if not, why."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"

    @property
    def label(self) -> str:
        """The name to show."""
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the list; empty ones match everything."""

    search: str = ""
    owner: str = ""
    project: str = ""
    state: State | None = None


def list_tokens(filters: Filters, cursor: keyset.Cursor | None) -> keyset.Slice:
    """The tokens of all projects, newest first."""
    state = _state()
    statement = _select(state)
    if filters.search:
        columns = (_token.name, _token.prefix)
        statement = statement.where(or_(*(column.icontains(filters.search, autoescape=True) for column in columns)))
    if filters.owner:
        statement = statement.where(_user.email == filters.owner)
    if filters.project:
        statement = statement.where(_project.slug == filters.project)
    if filters.state:
        statement = statement.where(state == filters.state.value)
    return keyset.fetch(statement, [_token.id], cursor, descending=True)


def get_token(token_id: int) -> AnyRow:
    """One token, with the columns of the list. Raise `NotFound`."""
    statement = _select(_state()).where(_token.id == min(token_id, MAX_ID))
    with reading() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound
    return row


def _select(state: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            _token.id,
            _token.name,
            _token.prefix,
            _token.codes,
            _token.created_at,
            _token.expires_at,
            _token.last_used_at,
            _user.email.label("owner"),
            _user.id.label("owner_id"),
            _project.slug,
            _project.name.label("project_name"),
            state.label("state"),
        )
        .join_from(table_of(ApiToken), table_of(User), _user.id == _token.user_id)
        .join(table_of(Project), _project.id == _token.project_id)
    )


def _state() -> ColumnElement[str]:
    """The state of each token, by the rules of access/authentication.py."""
    return case(
        (_token.revoked_at.is_not(None), State.REVOKED.value),
        (_token.expires_at <= clock.now(), State.EXPIRED.value),
        (or_(~_user.is_active, _project.archived_at.is_not(None)), State.SUSPENDED.value),
        else_=State.ACTIVE.value,
    )
