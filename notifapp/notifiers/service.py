"""Reads and changes a project's notifiers, for the pages, the API and the CLI alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, select, true, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from notifapp import clock
from notifapp.access import Principal, ProjectRef, credentials
from notifapp.access.archived import keep_open
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import MAX_ID, Unreadable, insert_sealed, reading, seal, table_of, unseal, writing
from notifapp.database.keyset import Cursor, Slice, fetch
from notifapp.errors import Conflict, NotFound, ValidationFailed
from notifapp.notifiers.backends import find_backend, switched_off
from notifapp.notifiers.backends.console import Console, is_console_on
from notifapp.notifiers.models import Notifier, OutboxMessage
from notifapp.notifiers.proving.service import Proof, configured, digest_of, in_words, is_proven_enough, proof_of
from notifapp.notifiers.values import NotifierValues, parse_new, parse_update

ORDERINGS = ("id", "name", "created_at", "updated_at")

_table = table_of(Notifier)
_notifier = _table.c
_READABLE = (
    _notifier.id,
    _notifier.channel,
    _notifier.backend,
    _notifier.name,
    _notifier.is_enabled,
    _notifier.settings,
    _notifier.digest,
    _notifier.proven_digest,
    _notifier.proven_at,
    _notifier.created_at,
    _notifier.updated_at,
)


@dataclass(frozen=True, slots=True)
class NotifierDetails:
    """A notifier without its secrets, which aren't even decrypted.

    `proof` says whether its present configuration is proven, `proven_at` when it was last, in whichever one.
    """

    id: int
    channel: Channel
    backend: str
    name: str
    is_enabled: bool
    settings: Mapping[str, Any]
    proof: Proof
    proven_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def proof_in_words(self) -> str:
        """The proof as pages say it, such as "proven 3 days ago"."""
        return in_words(self.proof, self.proven_at)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A message that the console backend "sent"; without a text if it can't be decrypted any more."""

    channel: Channel
    recipient: str
    subject: str | None = field(repr=False)
    body: str | None = field(repr=False)
    created_at: datetime


def list_notifiers(project: ProjectRef, channel: Channel) -> list[NotifierDetails]:
    """All notifiers of the project on this channel, including disabled ones, sorted by name."""
    statement = select(*_READABLE).where(*_of(project, channel)).order_by(_notifier.name, _notifier.id)
    with reading() as connection:
        return [_details(row) for row in connection.execute(statement)]


def find_notifiers(
    project: ProjectRef, channel: Channel, *, search: str, first: Collection[int], cursor: Cursor | None
) -> tuple[Slice, list[NotifierDetails]]:
    """A slice of the project's notifiers on this channel: those with the ids `first` first, then sorted by name.

    The name must contain every word of `search`.
    """
    rank = case((_notifier.id.in_(first), 0), else_=1).label("rank")
    statement = select(*_READABLE, rank).where(*_of(project, channel), *_named(search))
    part = fetch(statement, [rank, _notifier.name, _notifier.id], cursor)
    return part, [_details(row) for row in part.rows]


def has_outbox(project: ProjectRef, channels: Sequence[Channel]) -> bool:
    """Whether a notifier of these channels writes messages to the outbox."""
    if not is_console_on():
        return False
    console = (
        _notifier.project_id == project.id,
        _notifier.channel.in_(channels),
        _notifier.backend == Console.key,
    )
    with reading() as connection:
        return connection.execute(select(_notifier.id).where(*console).limit(1)).first() is not None


def list_valid_notifiers(
    project: ProjectRef,
    channel: Channel,
    *,
    requires_proof: bool,
    search: str = "",
    ordering: Sequence[str] = (),
    limit: int,
    offset: int = 0,
) -> tuple[int, list[NotifierDetails]]:
    """The total number of notifiers that the settings may choose, and a page of them.

    `requires_proof` is the project's choice, which the settings know. The name must contain every word of `search`.
    `ordering` lists columns of `ORDERINGS`, with "-" for descending.
    """
    is_it_valid = is_valid(requires_proof=literal(requires_proof))
    matching = [*_of(project, channel), is_it_valid, *_named(search)]
    order = [_notifier[name[1:]].desc() if name.startswith("-") else _notifier[name] for name in ordering]
    page = select(*_READABLE).where(*matching).order_by(*order, _notifier.id).limit(limit).offset(offset)
    with reading() as connection:
        count = connection.execute(select(func.count()).select_from(_table).where(*matching)).scalar_one()
        rows = connection.execute(page).all() if offset < count else []
    return count, [_details(row) for row in rows]


def get_notifier(project: ProjectRef, channel: Channel, notifier_id: int) -> NotifierDetails:
    """One of the project's notifiers, enabled or not. Raise `NotFound`."""
    with reading() as connection:
        row = connection.execute(select(*_READABLE).where(*_one(project, channel, notifier_id))).one_or_none()
    if row is None:
        raise NotFound
    return _details(row)


