"""Changes a project's limits, and unblocks recipients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from notifapp import inputs
from notifapp.access import Principal, ProjectRef
from notifapp.audit.service import Action, Change, record
from notifapp.channels import Channel
from notifapp.database import Statement, keyset, table_of, upsert, writing
from notifapp.errors import Conflict
from notifapp.inputs import FieldErrors
from notifapp.otp.limits import Limits, limits_of
from notifapp.otp.models import BOUNDS, OtpLimits, OtpRecipient

LABELS = {
    "max_attempts": "Attempts per code",
    "resend_seconds": "Time between two codes",
    "sends_per_hour": "Codes per hour",
    "sends_per_day": "Codes per day",
    "max_failures": "Wrong codes in a row",
}
_recipient, _limits = table_of(OtpRecipient).c, table_of(OtpLimits)


def _save(insert: Any) -> Any:
    row = insert.values({column.name: bindparam(column.name) for column in _limits.c})
    set_ = {name: row.excluded[name] for name in Limits.__slots__}
    return row.on_conflict_do_update(index_elements=[_limits.c.project_id], set_=set_)


_SAVE = Statement(upsert(_limits, _save))


def set_limits(project: ProjectRef, posted: Mapping[str, str], *, principal: Principal) -> None:
    """Save all of a project's limits, from a form's raw values. Raise `ValidationFailed`."""
    after = _parse(posted)
    with writing() as connection:
        before = _locked(connection, project.id)
        changes = _changes(before, after)
        if not changes:
            return
        _SAVE.execute(connection, project_id=project.id, **_values(after))
        record(
            connection,
            Action.OTP_LIMITS_CHANGED,
            principal=principal,
            project_id=project.id,
            subject="limits",
            detail={"changes": changes},
        )


def list_stopped(project: ProjectRef, cursor: keyset.Cursor | None) -> keyset.Slice:
    """The recipients that are blocked until an admin unblocks them, last blocked first."""
    statement = select(
        _recipient.channel, _recipient.digest, _recipient.masked, _recipient.failures, _recipient.stopped_at
    ).where(_recipient.project_id == project.id, _recipient.stopped_at.is_not(None))
    return keyset.fetch(
        statement, [_recipient.stopped_at, _recipient.channel, _recipient.digest], cursor, descending=True
    )


def release(project: ProjectRef, channel: Channel, digest: str, *, principal: Principal) -> str:
    """Let a blocked recipient receive and try codes again, and reset its failures. Return it masked.

    Raise `Conflict` if it isn't blocked.
    """
    statement = (
        update(table_of(OtpRecipient))
        .where(
            _recipient.project_id == project.id,
            _recipient.channel == channel.value,
            _recipient.digest == digest,
            _recipient.stopped_at.is_not(None),
        )
        .values(failures=0, blocked_until=None, stopped_at=None)
        .returning(_recipient.masked)
    )
    with writing() as connection:
        masked = connection.execute(statement).scalar_one_or_none()
        if masked is None:
            raise Conflict("This recipient is no longer blocked.")
        record(connection, Action.RECIPIENT_RELEASED, principal=principal, project_id=project.id, subject=f"{masked}")
    return str(masked)


def _parse(posted: Mapping[str, str]) -> Limits:
    errors = FieldErrors()
    numbers: dict[str, int] = {}
    for name, (least, most) in BOUNDS.items():
        with errors.of(name):
            numbers[name] = inputs.whole_number(posted.get(name, ""), least, most)
    if numbers.get("sends_per_hour", 0) > numbers.get("sends_per_day", 1000):
        errors.messages["sends_per_day"] = ["Allow at least as many codes per day as per hour."]
    errors.raise_any()
    return Limits(**numbers)


def _locked(connection: Connection, project_id: int) -> Limits:
    one = select(_limits).where(_limits.c.project_id == project_id).with_for_update()
    return limits_of(connection.execute(one).one_or_none())


def _values(limits: Limits) -> dict[str, int]:
    return {name: getattr(limits, name) for name in Limits.__slots__}


def _changes(before: Limits, after: Limits) -> list[Change]:
    old, new = _values(before), _values(after)
    return [Change(label, str(old[name]), str(new[name])) for name, label in LABELS.items() if old[name] != new[name]]
