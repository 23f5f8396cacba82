"""Decides whether a project may have one more code sent, and counts it, so that nobody can run up its bill.

A code is checked before its recipient is (`check`) and counted last in its own transaction (`charge`), where the caps
are checked again under the lock of the project's row: no number of simultaneous requests gets past a cap by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.engine import Connection

from notifapp import clock, wording
from notifapp.access import Principal, ProjectRef
from notifapp.audit.service import Action, record
from notifapp.channels import Channel
from notifapp.database import reading
from notifapp.errors import ErrorCode, Quota, TooManyRequests, ValidationFailed
from notifapp.events.models import EventType
from notifapp.events.publishing import Event, publish
from notifapp.traffic import breaker, counts
from notifapp.traffic.counts import HOURS_A_DAY, Habits, Key, Tally
from notifapp.traffic.destinations import Destination, country_label, destination_of
from notifapp.traffic.limits import TrafficLimits
from notifapp.traffic.models import Breaker, Scope

HOUR = 3600  # seconds


class Refusal(StrEnum):
    """Why a code wasn't sent. `UNUSUAL_RECORDED` says that one was, although it looked unusual."""

    COUNTRY = "country"
    NUMBER_TYPE = "number_type"
    PROJECT_LIMIT = "project_limit"
    TOKEN_LIMIT = "token_limit"  # noqa: S105
    CLIENT_LIMIT = "client_limit"
    GUESSING = "guessing"
    UNUSUAL = "unusual"
    UNUSUAL_RECORDED = "unusual_recorded"

    @property
    def label(self) -> str:
        """The reason in words, such as "Country not allowed"."""
        return _LABELS[self]


# Those that depend on how much is sent, not on what.
_LIMITS = frozenset(Refusal) - {Refusal.COUNTRY, Refusal.NUMBER_TYPE}
_LABELS = {
    Refusal.COUNTRY: "Country not allowed",
    Refusal.NUMBER_TYPE: "Not a mobile number",
    Refusal.PROJECT_LIMIT: "Limit of the project reached",
    Refusal.TOKEN_LIMIT: "Limit of the token reached",
    Refusal.CLIENT_LIMIT: "Limit of the client reached",
    Refusal.GUESSING: "Too many wrong codes in the project",
    Refusal.UNUSUAL: "Unusual traffic",
    Refusal.UNUSUAL_RECORDED: "Unusual traffic, sent and recorded",
}

_CAPPED = {
    Scope.CLIENT: ("This client", Refusal.CLIENT_LIMIT, ErrorCode.CLIENT_LIMIT),
    Scope.TOKEN: ("This token", Refusal.TOKEN_LIMIT, ErrorCode.TOKEN_LIMIT),
    Scope.PROJECT: ("This project", Refusal.PROJECT_LIMIT, ErrorCode.PROJECT_LIMIT),
}


class DestinationNotAllowed(ValidationFailed):
    """The project sends no codes there."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__({"recipient": [message]})
        self.refusal = refusal


class TrafficRefused(TooManyRequests):
    """The project sends no more codes for now; its counts start again at the next full hour.

    `most` is how many a cap allows within `hours`; what isn't a cap allows none.
    """

    def __init__(
        self, refusal: Refusal, why: str, code: ErrorCode, at: datetime, *, most: int = 0, hours: int | None = None
    ) -> None:
        seconds = HOUR - int(at.timestamp()) % HOUR
        window = timedelta(hours=hours) if hours else None
        quota = Quota(code, most, window, left=0, grows_in=timedelta(seconds=seconds))
        super().__init__(seconds, f"{why} Try again in {wording.wait(seconds)}.", code=code, quotas=[quota])
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Order:
    """A code that is asked for: by whom, on behalf of which client (its MAC), and where to if it is an SMS."""

    project: ProjectRef
    principal: Principal
    destination: Destination | None
    client: str | None
    at: datetime

    @property
    def hour(self) -> int:
        """The hour under which it is counted."""
        return hour_of(self.at)

    @property
    def keys(self) -> list[Key]:
        """What it is counted by."""
        keys = [Key(Scope.PROJECT)]
        if self.principal.token_id:
            keys.append(Key(Scope.TOKEN, str(self.principal.token_id)))
        if self.client:
            keys.append(Key(Scope.CLIENT, self.client))
        if self.destination:
            keys += destination_keys(self.destination.country, self.destination.prefix)
        return keys


@dataclass(frozen=True, slots=True)
class Cleared:
    """An order that was checked, with what it was checked against."""

    order: Order
    limits: TrafficLimits
    tallies: dict[Scope, Tally]
    is_unusual: bool


def hour_of(moment: datetime) -> int:
    """The hours since 1970, UTC, that a moment's counts stand under."""
    return int(moment.timestamp()) // HOUR


def destination_keys(country: str, prefix: str) -> list[Key]:
    """What codes to this country and prefix are counted by."""
    return [Key(Scope.COUNTRY, country), Key(Scope.PREFIX, prefix)]


def order(project: ProjectRef, channel: Channel, address: str, *, principal: Principal, client: str | None) -> Order:
    """The order of a code for a normalised address."""
    destination = destination_of(address) if channel is Channel.SMS else None
    return Order(project, principal, destination, client, clock.now())


