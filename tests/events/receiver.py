"""A shop with an endpoint on loopback, what the endpoint received, and who carries it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update
from standardwebhooks import Webhook

from notifapp import clock
from notifapp.access import Principal
from notifapp.database import reading, table_of, writing
from notifapp.events import outbox, service
from notifapp.events.models import EventMessage, EventType
from tests.notifiers.gateway import Gateway, Received
from tests.otp.caller import Caller

OPERATOR = Principal.operator()
_message = table_of(EventMessage).c


@dataclass
class Carrier:
    """A worker's hands: they carry what is queued to whichever endpoints there are."""

    app: Flask
    caller: Caller
    gateway: Gateway

    def carry(self) -> int:
        """Send all that is due, as a worker would. Return how many attempts were made."""
        with self.app.app_context():
            claims = outbox.exchange([], 100)
            outbox.exchange([outbox.send(claim) for claim in claims], 0)
        return len(claims)

    def messages(self) -> list[Any]:
        """The rows of the outbox, oldest first."""
        with self.app.app_context(), reading() as connection:
            return list(connection.execute(select(table_of(EventMessage)).order_by(_message.id)).all())

    def make_due(self) -> None:
        """As if the time until the next attempt had passed."""
        self.change(next_attempt_at=clock.now() - timedelta(seconds=1))

    def expire_leases(self) -> None:
        """As if the time of whoever holds a message had run out."""
        past = clock.now() - timedelta(seconds=1)
        with self.app.app_context(), writing() as connection:
            is_held = _message.status == "sending"
            connection.execute(update(table_of(EventMessage)).where(is_held).values(lease_until=past))

    def change(self, **values: object) -> None:
        """Change every row of the outbox directly."""
        with self.app.app_context(), writing() as connection:
            connection.execute(update(table_of(EventMessage)).values(**values))


@dataclass
class Receiver(Carrier):
    """The endpoint of a caller's project; `gateway` is its server."""

    types: tuple[EventType, ...] = tuple(EventType)
    endpoint_id: int = field(init=False)
    secret: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with self.app.app_context():
            made = service.create_endpoint(self.caller.project, self.url, self.types, principal=OPERATOR)
        self.endpoint_id, self.secret = made.endpoint_id, made.secret

    @property
    def url(self) -> str:
        return f"{self.gateway.url}/events"

    @property
    def page(self) -> str:
        return f"/projects/{self.caller.project.slug}/events/{self.endpoint_id}"

    def told(self) -> list[Any]:
        """What the endpoint is told of everything that happened, each verified with the library."""
        self.carry()
        return [verified(self.secret, request) for request in self.gateway.requests]


def headers(request: Received) -> dict[str, str]:
    """A request's headers by their names in small letters."""
    return {name.lower(): value for name, value in request.headers.items()}


def verified(secret: str, request: Received) -> Any:
    """The event in a request. Raise what the library raises if it isn't signed with this secret."""
    found: Mapping[str, Any] = Webhook(secret).verify(request.body, headers(request))
    return found
