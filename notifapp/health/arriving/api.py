"""`GET /api/notifications/health`: whether the codes of each notifier in force, or standing by, arrive now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from flask import Response

from notifapp import clock
from notifapp.access import Permission, ProjectRef, permission_required
from notifapp.breakers.service import Breaker
from notifapp.health.arriving.service import Health, of_project
from notifapp.health.arriving.tally import COUNTS, Tally
from notifapp.notifiers.asking.forecast import Forecast
from notifapp.notifiers.proving.service import Proof
from notifapp.web.json_api import json_response

HEALTH_PATH = "/api/notifications/health"


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def health(project: ProjectRef) -> Response:
    """What the overview says first."""
    return json_response(body(of_project(project, clock.UTC_ZONE)))


def body(found: Iterable[Health]) -> dict[str, Any]:
    """The health of a project's notifiers as JSON."""
    return {"notifiers": [_of_notifier(each) for each in found]}


def _of_notifier(health: Health) -> dict[str, Any]:
    chosen, notifier = health.chosen, health.chosen.notifier
    proven_at = chosen.proven_at if chosen.proof is Proof.PROVEN else None
    return {
        "channel": chosen.channel.value,
        "in_force": chosen.is_in_force,
        "notifier": {"id": notifier.id, "name": notifier.name},
        "state": health.verdict.state.value,
        "reason": health.verdict.reason,
        "proven_at": proven_at and clock.iso(proven_at),
        "breaker": _breaker(chosen.breaker),
        "last_hour": _tally(health.hour),
        "last_day": _tally(health.day),
        "hours": [asdict(hour) | {"starts_at": clock.iso(hour.starts_at)} for hour in health.chart.hours],
        "balance": health.balance and _balance(health.balance),
    }


def _breaker(breaker: Breaker) -> dict[str, Any]:
    return {
        "state": breaker.state.value,
        "cause": breaker.cause and breaker.cause.value,
        "since": breaker.since and clock.iso(breaker.since),
        "retry_at": breaker.retry_at and clock.iso(breaker.retry_at),
    }


def _tally(tally: Tally) -> dict[str, Any]:
    counts = {name: getattr(tally, name) for name in COUNTS}
    return counts | {"median_seconds": tally.median, "p95_seconds": tally.p95}


def _balance(forecast: Forecast) -> dict[str, Any]:
    return {
        "amount": forecast.amount,
        "currency": forecast.currency,
        "read_at": clock.iso(forecast.hour),
        "runs_out_at": forecast.runs_out_at and clock.iso(forecast.runs_out_at),
        "give_or_take_days": forecast.give_or_take,
    }
