"""The endpoints of a project: who is told what. They are made and changed by admins."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, false, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from notifapp import clock, inputs
from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.audit.service import Action, Change, record
from notifapp.database import MAX_ID, Unreadable, insert_sealed, seal, table_of, unseal, writing
from notifapp.errors import Conflict, NotFound, ValidationFailed
from notifapp.events import outbox, sending
from notifapp.events.models import TEST, EventEndpoint, EventMessage, EventSubscription, EventType
from notifapp.events.publishing import LIFETIME
from notifapp.inputs import FieldErrors
from notifapp.notifiers.gateway.parsing import destination_url

MAX_URL_LENGTH = 2000
MOST_ENDPOINTS = 20  # in a project; each event is sent to every one
SECRET_BYTES = 32  # at least 24, by the specification

_table, _subscriptions, _messages = table_of(EventEndpoint), table_of(EventSubscription), table_of(EventMessage)
_endpoint = _table.c


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A signing secret just made, to be shown once."""

    endpoint_id: int
    secret: str = field(repr=False)


def create_endpoint(project: ProjectRef, url: str, types: Iterable[str], *, principal: Principal) -> NewSecret:
    """Create an endpoint that takes these events.

    Raise `ValidationFailed` on `url` or `types`, and `Conflict` if the project has as many endpoints as it may have, or
    is archived meanwhile.
    """
    url, chosen = _checked(url, types)
    secret, now = _new_secret(), clock.now()
    values = {"project_id": project.id, "url": url, "secrets": [secret], "expiries_told_until": now, "created_at": now}
    with writing() as connection, _url_is_unique():
        keep_open(connection, project.id)
        _check_number(connection, project)
        endpoint_id = insert_sealed(connection, _table, values).id
        _subscribe(connection, project, endpoint_id, chosen)
        detail = {"events": ", ".join(chosen)}
        _record(connection, Action.EVENT_ENDPOINT_CREATED, project, url, principal, detail)
    return NewSecret(endpoint_id, secret)


def update_endpoint(
    project: ProjectRef, endpoint_id: int, url: str, types: Iterable[str], *, principal: Principal
) -> None:
    """Change the address and the events of an endpoint; nothing is recorded if they are the same.

    What waits goes to the new address. Raise `ValidationFailed` on `url` or `types`, and `NotFound`.
    """
    url, chosen = _checked(url, types)
    with writing() as connection, _url_is_unique():
        before = _locked(connection, project, endpoint_id)
        before_types = _types(connection, endpoint_id)
        changes = [Change("Address", before.url, url)] if before.url != url else []
        if before_types != chosen:
            changes.append(Change("Events", ", ".join(before_types), ", ".join(chosen)))
        if not changes:
            return
        kept = _open(before)
        values: dict[str, object] = {"url": url}
        if EventType.CODE_EXPIRED in set(chosen).difference(before_types):
            values["expiries_told_until"] = clock.now()  # not what expired before it was wanted
        connection.execute(update(_table).where(_endpoint.id == endpoint_id).values(values))
        _seal(connection, project, endpoint_id, url, kept)
        connection.execute(delete(_subscriptions).where(_subscriptions.c.endpoint_id == endpoint_id))
        _subscribe(connection, project, endpoint_id, chosen)
        _record(connection, Action.EVENT_ENDPOINT_CHANGED, project, url, principal, {"changes": changes})


def rotate_secret(project: ProjectRef, endpoint_id: int, *, principal: Principal) -> NewSecret:
    """Make a new secret. The one before goes on signing beside it for a day; one before that ends. Raise `NotFound`."""
    secret = _new_secret()
    with writing() as connection:
        row = _locked(connection, project, endpoint_id)
        try:
            former = _open(row)[:1]
        except Conflict:  # nobody can sign with it any more
            former = []
        _seal(connection, project, endpoint_id, row.url, [secret, *former])
        connection.execute(update(_table).where(_endpoint.id == endpoint_id).values(rotated_at=clock.now()))
        _record(connection, Action.EVENT_SECRET_ROTATED, project, row.url, principal)
    return NewSecret(endpoint_id, secret)


def enable_endpoint(project: ProjectRef, endpoint_id: int, *, principal: Principal) -> None:
    """Tell an endpoint again what happens from now on. Raise `NotFound`."""
    with writing() as connection:
        row = _locked(connection, project, endpoint_id)
        now = clock.now()
        switched = update(_table).where(_endpoint.id == endpoint_id, _endpoint.is_enabled == false())
        if connection.execute(switched.values(is_enabled=True, expiries_told_until=now)).rowcount:
            _record(connection, Action.EVENT_ENDPOINT_ENABLED, project, row.url, principal)


def disable_endpoint(project: ProjectRef, endpoint_id: int, *, principal: Principal) -> None:
    """Tell an endpoint nothing more, and give up what waits for it. Raise `NotFound`."""
    with writing() as connection:
        row = _locked(connection, project, endpoint_id)
        if row.is_enabled:
            connection.execute(update(_table).where(_endpoint.id == endpoint_id).values(is_enabled=False))
            outbox.give_up(connection, endpoint_id, sending.DISABLED)
            _record(connection, Action.EVENT_ENDPOINT_DISABLED, project, row.url, principal)