def create_notifier(
    project: ProjectRef, channel: Channel, fields: Mapping[str, object], *, principal: Principal
) -> NotifierDetails:
    """Create a notifier from the raw values of `name`, `backend` and `settings`.

    Raise `ValidationFailed` with every failing field, settings under their own names, and `ProjectArchived`.
    """
    new = parse_new(project, channel, fields)
    now = clock.now()
    values = {"project_id": project.id, "channel": channel.value, "created_at": now, **_columns(new, now)}
    with _name_is_unique(), writing() as connection:
        keep_open(connection, project.id)
        values |= configured(connection, project, channel, new, now)
        notifier = insert_sealed(connection, _table, {**values, **_new_receipt_key()})
        detail = {"id": notifier.id, "channel": channel.value, "backend": new.backend.key}
        _record(connection, Action.NOTIFIER_CREATED, project, notifier.name, detail, principal)
    return _details(notifier)


def update_notifier(
    project: ProjectRef,
    channel: Channel,
    notifier_id: int,
    fields: Mapping[str, object],
    *,
    principal: Principal,
) -> NotifierDetails:
    """Change the supplied fields; absent ones stay unchanged, and so do blank or null secrets.

    If no value differs, nothing is written. Raise `NotFound`, and what `create_notifier` raises; `ValidationFailed`
    also if a destination changes but the secret isn't given again.
    """
    with _name_is_unique(), writing() as connection:
        keep_open(connection, project.id)
        one = _one(project, channel, notifier_id)
        notifier = connection.execute(select(_table).where(*one).with_for_update()).one_or_none()
        if notifier is None:
            raise NotFound
        before = NotifierValues.of(notifier)
        after = parse_update(project, channel, before, fields)
        changes = before.differences(after)
        if changes:
            now = clock.now()
            values = _columns(after, now)
            if digest_of(project.id, channel, after) != digest_of(project.id, channel, before):
                values |= configured(connection, project, channel, after, now)
            place = {"project_id": project.id, "id": notifier.id}
            values["secrets"] = seal(_notifier.secrets, values["secrets"], **values, **place)
            notifier = connection.execute(update(_table).where(*one).values(**values).returning(*_READABLE)).one()
            detail = {"id": notifier.id, "channel": channel.value, "changes": changes}
            _record(connection, Action.NOTIFIER_CHANGED, project, notifier.name, detail, principal)
    return _details(notifier)


def get_receipt_key(project: ProjectRef, channel: Channel, notifier_id: int) -> str | None:
    """The secret in a notifier's address for receipts; None if it can't be decrypted. Raise `NotFound`."""
    columns = _notifier.project_id, _notifier.id, _notifier.receipt_key
    with reading() as connection:
        row = connection.execute(select(*columns).where(*_one(project, channel, notifier_id))).one_or_none()
    if row is None:
        raise NotFound
    try:
        key: str | None = unseal(_notifier.receipt_key, row)
    except Unreadable:
        return None
    return key


def renew_receipt_key(project: ProjectRef, channel: Channel, notifier_id: int, *, principal: Principal) -> None:
    """Give a notifier a new address for receipts; the former one is closed at once.

    Raise `NotFound`, and `ProjectArchived`.
    """
    with writing() as connection:
        lock(connection, project, channel, notifier_id)
        values = _new_receipt_key()
        values["receipt_key"] = seal(
            _notifier.receipt_key, values["receipt_key"], project_id=project.id, id=notifier_id
        )
        renewed = update(_table).where(_notifier.id == notifier_id).values(**values).returning(_notifier.name)
        name = connection.execute(renewed).scalar_one()
        detail = {"id": notifier_id, "channel": channel.value}
        _record(connection, Action.RECEIPT_ADDRESS_RENEWED, project, name, detail, principal)


def enable_notifier(
    project: ProjectRef, channel: Channel, notifier_id: int, *, principal: Principal
) -> NotifierDetails:
    """Enable a notifier, unless it already is, so that the settings may choose it.

    Raise `NotFound`, `ProjectArchived`, and `Conflict` if its backend is not there any more.
    """
    with writing() as connection:
        backend = find_backend(lock(connection, project, channel, notifier_id))
        if not backend.is_available:
            raise Conflict(backend.description)
        _set_enabled(connection, project, channel, notifier_id, True, principal)
    return get_notifier(project, channel, notifier_id)


def lock(connection: Connection, project: ProjectRef, channel: Channel, notifier_id: int) -> str:
    """Keep a notifier as it is, and its project open, until the transaction ends. Return its backend's key.

    Raise `NotFound`, and `ProjectArchived`.
    """
    keep_open(connection, project.id)
    one = select(_notifier.backend).where(*_one(project, channel, notifier_id)).with_for_update()
    backend: str | None = connection.execute(one).scalar_one_or_none()
    if backend is None:
        raise NotFound
    return backend


def disable(
    connection: Connection, project: ProjectRef, channel: Channel, notifier_id: int, *, principal: Principal
) -> None:
    """Disable a locked notifier, unless it already is. It stays in settings that use it, but can't be newly chosen.

    For delivery/stopping.py, which also stops what is queued for it, in the same transaction.
    """
    _set_enabled(connection, project, channel, notifier_id, False, principal)


