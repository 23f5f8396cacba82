"""The tables of the counts and of what a project allows. Neither holds an address."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text, true
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base

MOST_CODES = 1_000_000
DEFAULTS = {
    "codes_per_hour": 2_000,
    "codes_per_day": 10_000,
    "token_codes_per_hour": 1_000,
    "token_codes_per_day": 5_000,
    # Less than a recipient may receive, so that no single client can use up what is a recipient's.
    "client_codes_per_hour": 4,
    "client_codes_per_day": 8,
    "wrong_percent": 1,
    "wrong_least": 100,
}
BOUNDS = {name: (1, 100 if name == "wrong_percent" else MOST_CODES) for name in DEFAULTS}


class Scope(StrEnum):
    """What a row counts codes by; its key says which one."""

    PROJECT = "project"  # the key is empty
    TOKEN = "token"  # noqa: S105  # its id
    COUNTRY = "country"  # its ISO 3166 code; 001 for numbers of no country
    PREFIX = "prefix"  # the first six digits of the number
    CLIENT = "client"  # the MAC of what the caller named
    REFUSAL = "refusal"  # why codes were refused
    AUDITED = "audited"  # the same, in the first hour of each day that has an audit event for it


class Breaker(StrEnum):
    """What happens to codes for a country or prefix where too many aren't verified."""

    DENY = "deny"
    RECORD = "record"


class OtpTraffic(Base):
    """What was sent, verified, tried and refused in one hour; `hour` counts hours since 1970, UTC.

    `verified` counts the codes whose recipient has verified this or a later one.
    """

    __tablename__ = "otp_traffic"
    __table_args__ = (
        CheckConstraint("scope IN ({})".format(", ".join(f"'{scope}'" for scope in Scope)), "scope_known"),
        CheckConstraint("sent >= 0 AND verified >= 0 AND wrong >= 0 AND refused >= 0", "counts"),
        Index("ix_otp_traffic_hour", "hour"),
        {"sqlite_with_rowid": False},
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    scope: Mapped[str] = mapped_column(String(8), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sent: Mapped[int] = mapped_column(server_default="0")
    verified: Mapped[int] = mapped_column(server_default="0")
    wrong: Mapped[int] = mapped_column(server_default="0")
    refused: Mapped[int] = mapped_column(server_default="0")


def _number(name: str) -> Mapped[int]:
    return mapped_column(server_default=text(str(DEFAULTS[name])))


class OtpTrafficLimits(Base):
    """What a project allows; without a row the defaults apply.

    `countries` are ISO 3166 codes with commas, none for all; NULL stands for the country of the phone region.
    """

    __tablename__ = "otp_traffic_limits"
    __table_args__ = (
        *(
            CheckConstraint(f"{name} BETWEEN {least} AND {most}", f"{name}_bounds")
            for name, (least, most) in BOUNDS.items()
        ),
        CheckConstraint("breaker IN ('deny', 'record')", "breaker_known"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    codes_per_hour: Mapped[int] = _number("codes_per_hour")
    codes_per_day: Mapped[int] = _number("codes_per_day")
    token_codes_per_hour: Mapped[int] = _number("token_codes_per_hour")
    token_codes_per_day: Mapped[int] = _number("token_codes_per_day")
    client_codes_per_hour: Mapped[int] = _number("client_codes_per_hour")
    client_codes_per_day: Mapped[int] = _number("client_codes_per_day")
    wrong_percent: Mapped[int] = _number("wrong_percent")
    wrong_least: Mapped[int] = _number("wrong_least")
    countries: Mapped[str | None] = mapped_column(Text)
    mobile_only: Mapped[bool] = mapped_column(server_default=true())
    breaker: Mapped[str] = mapped_column(String(6), server_default=Breaker.DENY.value)
