"""Where more codes than usual aren't verified, in all projects at once, for whoever has to be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberType
from sqlalchemy import case, exists, func, or_, select
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access.models import Project
from notifapp.database import reading, table_of
from notifapp.traffic import breaker, counts
from notifapp.traffic.counts import HOURS_A_DAY, Key, Tally
from notifapp.traffic.limits import limits_columns, limits_of, limits_table
from notifapp.traffic.models import Breaker, OtpTraffic, Scope
from notifapp.traffic.service import Refusal, hour_of, is_unusual

_traffic, _project = table_of(OtpTraffic).c, table_of(Project).c


@dataclass(frozen=True, slots=True)
class Stop:
    """A country in which codes are stopped, or only recorded, because too many aren't verified.

    `prefix` is the first digits of the numbers if it is only those. The two numbers are the codes of the last 24 hours.
    """

    project_id: int
    country: str
    prefix: str | None
    sent: int
    unverified: int
    is_denied: bool


def unusual_countries() -> list[Stop]:
    """The countries with unusual traffic, one entry for each, of projects that know what is usual.

    It looks only at projects in which that made a difference in the last 24 hours.
    """
    hour = hour_of(clock.now())
    found: dict[tuple[int, str], Stop] = {}
    with reading() as connection:
        for project_id, is_denied in _noticed(connection, hour):
            for key, tally in _tallies(connection, project_id, hour):
                habits = counts.habits(connection, project_id, hour, key)
                if habits.can_compare(hour) and is_unusual(tally, habits.best_day):
                    stop = _stop(project_id, key, tally, is_denied=is_denied)
                    found.setdefault((project_id, stop.country), stop)
    return list(found.values())


def country_of(prefix: str) -> str:
    """The country of the mobile numbers that begin with these digits."""
    code = phonenumbers.parse(f"+{prefix.ljust(9, '0')}").country_code or 0
    region = phonenumbers.region_code_for_country_code(code)
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    digits = len(f"{code}{example.national_number}") if example else 0
    number = phonenumbers.parse(f"+{prefix.ljust(digits, '0')}")
    return phonenumbers.region_code_for_number(number) or region


def _noticed(connection: Connection, hour: int) -> Iterator[tuple[int, bool]]:
    """The projects in which codes were stopped or recorded lately, and whether they are stopped there."""
    unusual = [Refusal.UNUSUAL.value, Refusal.UNUSUAL_RECORDED.value]
    is_noticed = exists().where(
        _traffic.project_id == _project.id,
        _traffic.scope == Scope.REFUSAL.value,
        _traffic.key.in_(unusual),
        _traffic.hour >= hour - HOURS_A_DAY,
    )
    projects = (
        select(_project.id, *limits_columns)
        .outerjoin_from(table_of(Project), limits_table, limits_table.c.project_id == _project.id)
        .where(_project.archived_at.is_(None), is_noticed)
        .order_by(_project.id)
    )
    for row in connection.execute(projects).all():
        yield row.id, limits_of(row).breaker == Breaker.DENY


def _tallies(connection: Connection, project_id: int, hour: int) -> Iterator[tuple[Key, Tally]]:
    """What was counted in each country, and then under each prefix, where so many are unverified that it may matter."""
    today = [func.sum(_traffic[name]) for name in ("sent", "verified")]
    now = [func.sum(case((_traffic.hour == hour, _traffic[name]), else_=0)) for name in ("sent", "verified")]
    grouped = (
        select(_traffic.scope, _traffic.key, now[0], today[0], now[1], today[1])
        .where(
            _traffic.project_id == project_id,
            _traffic.scope.in_((Scope.COUNTRY.value, Scope.PREFIX.value)),
            _traffic.hour >= hour - HOURS_A_DAY,
        )
        .group_by(_traffic.scope, _traffic.key)
        .having(or_(today[0] - today[1] > breaker.LEAST_A_DAY, now[0] - now[1] > breaker.LEAST_AN_HOUR))
        .order_by(_traffic.scope, _traffic.key)
    )
    for scope, key, sent_now, sent_today, verified_now, verified_today in connection.execute(grouped).all():
        yield Key(Scope(scope), key), Tally(sent_now, sent_today, verified_now, verified_today, wrong_now=0)


def _stop(project_id: int, key: Key, tally: Tally, *, is_denied: bool) -> Stop:
    is_whole = key.scope is Scope.COUNTRY
    return Stop(
        project_id,
        key.key if is_whole else country_of(key.key),
        None if is_whole else key.key,
        tally.sent_today,
        tally.unverified_today,
        is_denied,
    )