def delete(
    connection: Connection, project: ProjectRef, channel: Channel, notifier_id: int, *, principal: Principal
) -> str:
    """Delete a locked notifier and return its name. Raise `Conflict` if the settings use it.

    For delivery/stopping.py, which also stops what is queued for it, in the same transaction.
    """
    one = _one(project, channel, notifier_id)
    try:
        name: str = connection.execute(sql_delete(_table).where(*one).returning(_notifier.name)).scalar_one()
    except IntegrityError:
        raise Conflict(
            "This notifier is chosen in the project's settings, or stands by there. Choose another one there first, or "
            "none."
        ) from None
    detail = {"id": notifier_id, "channel": channel.value}
    _record(connection, Action.NOTIFIER_DELETED, project, name, detail, principal)
    return name


def list_outbox(
    project: ProjectRef, channels: Sequence[Channel], cursor: Cursor | None
) -> tuple[Slice, list[OutboxEntry]]:
    """A slice of the messages in the console backend's outbox for these channels, newest first.

    Raise `NotFound` where that backend is switched off: they may hold live codes.
    """
    if not is_console_on():
        raise NotFound
    messages = table_of(OutboxMessage)
    statement = select(messages).where(messages.c.project_id == project.id, messages.c.channel.in_(channels))
    part = fetch(statement, [messages.c.id], cursor, descending=True)
    return part, [_outbox_entry(row) for row in part.rows]


def _set_enabled(
    connection: Connection, project: ProjectRef, channel: Channel, notifier_id: int, enabled: bool, principal: Principal
) -> None:
    statement = (
        update(_table)
        .where(*_one(project, channel, notifier_id), _notifier.is_enabled != enabled)
        .values(is_enabled=enabled, updated_at=clock.now())
        .returning(_notifier.name)
    )
    name = connection.execute(statement).scalar_one_or_none()
    if name is not None:
        action = Action.NOTIFIER_ENABLED if enabled else Action.NOTIFIER_DISABLED
        _record(connection, action, project, name, {"id": notifier_id, "channel": channel.value}, principal)


def is_valid(*, requires_proof: Any) -> ColumnElement[bool]:
    """The condition for a notifier that the settings may choose.

    It is enabled, its backend isn't switched off, and it is proven, if a column or a literal says that it must be.
    """
    off = switched_off()
    is_on = [_notifier.backend.not_in(off)] if off else []
    return and_(_notifier.is_enabled == true(), *is_on, is_proven_enough(requires_proof))


def _of(project: ProjectRef, channel: Channel) -> tuple[ColumnElement[bool], ...]:
    return _notifier.project_id == project.id, _notifier.channel == channel.value


def _named(search: str) -> list[ColumnElement[bool]]:
    words = search.replace("\0", "").replace(",", " ").split()
    return [_notifier.name.icontains(word, autoescape=True) for word in words]


def _one(project: ProjectRef, channel: Channel, notifier_id: int) -> tuple[ColumnElement[bool], ...]:
    # PostgreSQL refuses to compare with a number greater than MAX_ID.
    return *_of(project, channel), _notifier.id == min(notifier_id, MAX_ID)


def _details(row: Any) -> NotifierDetails:
    return NotifierDetails(
        id=row.id,
        channel=Channel(row.channel),
        backend=row.backend,
        name=row.name,
        is_enabled=row.is_enabled and row.backend not in switched_off(),
        settings=row.settings,
        proof=proof_of(row),
        proven_at=row.proven_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _outbox_entry(row: Any) -> OutboxEntry:
    messages = table_of(OutboxMessage).c
    try:
        subject, body = unseal(messages.subject, row), unseal(messages.body, row)
    except Unreadable:
        subject = body = None
    return OutboxEntry(Channel(row.channel), row.recipient, subject, body, row.created_at)


def _columns(values: NotifierValues, now: datetime) -> dict[str, object]:
    """The values as columns, with the secrets in the clear."""
    return {
        "name": values.name,
        "backend": values.backend.key,
        "settings": dict(values.settings),
        "secrets": dict(values.secrets),
        "updated_at": now,
    }


def _new_receipt_key() -> dict[str, str]:
    """A new secret for the address of receipts, as columns, with the key in the clear."""
    key = credentials.new_key()
    return {"receipt_key": key, "receipt_key_digest": credentials.digest(key)}


@contextmanager
def _name_is_unique() -> Iterator[None]:
    """Turn a violation of the unique constraint into an error of the field."""
    try:
        yield
    except IntegrityError:
        raise ValidationFailed({"name": ["A notifier with this name already exists."]}) from None


def _record(
    connection: Connection,
    action: Action,
    project: ProjectRef,
    name: str,
    detail: Mapping[str, object],
    principal: Principal,
) -> None:
    record(connection, action, principal=principal, project_id=project.id, subject=name, detail=detail)