def check(wanted: Order) -> Cleared:
    """Raise `DestinationNotAllowed` or `TrafficRefused` unless one more code may be sent."""
    with reading() as connection:
        limits, tallies = counts.read(connection, wanted.project.id, wanted.hour, wanted.keys)
        if wanted.destination:
            _check_destination(wanted.destination, limits, wanted.project)
        for scope, tally in tallies.items():
            _check_caps(wanted, limits, scope, tally.sent_now + 1, tally.sent_today + 1)
        in_project = tallies[Scope.PROJECT]
        if in_project.wrong_now > limits.most_wrong(in_project.sent_today):
            why = "Too many wrong codes were entered in this project."
            raise TrafficRefused(Refusal.GUESSING, why, ErrorCode.GUESSING_SUSPECTED, wanted.at)
        unusual = _unusual(connection, wanted, tallies)
        if unusual and limits.breaker == Breaker.DENY and unusual.can_compare(wanted.hour):
            why = "Too many codes to this destination were not verified."
            raise TrafficRefused(Refusal.UNUSUAL, why, ErrorCode.UNUSUAL_TRAFFIC, wanted.at)
    return Cleared(wanted, limits, tallies, unusual is not None)


def charge(connection: Connection, cleared: Cleared) -> None:
    """Count a code that is being sent, as the last statement of its transaction. Raise `TrafficRefused` at a cap."""
    wanted = cleared.order
    if cleared.is_unusual:
        count_refusal(connection, wanted, Refusal.UNUSUAL_RECORDED)
    sent = counts.add(connection, wanted.project.id, wanted.hour, wanted.keys, "sent")
    for scope, tally in cleared.tallies.items():
        before = tally.sent_today - tally.sent_now
        _check_caps(wanted, cleared.limits, scope, sent[scope], before + sent[scope])


def count_refusal(connection: Connection, wanted: Order, refusal: Refusal) -> None:
    """Count a refusal; the first of its kind on a day (UTC) is audited, and told if it is by a limit."""
    project_id = wanted.project.id
    refused = counts.add(connection, project_id, wanted.hour, [Key(Scope.REFUSAL, refusal)], "refused")
    if refused[Scope.REFUSAL] > 1:
        return
    day = wanted.hour // HOURS_A_DAY * HOURS_A_DAY
    # Of any number of calls, in all of the day's hours, only one inserts the day's row.
    if counts.add(connection, project_id, day, [Key(Scope.AUDITED, refusal)], "refused")[Scope.AUDITED] == 1:
        _record_refusal(connection, wanted, refusal)


def count_approval(connection: Connection, project_id: int, destination: tuple[str, str] | None, settled: int) -> None:
    """Count a right code, last in its transaction.

    `destination` is its country and prefix if it was an SMS, `settled` how many codes its recipient was sent since the
    last right one, all of which count as verified now.
    """
    keys = [Key(Scope.PROJECT), *(destination_keys(*destination) if destination else [])]
    counts.add(connection, project_id, hour_of(clock.now()), keys, "verified", settled)


def count_wrong(connection: Connection, project_id: int) -> None:
    """Count a wrong code, last in its transaction."""
    counts.add(connection, project_id, hour_of(clock.now()), [Key(Scope.PROJECT)], "wrong")


def is_unusual(tally: Tally, best_day: int) -> bool:
    """Whether more codes than usual stayed unverified, in this hour or in the last 24."""
    today, now = tally.verified_today, tally.verified_now
    return tally.unverified_today > breaker.most_a_day(best_day, today) or tally.unverified_now > breaker.most_an_hour(
        best_day, today, now
    )


def _unusual(connection: Connection, wanted: Order, tallies: dict[Scope, Tally]) -> Habits | None:
    """The project's habits if the destination's traffic differs from them, or None."""
    for key in wanted.keys:
        # The habits, which cost a statement more, can only allow more.
        if key.scope in (Scope.COUNTRY, Scope.PREFIX) and is_unusual(tallies[key.scope], best_day=0):
            usual = counts.habits(connection, wanted.project.id, wanted.hour, key)
            if is_unusual(tallies[key.scope], usual.best_day):
                return usual
    return None


def _check_destination(destination: Destination, limits: TrafficLimits, project: ProjectRef) -> None:
    allowed = limits.countries_of(project)
    if allowed and destination.country not in allowed:
        raise DestinationNotAllowed(Refusal.COUNTRY, "Codes are not sent to this country.")
    if limits.mobile_only and not destination.is_mobile:
        raise DestinationNotAllowed(Refusal.NUMBER_TYPE, "Codes are not sent to this type of number.")


def _check_caps(wanted: Order, limits: TrafficLimits, scope: Scope, sent_now: int, sent_today: int) -> None:
    """Raise `TrafficRefused` if these numbers, which include the code to send, are over a cap of the scope."""
    if scope not in _CAPPED:
        return
    of_whom, refusal, code = _CAPPED[scope]
    most_an_hour, most_a_day = limits.most(scope)
    if sent_now > most_an_hour:
        why = f"{of_whom} has reached its limit of codes in an hour."
        raise TrafficRefused(refusal, why, code, wanted.at, most=most_an_hour, hours=1)
    if sent_today > most_a_day:
        why = f"{of_whom} has reached its limit of codes in a day."
        raise TrafficRefused(refusal, why, code, wanted.at, most=most_a_day, hours=HOURS_A_DAY)


def _record_refusal(connection: Connection, wanted: Order, refusal: Refusal) -> None:
    detail = {"destination": _destination_label(wanted.destination)} if wanted.destination else {}
    record(
        connection,
        Action.CODES_REFUSED,
        principal=wanted.principal,
        project_id=wanted.project.id,
        subject=refusal.label,
        detail=detail,
    )
    if refusal in _LIMITS:
        data = {"limit": refusal.value, "channel": "sms" if wanted.destination else "email", **detail}
        publish(connection, Event(wanted.project.id, EventType.LIMIT_REACHED, data))


def _destination_label(destination: Destination) -> str:
    return f"{country_label(destination.country)}, {destination.prefix}…"
