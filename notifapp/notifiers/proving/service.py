"""Whether a notifier is proven: somebody typed back a code that it delivered in its exact configuration.

A configuration is told by its digest, so that a proof lapses when it changes, comes back with it, and can be given
before values are saved.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from notifapp import clock, wording
from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import AnyRow, Unreadable, reading, table_of, unseal, writing
from notifapp.errors import ValidationFailed
from notifapp.keys import macs
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.models import Notifier, NotifierProof
from notifapp.notifiers.sending import stored_values
from notifapp.notifiers.values import NotifierValues, parse_new, parse_update

CODE_LENGTH = 6  # digits
LIFETIME = timedelta(minutes=10)
MAX_ATTEMPTS = 5
KEPT = timedelta(days=1)  # that values may wait to be saved after they were proven

Fields = Mapping[str, object]

_table, _codes = table_of(Notifier), table_of(NotifierProof)
_notifier, _code = _table.c, _codes.c


class Proof(Enum):
    """Whether a notifier's present configuration is proven; `LAPSED` if only a former one was."""

    PROVEN = "proven"
    LAPSED = "lapsed"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code that was sent and can still be typed back."""

    id: str
    attempts_left: int
    expires_at: datetime


def is_proven(notifier: Any = _notifier) -> ColumnElement[bool]:
    """The condition for a proven notifier; `notifier` are the table's columns, or an alias's."""
    return func.coalesce(notifier.proven_digest == notifier.digest, false())


def is_proven_enough(requires_proof: Any, notifier: Any = _notifier) -> ColumnElement[bool]:
    """The condition for a notifier that is proven, unless that isn't required: a column or a literal says so."""
    return or_(requires_proof == false(), is_proven(notifier))


def proof_of(row: AnyRow) -> Proof:
    """The same condition for a row of the notifier table, and what else it may be."""
    if row.proven_at is None:
        return Proof.NEVER
    return Proof.PROVEN if row.proven_digest == row.digest else Proof.LAPSED


def in_words(proof: Proof, proven_at: datetime | None) -> str:
    """The proof as pages say it: "proven 3 days ago", "proven before its last change", "never proven"."""
    if proven_at is None:
        return "never proven"
    return f"proven {wording.relative(proven_at)}" if proof is Proof.PROVEN else "proven before its last change"


def digest_of(project_id: int, channel: Channel, values: NotifierValues) -> str:
    """The MAC of a configuration within a project and channel: the name isn't part of it."""
    defaults = {name: about.default for name, about in values.backend.settings.items()}
    exact = {**defaults, **values.settings, **values.secrets}
    return macs("notifier", str(project_id), channel.value, values.backend.key, json.dumps(exact, sort_keys=True))[0]


def configured(
    connection: Connection, project: ProjectRef, channel: Channel, values: NotifierValues, now: datetime
) -> dict[str, object]:
    """The columns of a notifier that is configured like this from now on, proven if these values were before."""
    digest = digest_of(project.id, channel, values)
    were_proven = (
        _code.project_id == project.id,
        _code.channel == channel.value,
        _code.digest == digest,
        _code.proven_at > now - KEPT,
    )
    proven_at = connection.execute(select(func.max(_code.proven_at)).where(*were_proven)).scalar_one()
    columns: dict[str, object] = {"digest": digest, "configured_at": now}
    return {**columns, "proven_digest": digest, "proven_at": proven_at} if proven_at else columns


def new_code() -> str:
    """A random code to send."""
    return "".join(secrets.choice("0123456789") for _ in range(CODE_LENGTH))


def keep_code(
    connection: Connection, project: ProjectRef, channel: Channel, values: NotifierValues, code: str
) -> SentCode:
    """Keep the MAC of a code that was just sent with these values."""
    code_id, expires_at = secrets.token_hex(16), clock.now() + LIFETIME
    connection.execute(
        insert(_codes).values(
            id=code_id,
            project_id=project.id,
            channel=channel.value,
            digest=digest_of(project.id, channel, values),
            code_mac=_code_macs(code_id, code)[0],
            attempts_left=MAX_ATTEMPTS,
            created_at=clock.now(),
            expires_at=expires_at,
        )
    )
    return SentCode(code_id, MAX_ATTEMPTS, expires_at)


def find_code(project: ProjectRef, channel: Channel, code_id: str) -> SentCode | None:
    """A code that can still be typed back."""
    with reading() as connection:
        row = connection.execute(_select_open(project, channel, code_id)).one_or_none()
    return SentCode(row.id, row.attempts_left, row.expires_at) if row else None


def prove_new(
    project: ProjectRef, channel: Channel, fields: Fields, code_id: str, typed: str, *, principal: Principal
) -> None:
    """Prove the configuration of a notifier that doesn't exist yet by the code that it delivered.

    Raise `ValidationFailed`, on `code` too, and `ProjectArchived`.
    """
    values = parse_new(project, channel, fields)
    _type_back(project, channel, values, code_id, typed, None, principal)


