"""How sending goes through each notifier in force, and through those that stand by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.delivery.queries import CHART_HOURS, Chart, Hour, first_hour
from notifapp.health.arriving import slices
from notifapp.health.arriving.chosen import Chosen, list_chosen
from notifapp.health.arriving.judging import Lately, Verdict, judge
from notifapp.health.arriving.slices import Slice
from notifapp.health.arriving.tally import Tally
from notifapp.notifiers.asking.forecast import Forecast, forecasts
from notifapp.notifiers.proving.service import Proof

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Health:
    """How sending goes through one notifier: judged, in figures, and hour by hour."""

    chosen: Chosen
    verdict: Verdict
    hour: Tally
    day: Tally
    chart: Chart
    balance: Forecast | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A notifier, and how sending through it goes."""

    chosen: Chosen
    verdict: Verdict
    hour: Tally


def of_project(project: ProjectRef, zone: ZoneInfo) -> list[Health]:
    """The project's notifiers, SMS first; the chart's hours are those of clocks in `zone`."""
    chosen = list_chosen([project.id])
    used = _slices_of(chosen, [project.id], apart_since=_ago(slices.DAY))
    balances = forecasts([each.notifier.id for each in chosen])
    first, found = first_hour(zone), []
    for each in chosen:
        theirs = used[each.notifier.id]
        lately, chart = _lately(theirs), _chart(each.notifier.name, theirs, first)
        found.append(Health(each, _judge(each, lately), lately.hour, lately.day, chart, balances.get(each.notifier.id)))
    return found


def judged(projects: Collection[int] | None = None) -> list[Judged]:
    """The notifiers of these projects, of every open one if none are given."""
    chosen = list_chosen(projects)
    used = _slices_of(chosen, projects, apart_since=_ago(HOUR))
    found = []
    for each in chosen:
        lately = _lately(used[each.notifier.id])
        found.append(Judged(each, _judge(each, lately), lately.hour))
    return found


def by_project(projects: Collection[int]) -> dict[int, list[Judged]]:
    """The notifiers in force of each of these projects that has any."""
    found: dict[int, list[Judged]] = defaultdict(list)
    for each in judged(projects) if projects else ():
        if each.chosen.is_in_force:
            found[each.chosen.project_id].append(each)
    return found


def _ago(length: timedelta) -> datetime:
    return slices.this_slice(clock.now()) - length


def _slices_of(
    chosen: Sequence[Chosen], projects: Collection[int] | None, *, apart_since: datetime
) -> dict[int, list[Slice]]:
    notifiers = None if projects is None else [each.notifier.id for each in chosen]
    found: dict[int, list[Slice]] = defaultdict(list)
    for each in slices.read(apart_since=apart_since, projects=projects, notifiers=notifiers):
        found[each.notifier_id].append(each)
    return found


def _judge(chosen: Chosen, lately: Lately) -> Verdict:
    is_proven = chosen.proof is Proof.PROVEN
    return judge(lately, chosen.ttl, is_enabled=chosen.notifier.is_enabled, is_proven=is_proven, breaker=chosen.breaker)


def _lately(used: Sequence[Slice]) -> Lately:
    def since(first: datetime) -> Tally:
        return _sum(each for each in used if each.starts_at and each.starts_at >= first)

    return Lately(hour=since(_ago(HOUR)), day=_sum(used), fresh=since(_ago(slices.LENGTH)))


def _sum(used: Iterable[Slice]) -> Tally:
    found = Tally()
    for each in used:
        found.add(each.tally)
    return found


def _chart(name: str, used: Sequence[Slice], first: datetime) -> Chart:
    hours = [Hour(first + HOUR * number) for number in range(CHART_HOURS)]
    for each in used:
        if each.starts_at and each.starts_at >= first:
            hour = hours[(each.starts_at - first) // HOUR]
            hour.sent += each.tally.sent
            hour.failed += each.tally.failed
            hour.delivered += each.tally.delivered
            hour.undelivered += each.tally.undelivered
    return Chart(name, hours)
