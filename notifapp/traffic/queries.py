"""What the limits page shows: the codes of the last day, where they went, and which were refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.access.models import ApiToken
from notifapp.database import reading, table_of
from notifapp.delivery.queries import CHART_HOURS, Chart, Hour
from notifapp.traffic import breaker, counts
from notifapp.traffic.counts import HOURS_A_DAY, Key, Tally
from notifapp.traffic.destinations import country_label
from notifapp.traffic.limits import TrafficLimits
from notifapp.traffic.models import Breaker, OtpTraffic, Scope
from notifapp.traffic.service import HOUR, Refusal, hour_of, is_unusual

BUSIEST = 5  # rows of each kind
_traffic = table_of(OtpTraffic).c


@dataclass(frozen=True, slots=True)
class Busy:
    """A token, country or prefix with its last 24 hours; `most_unverified` is what is usual of a destination."""

    label: str
    sent: int
    unverified: int | None = None
    most_unverified: int | None = None
    is_unusual: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """A project's last 24 hours. `refusals` are the reasons and their numbers."""

    limits: TrafficLimits
    countries: list[str]
    project: Tally
    most_wrong: int
    refusals: list[tuple[str, int]]
    chart: Chart
    tokens: list[Busy]
    destinations: list[Busy]
    is_comparing: bool

    @property
    def denies(self) -> bool:
        """Whether unusual traffic is stopped."""
        return self.is_comparing and self.limits.breaker == Breaker.DENY

    @property
    def refused(self) -> int:
        """How many codes were refused."""
        return sum(number for _reason, number in self.refusals)

    @property
    def is_held(self) -> bool:
        """Whether no codes are sent because of wrong ones."""
        return self.project.wrong_now > self.most_wrong


def get_traffic(project: ProjectRef) -> Traffic:
    """What the project's codes have done until now."""
    hour = hour_of(clock.now())
    with reading() as connection:
        limits, tallies = counts.read(connection, project.id, hour, [Key(Scope.PROJECT)])
        refused_by_hour = _by_hour(connection, project, hour, Scope.REFUSAL, _traffic.refused)
        sent_by_hour = _by_hour(connection, project, hour, Scope.PROJECT, _traffic.sent)
        whole = tallies[Scope.PROJECT]
        can_compare = counts.habits(connection, project.id, hour, Key(Scope.PROJECT)).can_compare(hour)
        return Traffic(
            limits=limits,
            countries=[country_label(code) for code in limits.countries_of(project)],
            project=whole,
            most_wrong=limits.most_wrong(whole.sent_today),
            refusals=_refusals(connection, project, hour),
            chart=_chart(hour, sent_by_hour, refused_by_hour),
            tokens=_tokens(connection, project, hour),
            destinations=_destinations(connection, project, hour),
            is_comparing=can_compare,
        )


def _chart(hour: int, sent: Mapping[int, int], refused: Mapping[int, int]) -> Chart:
    hours = range(hour - CHART_HOURS + 1, hour + 1)
    starts = {each: datetime.fromtimestamp(each * HOUR, UTC) for each in hours}
    return Chart("Codes", [Hour(starts[each], sent.get(each, 0), refused.get(each, 0)) for each in hours])


def _recent(project: ProjectRef, hour: int, scope: Scope) -> list[ColumnElement[bool]]:
    return [_traffic.project_id == project.id, _traffic.scope == scope.value, _traffic.hour >= hour - HOURS_A_DAY]


def _by_hour(
    connection: Connection, project: ProjectRef, hour: int, scope: Scope, number: ColumnElement[int]
) -> Mapping[int, int]:
    rows = select(_traffic.hour, func.sum(number)).where(*_recent(project, hour, scope)).group_by(_traffic.hour)
    return dict(iter(connection.execute(rows)))


def _refusals(connection: Connection, project: ProjectRef, hour: int) -> list[tuple[str, int]]:
    total = func.sum(_traffic.refused)
    rows = select(_traffic.key, total).where(*_recent(project, hour, Scope.REFUSAL)).group_by(_traffic.key)
    return [(Refusal(key).label, number) for key, number in connection.execute(rows.order_by(total.desc()))]


def _busiest(connection: Connection, project: ProjectRef, hour: int, scope: Scope) -> list[tuple[str, int]]:
    sent = func.sum(_traffic.sent)
    rows = select(_traffic.key, sent).where(*_recent(project, hour, scope)).group_by(_traffic.key)
    return [
        (key, number) for key, number in connection.execute(rows.order_by(sent.desc(), _traffic.key).limit(BUSIEST))
    ]


def _tokens(connection: Connection, project: ProjectRef, hour: int) -> list[Busy]:
    busiest = dict(_busiest(connection, project, hour, Scope.TOKEN))
    token = table_of(ApiToken).c
    ids = [int(key) for key in busiest]
    names: dict[int, str] = dict(iter(connection.execute(select(token.id, token.name).where(token.id.in_(ids)))))
    return [Busy(names.get(int(key), key), sent) for key, sent in busiest.items()]


def _destinations(connection: Connection, project: ProjectRef, hour: int) -> list[Busy]:
    found = []
    for scope in (Scope.COUNTRY, Scope.PREFIX):
        for name, sent in _busiest(connection, project, hour, scope):
            key = Key(scope, name)
            _limits, tallies = counts.read(connection, project.id, hour, [key])
            tally = tallies[scope]
            best = counts.habits(connection, project.id, hour, key).best_day
            most = int(breaker.most_a_day(best, tally.verified_today))
            label = country_label(name) if scope is Scope.COUNTRY else f"+{name}…"
            found.append(Busy(label, sent, tally.unverified_today, most, is_unusual(tally, best)))
    return found
