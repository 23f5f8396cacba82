"""What the pages of endpoints list."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.database import MAX_ID, AnyRow, keyset, reading, table_of
from notifapp.errors import NotFound
from notifapp.events.models import EventEndpoint, EventMessage, EventSubscription, EventType
from notifapp.events.sending import FORMER_SECRET_LIFETIME

_endpoint, _subscription = table_of(EventEndpoint).c, table_of(EventSubscription).c
_message = table_of(EventMessage).c
_SHOWN = [column for column in _endpoint if column.name != "secrets"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint without its secrets, with the events that it takes, in their order."""

    id: int
    url: str
    is_enabled: bool
    rotated_at: datetime | None
    created_at: datetime
    types: list[EventType]

    @property
    def former_secret_until(self) -> datetime | None:
        """Until when the secret before the newest signs, too."""
        until = self.rotated_at and self.rotated_at + FORMER_SECRET_LIFETIME
        return until if until and until > clock.now() else None


def list_endpoints(project: ProjectRef) -> list[Endpoint]:
    """The project's endpoints, the newest first; there are few."""
    in_project = _endpoint.project_id == project.id
    of_project = select(*_SHOWN).where(in_project).order_by(_endpoint.id.desc())
    taken = (
        select(_subscription.endpoint_id, _subscription.type)
        .join_from(table_of(EventEndpoint), table_of(EventSubscription), _subscription.endpoint_id == _endpoint.id)
        .where(in_project)
    )
    types: dict[int, set[str]] = defaultdict(set)
    with reading() as connection:
        rows = connection.execute(of_project).all()
        for endpoint_id, type_ in connection.execute(taken):
            types[endpoint_id].add(type_)
    return [_details(row, types[row.id]) for row in rows]


def get_endpoint(project: ProjectRef, endpoint_id: int) -> Endpoint:
    """One of the project's endpoints. Raise `NotFound`."""
    found = [each for each in list_endpoints(project) if each.id == endpoint_id]
    if not found:
        raise NotFound
    return found[0]


def list_messages(endpoint: Endpoint, cursor: keyset.Cursor | None) -> keyset.Slice:
    """What was told to an endpoint, newest first."""
    statement = select(table_of(EventMessage)).where(_message.endpoint_id == min(endpoint.id, MAX_ID))
    return keyset.fetch(statement, [_message.created_at, _message.id], cursor, descending=True, size=25)


def _details(row: AnyRow, types: set[str]) -> Endpoint:
    in_order = [each for each in EventType if each in types]
    return Endpoint(row.id, row.url, row.is_enabled, row.rotated_at, row.created_at, in_order)
