"""Times as pages show them: in the person's time zone, and how long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flask import Flask, g, request

from notifapp import clock
from notifapp.access import current_access
from notifapp.wording import relative

COOKIE = "tz"  # static/app.js keeps the browser's zone in it


def init_app(app: Flask) -> None:
    """Give the templates their filters and globals for times."""
    app.jinja_env.filters.update(local=local, relative=relative)
    app.jinja_env.globals.update(time_zone=time_zone, zone_in_words=zone_in_words)


def time_zone() -> ZoneInfo:
    """The zone of this request's times: the account's, else the browser's, else UTC."""
    if "time_zone" not in g:
        principal = current_access().principal
        chosen = principal.time_zone if principal else None
        g.time_zone = clock.zone(chosen) or clock.zone(unquote(request.cookies.get(COOKIE, ""))) or clock.UTC_ZONE
    zone: ZoneInfo = g.time_zone
    return zone


def local(moment: datetime, pattern: str = "%Y-%m-%d %H:%M") -> str:
    """A time on the person's clock."""
    return moment.astimezone(time_zone()).strftime(pattern)


def zone_in_words() -> str:
    """The zone and its present distance from UTC: "Asia/Tehran (UTC+03:30)"."""
    zone = time_zone()
    offset = clock.now().astimezone(zone).utcoffset() or timedelta()
    if not offset:
        return zone.key
    minutes = int(offset.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"{zone.key} (UTC{'-' if minutes < 0 else '+'}{hours:02}:{rest:02})"
