"""Changes a project's limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from notifapp import inputs, wording
from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.audit.service import Action, Change, record
from notifapp.database import Statement, table_of, upsert, writing
from notifapp.inputs import FieldErrors
from notifapp.otp.limits.service import Limits, limits_of
from notifapp.otp.models import BOUNDS, STOP_HOURS, OtpLimits

LABELS = {
    "max_attempts": "Attempts per code",
    "resend_seconds": "Time between two codes",
    "sends_per_hour": "Codes per hour",
    "sends_per_day": "Codes per day",
    "max_failures": "Wrong codes in a row",
}
STOP_HOURS_LABEL = "End of a block"
STOPS = {str(STOP_HOURS): f"After {STOP_HOURS} hours", "never": "Never: an admin unblocks them"}
_limits = table_of(OtpLimits)


def _save(insert: Any) -> Any:
    row = insert.values({column.name: bindparam(column.name) for column in _limits.c})
    set_ = {name: row.excluded[name] for name in Limits.__slots__}
    return row.on_conflict_do_update(index_elements=[_limits.c.project_id], set_=set_)


_SAVE = Statement(upsert(_limits, _save))


def set_limits(project: ProjectRef, posted: Mapping[str, str], *, principal: Principal) -> None:
    """Save all of a project's limits, from a form's raw values. Raise `ValidationFailed`."""
    after = _parse(posted)
    with writing() as connection:
        keep_open(connection, project.id)
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


def _parse(posted: Mapping[str, str]) -> Limits:
    errors = FieldErrors()
    numbers: dict[str, int] = {}
    for name, (least, most) in BOUNDS.items():
        with errors.of(name):
            numbers[name] = inputs.whole_number(posted.get(name, ""), least, most)
    stop = posted.get("stop_hours", "")
    if stop not in STOPS:
        errors.messages["stop_hours"] = ["Choose one from the list."]
    if numbers.get("sends_per_hour", 0) > numbers.get("sends_per_day", 1000):
        errors.messages["sends_per_day"] = ["Allow at least as many codes per day as per hour."]
    errors.raise_any()
    return Limits(**numbers, stop_hours=None if stop == "never" else int(stop))


def _locked(connection: Connection, project_id: int) -> Limits:
    one = select(_limits).where(_limits.c.project_id == project_id).with_for_update()
    return limits_of(connection.execute(one).one_or_none())


def _values(limits: Limits) -> dict[str, int | None]:
    return {name: getattr(limits, name) for name in Limits.__slots__}


def _changes(before: Limits, after: Limits) -> list[Change]:
    old, new = _values(before), _values(after)
    changes = [
        Change(label, str(old[name]), str(new[name])) for name, label in LABELS.items() if old[name] != new[name]
    ]
    if before.stop_hours != after.stop_hours:
        ends = [wording.count(hours, "hour") if hours else "never" for hours in (before.stop_hours, after.stop_hours)]
        changes.append(Change(STOP_HOURS_LABEL, *ends))
    return changes
