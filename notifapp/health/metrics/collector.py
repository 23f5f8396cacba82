"""What `/metrics` tells. No label names a project, a notifier or a person, so there are never many series."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from notifapp import clock
from notifapp.breakers.models import BreakerState
from notifapp.channels import Channel
from notifapp.database import reading, table_of
from notifapp.delivery.heartbeat import count_workers
from notifapp.delivery.models import Delivery, DeliveryStatus
from notifapp.health.arriving.judging import State
from notifapp.health.arriving.service import Judged, judged
from notifapp.health.arriving.tally import COUNTS, Tally

_QUANTILES = {"0.5": 50, "0.95": 95}
_delivery = table_of(Delivery).c
_WAITING = (DeliveryStatus.QUEUED.value, DeliveryStatus.SENDING.value)


class Metrics(Collector):
    """Reads the figures when they are asked for."""

    def collect(self) -> Iterator[Metric]:
        """All figures, as of now."""
        yield GaugeMetricFamily("notifapp_workers", "Workers that run.", value=count_workers())
        yield from _queue()
        found = judged()
        yield _notifiers(found)
        yield _breakers(found)
        yield from _codes(found)


def _queue() -> Iterator[Metric]:
    waiting = select(func.count(), func.min(_delivery.created_at)).where(_delivery.status.in_(_WAITING))
    with reading() as connection:
        number, oldest = connection.execute(waiting).one()
    seconds = (clock.now() - oldest).total_seconds() if oldest else 0
    yield GaugeMetricFamily("notifapp_messages_waiting", "Messages that have yet to be sent.", value=number)
    yield GaugeMetricFamily("notifapp_oldest_message_waiting_seconds", "How long one has waited.", value=seconds)


def _notifiers(found: Iterable[Judged]) -> Metric:
    family = GaugeMetricFamily(
        "notifapp_notifiers", "Notifiers in force, by how sending through them goes.", labels=("channel", "state")
    )
    numbers = Counter((each.chosen.channel, each.verdict.state) for each in found if each.chosen.is_in_force)
    for channel in Channel:
        for state in State:
            family.add_metric((channel, state), numbers[channel, state])
    return family


def _breakers(found: Iterable[Judged]) -> Metric:
    family = GaugeMetricFamily(
        "notifapp_breakers", "Notifiers in force or standing by, by their breaker.", labels=("channel", "state")
    )
    numbers = Counter((each.chosen.channel, each.chosen.breaker.state) for each in found)
    for channel in Channel:
        for state in BreakerState:
            family.add_metric((channel, state), numbers[channel, state])
    return family


def _codes(found: Iterable[Judged]) -> Iterator[Metric]:
    """The last hour, by the channel and the kind of gateway."""
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for each in found:
        tallies[each.chosen.channel, each.chosen.notifier.backend].add(each.hour)
    labels: Any = ("channel", "backend")
    codes = GaugeMetricFamily(
        "notifapp_codes_last_hour", "Codes of the last hour, by what became of them.", labels=(*labels, "result")
    )
    times = GaugeMetricFamily(
        "notifapp_seconds_to_verified_last_hour",
        "From the call to the right code, for codes of the last hour.",
        labels=(*labels, "quantile"),
    )
    for key, tally in sorted(tallies.items()):
        for name in COUNTS:
            codes.add_metric((*key, name), getattr(tally, name))
        for quantile, percent in _QUANTILES.items():
            seconds = tally.percentile(percent)
            if seconds is not None:
                times.add_metric((*key, quantile), seconds)
    yield codes
    yield times
