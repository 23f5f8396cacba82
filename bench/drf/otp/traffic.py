"""How many codes a project and a token send, counted by the hour and capped, and how many wrong ones are entered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, Sum, When

from bench.drf.models import ApiToken, OtpTraffic, OtpTrafficLimits
from bench.drf.otp.errors import TooManyRequests

HOUR = 3600  # seconds
HOURS_A_DAY = 24
PROJECT, TOKEN = "project", "token"


def charge(token: ApiToken, now: datetime) -> None:
    """Count a code that is being sent, last in its transaction. Raise at a cap, which rolls that back."""
    limits = OtpTrafficLimits.objects.filter(project=token.project).first() or OtpTrafficLimits(project=token.project)
    keys = {PROJECT: "", TOKEN: str(token.pk)}
    for scope, key in keys.items():
        add(token.project_id, "sent", now, scope=scope, key=key)
    sums = _sums(token.project_id, keys, now)
    _check(sums[TOKEN], limits.token_codes_per_hour, limits.token_codes_per_day, TOKEN, now)
    _check(sums[PROJECT], limits.codes_per_hour, limits.codes_per_day, PROJECT, now)
    sent_before = sums[PROJECT]["today"] - 1
    if sums[PROJECT]["wrong_now"] > max(limits.wrong_least, sent_before * limits.wrong_percent // 100):
        raise _refused("Too many wrong codes were entered in this project.", "guessing_suspected", now)


def add(project_id: int, column: str, now: datetime, *, scope: str = PROJECT, key: str = "", amount: int = 1) -> None:
    """Add to what is counted in this hour, whose row is locked by that."""
    row = {"project_id": project_id, "scope": scope, "key": key, "hour": _hour(now)}
    plus = {column: F(column) + amount}
    if not OtpTraffic.objects.filter(**row).update(**plus):
        OtpTraffic.objects.get_or_create(**row)
        OtpTraffic.objects.filter(**row).update(**plus)


def _sums(project_id: int, keys: dict[str, str], now: datetime) -> dict[str, dict[str, Any]]:
    """What was sent in this hour and in a day, and the wrong codes of this hour, by the scope."""
    hour, is_one = _hour(now), Q()
    for scope, key in keys.items():
        is_one |= Q(scope=scope, key=key)
    counted = OtpTraffic.objects.filter(is_one, project_id=project_id, hour__gte=hour - HOURS_A_DAY)
    sums = counted.values("scope").annotate(
        today=Sum("sent"),
        now=Sum(Case(When(hour=hour, then="sent"), default=0)),
        wrong_now=Sum(Case(When(hour=hour, then="wrong"), default=0)),
    )
    return {row["scope"]: row for row in sums}


def _check(sums: dict[str, Any], an_hour: int, a_day: int, scope: str, now: datetime) -> None:
    for count, most, window in ((sums["now"], an_hour, "an hour"), (sums["today"], a_day, "a day")):
        if count > most:
            raise _refused(f"This {scope} has reached its limit of codes in {window}.", f"{scope}_limit", now)


def _refused(why: str, code: str, now: datetime) -> TooManyRequests:
    return TooManyRequests(HOUR - int(now.timestamp()) % HOUR, why, code)


def _hour(now: datetime) -> int:
    return int(now.timestamp()) // HOUR
