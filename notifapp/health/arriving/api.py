"""`GET /api/notifications/health`: whether the codes of each notifier in force arrive now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from flask import Response

from notifapp import clock
from notifapp.access import Permission, ProjectRef, permission_required
from notifapp.channels import Channel
from notifapp.health.arriving.service import Health, of_project
from notifapp.health.arriving.tally import COUNTS, Tally
from notifapp.notifiers.asking.forecast import Forecast
from notifapp.web.json_api import json_response

HEALTH_PATH = "/api/notifications/health"


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def health(project: ProjectRef) -> Response:
    """What the overview says first."""
    return json_response(body(of_project(project, clock.UTC_ZONE)))


def body(found: Iterable[Health]) -> dict[str, Any]:
    """The health of a project's notifiers as JSON, by channel."""
    by_channel: dict[str, Any] = {channel.value: None for channel in Channel}
    return by_channel | {each.chosen.channel.value: _of_notifier(each) for each in found}


def _of_notifier(health: Health) -> dict[str, Any]:
    notifier = health.chosen.notifier
    return {
        "notifier": {"id": notifier.id, "name": notifier.name},
        "state": health.verdict.state.value,
        "reason": health.verdict.reason,
        "last_hour": _tally(health.hour),
        "last_day": _tally(health.day),
        "hours": [asdict(hour) | {"starts_at": clock.iso(hour.starts_at)} for hour in health.chart.hours],
        "balance": health.balance and _balance(health.balance),
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
