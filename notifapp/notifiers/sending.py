"""Sends through a notifier: the only place where stored secrets are passed to a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import current_app
from sqlalchemy import bindparam, select

from notifapp.access import ProjectRef, credentials
from notifapp.access.models import Project
from notifapp.channels import Channel
from notifapp.database import MAX_ID, Statement, Unreadable, reading, table_of, unseal
from notifapp.errors import NotFound
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.gateway.base import Accepted, Backend, Fault, Message, SendFailed
from notifapp.notifiers.gateway.receipts import PushesReceipts
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.values import NotifierValues

DELETED = "The notifier has been deleted."
DISABLED = "The notifier has been disabled."
PROJECT_ARCHIVED = "The project has been archived."
RECEIPTS_PATH = "/hooks/receipts/"


class Stopped(SendFailed):
    """A message isn't to be sent any more: its project was archived, or its notifier disabled or deleted."""

    CODE = "stopped"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, code=self.CODE, retryable=False, fault=Fault.OURS)


_notifier, _project = table_of(Notifier).c, table_of(Project).c
_READ = select(
    _notifier.project_id,
    _notifier.id,
    _notifier.backend,
    _notifier.settings,
    _notifier.secrets,
    _notifier.receipt_key,
    _notifier.is_enabled,
    _project.archived_at,
).join_from(table_of(Notifier), table_of(Project), _project.id == _notifier.project_id)
_NOTIFIER = Statement(_READ.where(_notifier.id == bindparam("notifier_id")))
_NOTIFIER_OF_KEY = Statement(_READ.where(_notifier.receipt_key_digest == bindparam("digest")))


@dataclass(frozen=True, slots=True)
class OpenNotifier:
    """A stored notifier with its secrets, ready to talk to its gateway about messages that were sent."""

    id: int
    backend: Backend[Any]
    config: Any = field(repr=False)


def send_through(notifier_id: int, message: Message) -> Accepted:
    """Send through a stored notifier and return the gateway's acceptance.

    Raise `SendFailed`, also if the notifier is disabled or deleted or its project archived by now.
    """
    with reading() as connection:
        row = _NOTIFIER.first(connection, notifier_id=notifier_id)
    if row is None:
        raise Stopped(DELETED)
    if row.archived_at is not None:
        raise Stopped(PROJECT_ARCHIVED)
    if not row.is_enabled:
        raise Stopped(DISABLED)
    opened = _open(row)
    if isinstance(opened.backend, PushesReceipts):
        message = replace(message, receipt_url=_receipt_url(row))
    return opened.backend.send(opened.config, message)


def open_notifier(notifier_id: int) -> OpenNotifier | None:
    """A notifier to ask about messages, even a disabled one; None if it is deleted or its project archived.

    Raise `SendFailed` if its secrets can't be decrypted.
    """
    with reading() as connection:
        row = _NOTIFIER.first(connection, notifier_id=notifier_id)
    return None if row is None or row.archived_at is not None else _open(row)


def open_notifier_of(receipt_key: str) -> OpenNotifier | None:
    """The notifier whose address for receipts has this key. Raise `SendFailed` if its secrets can't be decrypted."""
    with reading() as connection:
        row = _NOTIFIER_OF_KEY.first(connection, digest=credentials.digest(receipt_key))
    return None if row is None else _open(row)


def receipt_url(key: str) -> str:
    """The address for receipts with this key; empty if the operator has given none by which the site is reached."""
    public_url = current_app.config["NOTIFAPP"].public_url
    return f"{public_url}{RECEIPTS_PATH}{key}" if public_url else ""


def _receipt_url(row: Any) -> str:
    try:
        key = unseal(_notifier.receipt_key, row)
    except Unreadable:  # a message is worth more than its receipt
        return ""
    return receipt_url(key) if key else ""


def _open(row: Any) -> OpenNotifier:
    try:
        secrets = unseal(_notifier.secrets, row)
    except Unreadable:
        reason = "The notifier's secrets can't be decrypted. Type them in again."
        raise SendFailed(reason, code="key", retryable=False) from None
    backend = find_backend(row.backend)
    return OpenNotifier(row.id, backend, backend.load({**row.settings, **secrets}))


def stored_values(project: ProjectRef, channel: Channel, notifier_id: int) -> NotifierValues:
    """A notifier's values, including its secrets. Raise `NotFound`."""
    one = (
        _notifier.project_id == project.id,
        _notifier.channel == channel.value,
        _notifier.id == min(notifier_id, MAX_ID),
    )
    with reading() as connection:
        row = connection.execute(select(table_of(Notifier)).where(*one)).one_or_none()
    if row is None:
        raise NotFound
    return NotifierValues.of(row)


def send_with(backend_key: str, values: Mapping[str, object], message: Message) -> Accepted:
    """Send through a backend with these valid settings. Raise `SendFailed`."""
    backend = find_backend(backend_key)
    return backend.send(backend.load(values), message)
