"""Queries for the audit trail's page and download."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from notifapp import wording
from notifapp.access import Permission, Source
from notifapp.access.models import ApiToken, Project
from notifapp.audit.models import AuditEvent
from notifapp.audit.service import Action, Change
from notifapp.database import AnyRow, keyset, reading, table_of

CSV_BATCH = 1000  # events per query of the download

_event, _token, _project = table_of(AuditEvent).c, table_of(ApiToken).c, table_of(Project).c
_CODES = ("granted", "taken", "codes")
_SHOWN_ELSEWHERE = ("changes", "version", "id")  # the subject of changed settings is their version
_LABELS = {
    "granted": "Added",
    "taken": "Removed",
    "codes": "Limited to",
    "at": "During",
    "expires_in_days": "Expires after (days)",
}
_PERMISSIONS = {permission.value: permission.label for permission in Permission}
_ORDER = [_event.at, _event.id]


@dataclass(frozen=True, slots=True)
class Event:
    """An event in words. `facts` are its other details, as (label, value); one that needs no label has none."""

    id: int
    at: datetime
    action: Action
    actor: str
    source: Source
    address: str | None
    token_prefix: str | None
    project_slug: str | None
    subject: str
    changes: list[Change]
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the trail; empty ones match everything. Both times are inclusive."""

    action: Action | None = None
    actor: str = ""
    project: str = ""
    source: Source | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_events(filters: Filters, cursor: keyset.Cursor | None) -> keyset.Slice:
    """The matching events, newest first."""
    return keyset.fetch(select_events(filters), _ORDER, cursor, descending=True)


def every_event(filters: Filters) -> Iterator[Event]:
    """All matching events, newest first, fetched in batches to bound memory and queries."""
    cursor: keyset.Cursor | None = None
    while True:
        part = keyset.fetch(select_events(filters), _ORDER, cursor, descending=True, size=CSV_BATCH)
        yield from (to_event(row) for row in part.rows)
        if part.older is None:
            return
        cursor = part.older


def select_events(filters: Filters) -> Select[*tuple[Any, ...]]:
    """The statement behind `list_events` and `every_event`."""
    statement = (
        select(table_of(AuditEvent), _token.prefix.label("token_prefix"), _project.slug.label("project_slug"))
        .select_from(table_of(AuditEvent))
        .outerjoin(table_of(ApiToken), _token.id == _event.token_id)
        .outerjoin(table_of(Project), _project.id == _event.project_id)
    )
    if filters.action:
        statement = statement.where(_event.action == filters.action.value)
    if filters.actor:
        statement = statement.where(_event.actor == filters.actor)
    if filters.project:
        statement = statement.where(_event.project_id == _project_id(filters.project))
    if filters.source:
        statement = statement.where(_event.source == filters.source.value)
    if filters.since:
        statement = statement.where(_event.at >= filters.since)
    if filters.until:
        statement = statement.where(_event.at <= filters.until)
    return statement


def to_event(row: AnyRow) -> Event:
    """Turn a row into words."""
    changes, facts = _in_words(row.detail)
    return Event(
        id=row.id,
        at=row.at,
        action=Action(row.action),
        actor=row.actor,
        source=Source(row.source),
        address=row.address,
        token_prefix=row.token_prefix,
        project_slug=row.project_slug,
        subject=row.subject,
        changes=changes,
        facts=facts,
    )


def _project_id(slug: str) -> int:
    """The project's id, or 0. Looked up first, so that the query planner can estimate its number of events."""
    with reading() as connection:
        return connection.execute(select(_project.id).where(_project.slug == slug)).scalar_one_or_none() or 0


def _in_words(detail: Mapping[str, Any]) -> tuple[list[Change], list[tuple[str, str]]]:
    changes = [
        Change(label, wording.value(before), wording.value(after)) for label, before, after in detail.get("changes", [])
    ]
    facts = [
        (_label(key), _codes(value) if key in _CODES else wording.value(value))
        for key, value in detail.items()
        if key not in _SHOWN_ELSEWHERE
    ]
    found = [(label, value) for label, value in facts if value]
    if detail.get("id"):  # only events about notifiers have one
        found.insert(0, ("", f"Notifier #{detail['id']}"))
    return changes, found


def _label(key: str) -> str:
    return _LABELS.get(key) or key.removeprefix("is_").replace("_", " ").capitalize()


def _codes(codes: Iterable[int]) -> str:
    return ", ".join(f"{code} {_PERMISSIONS.get(code, '')}".strip() for code in codes)