def delete_endpoint(project: ProjectRef, endpoint_id: int, *, principal: Principal) -> None:
    """Delete an endpoint with all that was or will be told to it. Raise `NotFound`."""
    with writing() as connection:
        row = _locked(connection, project, endpoint_id)
        connection.execute(delete(_table).where(_endpoint.id == endpoint_id))
        _record(connection, Action.EVENT_ENDPOINT_DELETED, project, row.url, principal)


def send_test(project: ProjectRef, endpoint_id: int, *, principal: Principal) -> None:
    """Queue an event of the type `test`, whatever the endpoint takes. Raise `NotFound`, or `Conflict` if disabled."""
    now = clock.now()
    with writing() as connection:
        row = _enabled(connection, project, endpoint_id)
        values = {
            "endpoint_id": endpoint_id,
            "event_id": secrets.token_hex(16),
            "type": TEST,
            "data": {"project": project.slug},
            "next_attempt_at": now,
            "expires_at": now + LIFETIME,
            "created_at": now,
        }
        connection.execute(insert(_messages).values(values))
        _record(connection, Action.EVENT_TEST_SENT, project, row.url, principal)


def send_again(project: ProjectRef, endpoint_id: int, message_id: int, *, principal: Principal) -> None:
    """Queue a message that was sent or has failed once more, with the same id.

    Raise `NotFound`, or `Conflict` if it still waits or the endpoint is disabled.
    """
    with writing() as connection:
        row = _enabled(connection, project, endpoint_id)
        if not outbox.send_again(connection, endpoint_id, min(message_id, MAX_ID)):
            raise Conflict("This event is still on its way, or no longer kept.")
        _record(connection, Action.EVENT_SENT_AGAIN, project, row.url, principal, {"message": message_id})


def _checked(url: str, types: Iterable[str]) -> tuple[str, list[str]]:
    """The address and the known types, in their order. Raise `ValidationFailed`."""
    errors = FieldErrors()
    with errors.of("url"):
        url = destination_url(inputs.line(url, max_length=MAX_URL_LENGTH))
    wanted = set(types)
    if not wanted:
        errors.messages["types"] = ["Choose at least one event."]
    elif wanted.difference(EventType):
        errors.messages["types"] = ["Choose events from the list."]
    errors.raise_any()
    return url, [each.value for each in EventType if each in wanted]


@contextmanager
def _url_is_unique() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise ValidationFailed({"url": ["The project has an endpoint with this address already."]}) from None


def _check_number(connection: Connection, project: ProjectRef) -> None:
    of_project = select(func.count()).where(_endpoint.project_id == project.id)
    if connection.execute(of_project).scalar_one() >= MOST_ENDPOINTS:
        raise Conflict(f"A project has at most {MOST_ENDPOINTS} endpoints. Delete one first.")


def _locked(connection: Connection, project: ProjectRef, endpoint_id: int) -> Any:
    """The endpoint's row, locked until the transaction ends. Raise `NotFound`, or `ProjectArchived`."""
    keep_open(connection, project.id)
    is_it = _endpoint.id == min(endpoint_id, MAX_ID), _endpoint.project_id == project.id
    row = connection.execute(select(_table).where(*is_it).with_for_update()).one_or_none()
    if row is None:
        raise NotFound
    return row


def _enabled(connection: Connection, project: ProjectRef, endpoint_id: int) -> Any:
    row = _locked(connection, project, endpoint_id)
    if not row.is_enabled:
        raise Conflict("This endpoint is disabled: enable it first.")
    return row


def _types(connection: Connection, endpoint_id: int) -> list[str]:
    of_endpoint = select(_subscriptions.c.type).where(_subscriptions.c.endpoint_id == endpoint_id)
    found = set(connection.execute(of_endpoint).scalars())
    return [each.value for each in EventType if each in found]


def _subscribe(connection: Connection, project: ProjectRef, endpoint_id: int, types: Collection[str]) -> None:
    rows = [{"project_id": project.id, "endpoint_id": endpoint_id, "type": each} for each in types]
    connection.execute(insert(_subscriptions), rows)


def _open(row: Any) -> list[str]:
    try:
        found: list[str] = unseal(_endpoint.secrets, row)
    except Unreadable:
        raise Conflict("The endpoint's secret can't be decrypted. Rotate it first.") from None
    return found


def _seal(connection: Connection, project: ProjectRef, endpoint_id: int, url: str, newest_first: list[str]) -> None:
    sealed = seal(_endpoint.secrets, newest_first, project_id=project.id, id=endpoint_id, url=url)
    connection.execute(update(_table).where(_endpoint.id == endpoint_id).values(secrets=sealed))


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _record(
    connection: Connection,
    action: Action,
    project: ProjectRef,
    url: str,
    principal: Principal,
    detail: Mapping[str, object] | None = None,
) -> None:
    record(connection, action, principal=principal, project_id=project.id, subject=url, detail=detail)
