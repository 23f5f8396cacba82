"""What a project allows, as the services read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from notifapp.access import ProjectRef
from notifapp.database import Statement, reading, table_of
from notifapp.traffic.models import DEFAULTS, Breaker, OtpTrafficLimits, Scope

limits_table = table_of(OtpTrafficLimits)


@dataclass(frozen=True, slots=True)
class TrafficLimits:
    """A project's caps, its countries (None: that of the phone region), number types, and what the breaker does."""

    codes_per_hour: int = DEFAULTS["codes_per_hour"]
    codes_per_day: int = DEFAULTS["codes_per_day"]
    token_codes_per_hour: int = DEFAULTS["token_codes_per_hour"]
    token_codes_per_day: int = DEFAULTS["token_codes_per_day"]
    client_codes_per_hour: int = DEFAULTS["client_codes_per_hour"]
    client_codes_per_day: int = DEFAULTS["client_codes_per_day"]
    wrong_percent: int = DEFAULTS["wrong_percent"]
    wrong_least: int = DEFAULTS["wrong_least"]
    countries: str | None = None
    mobile_only: bool = True
    breaker: str = Breaker.DENY

    def countries_of(self, project: ProjectRef) -> tuple[str, ...]:
        """The ISO 3166 codes of the countries that codes are sent to; none means all."""
        chosen = (project.phone_region or "") if self.countries is None else self.countries
        return tuple(code for code in chosen.split(",") if code)

    def most(self, scope: Scope) -> tuple[int, int]:
        """How many codes an hour and a day may bring under one key of this scope."""
        prefix = "" if scope is Scope.PROJECT else f"{scope}_"
        return getattr(self, f"{prefix}codes_per_hour"), getattr(self, f"{prefix}codes_per_day")

    def most_wrong(self, sent_today: int) -> int:
        """How many wrong codes an hour may bring, after so many codes sent in the last 24 hours."""
        return max(self.wrong_least, sent_today * self.wrong_percent // 100)


limits_columns = [limits_table.c[name] for name in TrafficLimits.__slots__]
_GET = Statement(select(*limits_columns).where(limits_table.c.project_id == bindparam("project_id")))


def limits_of(row: Any) -> TrafficLimits:
    """The limits in a row that may have none, or the defaults."""
    if row is None or row.codes_per_hour is None:
        return TrafficLimits()
    return TrafficLimits(**{name: getattr(row, name) for name in TrafficLimits.__slots__})


def get_limits(project: ProjectRef) -> TrafficLimits:
    """The project's limits, or the defaults."""
    with reading() as connection:
        return limits_of(_GET.first(connection, project_id=project.id))
