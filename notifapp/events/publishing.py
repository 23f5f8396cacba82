"""Writes down what happened, for every endpoint that takes it, in the transaction that causes it.

A statement that runs anyway asks whether anybody wants to be told (`is_told`), so a project without endpoints pays no
statement for them on its hot paths.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, insert, literal, select, true
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access.models import Project
from notifapp.database import Statement, table_of
from notifapp.events.models import EventEndpoint, EventMessage, EventSubscription, EventType, MessageStatus

LIFETIME = timedelta(hours=24)  # that a message is tried for

_table = table_of(EventMessage)
_message, _endpoint = _table.c, table_of(EventEndpoint).c
_subscription, _project = table_of(EventSubscription).c, table_of(Project).c


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a project. `data` holds no secret and no address; `recipient` is masked."""

    project_id: int
    type: EventType
    data: Mapping[str, Any]
    recipient: str | None = None
    at: datetime = field(default_factory=clock.now)


def _publish() -> Statement:
    names = ("event_id", "type", "recipient", "data", "next_attempt_at", "expires_at", "created_at")
    values = {name: bindparam(name, type_=_message[name].type) for name in names}
    takers = (
        select(_endpoint.id, literal(MessageStatus.QUEUED.value), *values.values())
        .join_from(table_of(EventEndpoint), table_of(EventSubscription), _subscription.endpoint_id == _endpoint.id)
        .join(table_of(Project), _project.id == _endpoint.project_id)
        .where(
            _subscription.project_id == bindparam("project_id"),
            _subscription.type == bindparam("type"),
            _endpoint.is_enabled == true(),
            _project.archived_at.is_(None),
        )
        # An endpoint that is being deleted is waited for, and then gets nothing.
        .with_for_update(read=True, key_share=True, of=table_of(EventEndpoint))
    )
    return Statement(insert(_table).from_select(["endpoint_id", "status", *names], takers))


_PUBLISH = _publish()


def is_told(project_id: Any, type_: EventType) -> ColumnElement[bool]:
    """Whether any endpoint of the project takes this event, as a column of a statement that runs anyway."""
    return exists().where(_subscription.project_id == project_id, _subscription.type == type_.value)


def publish(connection: Connection, event: Event) -> None:
    """Write an event down for every endpoint that takes it, in the caller's transaction."""
    _PUBLISH.execute(connection, project_id=event.project_id, **_values(event))


def publish_to(connection: Connection, endpoint_id: int, event: Event) -> None:
    """Write an event down for one endpoint, in the caller's transaction."""
    connection.execute(insert(_table).values(endpoint_id=endpoint_id, **_values(event)))


def projects_told(connection: Connection, type_: EventType) -> set[int]:
    """The projects in which any endpoint takes this event, for whoever has many to tell."""
    statement = select(_subscription.project_id).where(_subscription.type == type_.value).distinct()
    return set(connection.execute(statement).scalars())


def _values(event: Event) -> dict[str, Any]:
    return {
        "event_id": secrets.token_hex(16),
        "type": event.type.value,
        "recipient": event.recipient,
        "data": dict(event.data),
        "next_attempt_at": event.at,
        "expires_at": event.at + LIFETIME,
        "created_at": event.at,
    }


def publish_undelivered(
    connection: Connection, project_id: int, *, delivery: int, challenge: str | None, recipient: str, reason: str | None
) -> None:
    """Tell that a carrier could not deliver a message; `recipient` is masked, `reason` the carrier's, in our words."""
    data = {"delivery": delivery, "challenge": challenge, "reason": reason}
    publish(connection, Event(project_id, EventType.DELIVERY_UNDELIVERED, data, recipient))
