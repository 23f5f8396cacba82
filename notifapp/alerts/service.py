"""Who is told of a project's alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from notifapp import inputs
from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.alerts.models import BALANCE_DAYS, MOST_BALANCE_DAYS, AlertSettings
from notifapp.audit.service import Action, Change, record
from notifapp.database import Statement, reading, table_of, upsert, writing
from notifapp.inputs import FieldErrors

MOST_EMAILS = 10

_table = table_of(AlertSettings)
_settings = _table.c


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told by email, and the number of days below which a balance is told."""

    emails: tuple[str, ...] = ()
    balance_days: int = BALANCE_DAYS


def _save(insert: Any) -> Any:
    row = insert.values({column.name: bindparam(column.name, type_=column.type) for column in _settings})
    set_ = {name: row.excluded[name] for name in Told.__slots__}
    return row.on_conflict_do_update(index_elements=[_settings.project_id], set_=set_)


_SAVE = Statement(upsert(_table, _save))


def get_told(project: ProjectRef) -> Told:
    """Who is told."""
    with reading() as connection:
        return told_in(connection, project.id)


def set_told(project: ProjectRef, posted: Mapping[str, str], *, principal: Principal) -> None:
    """Save who is told, from a form's raw values: `emails`, one on each line, and `balance_days`.

    Raise `ValidationFailed` with every failing field.
    """
    after = _parse(posted)
    with writing() as connection:
        keep_open(connection, project.id)
        before = told_in(connection, project.id, is_locked=True)
        if before == after:
            return
        _SAVE.execute(connection, project_id=project.id, emails=list(after.emails), balance_days=after.balance_days)
        record(
            connection,
            Action.ALERTS_CHANGED,
            principal=principal,
            project_id=project.id,
            subject="who is told",
            detail={"changes": _changes(before, after)},
        )


def told_in(connection: Connection, project_id: int, *, is_locked: bool = False) -> Told:
    """Who is told, in the caller's transaction; `is_locked` keeps others from changing it meanwhile."""
    statement = select(_table).where(_settings.project_id == project_id)
    row = connection.execute(statement.with_for_update() if is_locked else statement).one_or_none()
    return Told() if row is None else Told(tuple(row.emails), row.balance_days)


def forget_email(connection: Connection, address: str) -> int:
    """Tell nothing more to a normalised address, in any project. Return in how many it was told."""
    found = 0
    for row in connection.execute(select(_table).with_for_update()).all():
        if address in row.emails:
            left = [each for each in row.emails if each != address]
            connection.execute(update(_table).where(_settings.project_id == row.project_id).values(emails=left))
            found += 1
    return found


def _parse(posted: Mapping[str, str]) -> Told:
    errors = FieldErrors()
    emails: tuple[str, ...] = ()
    days = BALANCE_DAYS
    with errors.of("emails"):
        emails = _emails(posted.get("emails", ""))
    with errors.of("balance_days"):
        days = inputs.whole_number(posted.get("balance_days", ""), 1, MOST_BALANCE_DAYS)
    errors.raise_any()
    return Told(emails, days)


def _emails(text: str) -> tuple[str, ...]:
    """The addresses in a text, one on each line. Raise `ValueError`."""
    found: dict[str, None] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        try:
            found[inputs.email_address(line).lower()] = None
        except ValueError:
            raise ValueError(f"“{line[:100]}” is not an email address.") from None
    if len(found) > MOST_EMAILS:
        raise ValueError(f"Enter at most {MOST_EMAILS} addresses. Use a mailing list for more people.")
    return tuple(found)


def _changes(before: Told, after: Told) -> list[Change]:
    words = [
        ("Told by email", ", ".join(before.emails) or "Nobody", ", ".join(after.emails) or "Nobody"),
        ("Balance is told below", f"{before.balance_days} days", f"{after.balance_days} days"),
    ]
    return [Change(label, old, new) for label, old, new in words if old != new]