def prove_stored(
    project: ProjectRef,
    channel: Channel,
    notifier_id: int,
    fields: Fields,
    code_id: str,
    typed: str,
    *,
    principal: Principal,
) -> bool:
    """Prove a notifier's configuration with unsaved changes. Return whether it is the stored one, and so the notifier.

    Raise `NotFound`, and what `prove_new` raises.
    """
    values = parse_update(project, channel, stored_values(project, channel, notifier_id), fields)
    return _type_back(project, channel, values, code_id, typed, notifier_id, principal)


def prove_by_customer(connection: Connection, notifier_id: int, configured_at: datetime, proven_at: datetime) -> bool:
    """Note that a customer's code proved a notifier, unless it was configured anew meanwhile. Whether that is new."""
    is_it = _notifier.id == notifier_id, _notifier.configured_at == configured_at, ~is_proven()
    proven = update(_table).where(*is_it).values(proven_digest=_notifier.digest, proven_at=proven_at)
    return connection.execute(proven).rowcount > 0


def fill_digests() -> int:
    """Compute the digests that are missing since the upgrade, as far as secrets can be read. Return their number."""
    with reading() as connection:
        rows = connection.execute(select(_table).where(_notifier.digest.is_(None))).all()
    return sum(_fill_digest(row) for row in rows)


def _fill_digest(row: AnyRow) -> bool:
    try:
        stored_secrets = unseal(_notifier.secrets, row)
    except Unreadable:
        return False
    values = NotifierValues(row.name, find_backend(row.backend), row.settings, stored_secrets)
    columns = {
        "digest": digest_of(row.project_id, Channel(row.channel), values),
        "configured_at": row.updated_at,
    }
    with writing() as connection:
        is_it = _notifier.id == row.id, _notifier.digest.is_(None)
        return connection.execute(update(_table).where(*is_it).values(columns)).rowcount > 0


def _type_back(
    project: ProjectRef,
    channel: Channel,
    values: NotifierValues,
    code_id: str,
    typed: str,
    notifier_id: int | None,
    principal: Principal,
) -> bool:
    digest, is_stored = digest_of(project.id, channel, values), False
    with writing() as connection:
        keep_open(connection, project.id)
        problem = _problem(connection, _select_open(project, channel, code_id), digest, typed)
        if not problem:
            now = clock.now()
            connection.execute(update(_codes).where(_code.id == code_id).values(proven_at=now))
            is_stored = notifier_id is not None and _prove(connection, notifier_id, digest, now)
            detail = {"id": notifier_id, "backend": values.backend.key, "channel": channel.value, "is_saved": is_stored}
            record(
                connection,
                Action.NOTIFIER_PROVEN,
                principal=principal,
                project_id=project.id,
                subject=values.name,
                detail=detail,
            )
    if problem:
        raise ValidationFailed({"code": [problem]})
    return is_stored


def _problem(connection: Connection, open_code: Select[Any], digest: str, typed: str) -> str | None:
    """Why what was typed is not the code, which stays locked; a wrong one costs an attempt."""
    if len(typed) != CODE_LENGTH:
        return f"Enter the {CODE_LENGTH} digits of the code."
    sent = connection.execute(open_code.with_for_update()).one_or_none()
    if sent is None:
        return "This code can't be used any more. Send another."
    if sent.digest != digest:
        return "The values have changed since this code was sent. Send another."
    if any(hmac.compare_digest(sent.code_mac, mac) for mac in _code_macs(sent.id, typed)):
        return None
    left = sent.attempts_left - 1
    connection.execute(update(_codes).where(_code.id == sent.id).values(attempts_left=left))
    return "That code is wrong." if left else "That code is wrong. Send another."


def _prove(connection: Connection, notifier_id: int, digest: str, now: datetime) -> bool:
    """Prove a stored notifier, if this is its configuration still.

    Its digest is computed anew: the stored one may be missing, or be under a key that is listed no more.
    """
    row = connection.execute(select(_table).where(_notifier.id == notifier_id).with_for_update()).one_or_none()
    if row is None or digest_of(row.project_id, Channel(row.channel), NotifierValues.of(row)) != digest:
        return False
    columns = {"digest": digest, "configured_at": row.configured_at or row.updated_at}
    columns |= {"proven_digest": digest, "proven_at": now}
    connection.execute(update(_table).where(_notifier.id == notifier_id).values(columns))
    return True


def _select_open(project: ProjectRef, channel: Channel, code_id: str) -> Select[Any]:
    return select(_codes).where(
        _code.id == code_id,
        _code.project_id == project.id,
        _code.channel == channel.value,
        _code.attempts_left > 0,
        _code.expires_at > clock.now(),
        _code.proven_at.is_(None),
    )


def _code_macs(code_id: str, code: str) -> list[str]:
    return macs("proof", code_id, code)
