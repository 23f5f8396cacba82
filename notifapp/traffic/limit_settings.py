"""Changes what a project allows, and lets codes be sent again after too many wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from notifapp import clock, countries, inputs
from notifapp.access import Principal, ProjectRef
from notifapp.access.archived import keep_open
from notifapp.audit.service import Action, Change, record
from notifapp.database import Statement, table_of, upsert, writing
from notifapp.errors import Conflict
from notifapp.inputs import FieldErrors
from notifapp.traffic.counts import NO_KEY
from notifapp.traffic.limits import TrafficLimits, limits_of, limits_table
from notifapp.traffic.models import BOUNDS, Breaker, OtpTraffic, Scope
from notifapp.traffic.service import hour_of

LABELS = {
    "codes_per_hour": "Codes of the project per hour",
    "codes_per_day": "Codes of the project per day",
    "token_codes_per_hour": "Codes of one token per hour",
    "token_codes_per_day": "Codes of one token per day",
    "client_codes_per_hour": "Codes of one client per hour",
    "client_codes_per_day": "Codes of one client per day",
    "wrong_percent": "Wrong codes per hour, as a share",
    "wrong_least": "Wrong codes per hour, at least",
    "countries": "Countries",
    "mobile_only": "Mobile numbers only",
    "breaker": "Codes in unusual traffic",
}
BREAKER_LABELS = {Breaker.DENY: "Stop them", Breaker.RECORD: "Send them and record it"}
_PER_DAY = [name for name in LABELS if name.endswith("_per_day")]


def _save(insert: Any) -> Any:
    row = insert.values({column.name: bindparam(column.name, type_=column.type) for column in limits_table.c})
    set_ = {name: row.excluded[name] for name in TrafficLimits.__slots__}
    return row.on_conflict_do_update(index_elements=[limits_table.c.project_id], set_=set_)


_SAVE = Statement(upsert(limits_table, _save))


def set_limits(project: ProjectRef, posted: Mapping[str, str], *, principal: Principal) -> None:
    """Save all of what a project allows, from a form's raw values. Raise `ValidationFailed`."""
    after = _parse(posted)
    with writing() as connection:
        keep_open(connection, project.id)
        before = _locked(connection, project.id)
        if before == after:
            return
        _SAVE.execute(connection, project_id=project.id, **_values(after))
        record(
            connection,
            Action.OTP_LIMITS_CHANGED,
            principal=principal,
            project_id=project.id,
            subject="limits of the whole project",
            detail={"changes": _changes(project, before, after)},
        )


def release(project: ProjectRef, *, principal: Principal) -> None:
    """Let codes be sent again: forget the wrong codes of this hour. Raise `Conflict` if there are none."""
    traffic = table_of(OtpTraffic).c
    forget = (
        update(table_of(OtpTraffic))
        .where(
            traffic.project_id == project.id,
            traffic.scope == Scope.PROJECT.value,
            traffic.key == NO_KEY,
            traffic.hour == hour_of(clock.now()),
            traffic.wrong > 0,
        )
        .values(wrong=0)
    )
    with writing() as connection:
        keep_open(connection, project.id)
        if connection.execute(forget).rowcount == 0:
            raise Conflict("This project's codes are no longer stopped.")
        record(connection, Action.CODES_RELEASED, principal=principal, project_id=project.id, subject="wrong codes")


def country_lines(codes: tuple[str, ...]) -> str:
    """Countries as the form takes them: a name on each line."""
    return "\n".join(countries.NAMES[code] for code in codes)


def _parse(posted: Mapping[str, str]) -> TrafficLimits:
    errors = FieldErrors()
    values: dict[str, Any] = {"mobile_only": bool(posted.get("mobile_only"))}
    for name, (least, most) in BOUNDS.items():
        with errors.of(name):
            values[name] = inputs.whole_number(posted.get(name, ""), least, most)
    for name in _PER_DAY:
        if values.get(name, 0) < values.get(name.replace("_day", "_hour"), 0) and name in values:
            errors.messages[name] = ["Allow at least as many codes per day as per hour."]
    with errors.of("countries"):
        values["countries"] = ",".join(_countries(posted.get("countries", "")))
    with errors.of("breaker"):
        values["breaker"] = inputs.choice(posted.get("breaker", ""), list(Breaker))
    errors.raise_any()
    return TrafficLimits(**values)


def _countries(text: str) -> list[str]:
    """The codes of the countries named in a text, one on each line, by name or code. Raise `ValueError`."""
    by_name = {name.casefold(): code for code, name in countries.NAMES.items()}
    found = set()
    for line in filter(None, (line.strip() for line in text.splitlines())):
        code = by_name.get(line.casefold(), line.upper())
        if code not in countries.NAMES:
            raise ValueError(f"“{line}” is not the name or two-letter code of a country.")
        found.add(code)
    return sorted(found)


def _locked(connection: Connection, project_id: int) -> TrafficLimits:
    one = select(limits_table).where(limits_table.c.project_id == project_id).with_for_update()
    return limits_of(connection.execute(one).one_or_none())


def _values(limits: TrafficLimits) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in TrafficLimits.__slots__}


def _changes(project: ProjectRef, before: TrafficLimits, after: TrafficLimits) -> list[Change]:
    old, new = _in_words(project, before), _in_words(project, after)
    return [Change(label, old[name], new[name]) for name, label in LABELS.items() if old[name] != new[name]]


def _in_words(project: ProjectRef, limits: TrafficLimits) -> dict[str, str]:
    words = {name: str(value) for name, value in _values(limits).items()}
    words["countries"] = ", ".join(countries.NAMES[code] for code in limits.countries_of(project)) or "All"
    words["mobile_only"] = "Yes" if limits.mobile_only else "No"
    words["breaker"] = BREAKER_LABELS[Breaker(limits.breaker)]
    return words
