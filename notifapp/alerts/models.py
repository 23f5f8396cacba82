"""The tables of alerts, and of who is told of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, UtcDateTime

BALANCE_DAYS = 3  # below which an alert begins
MOST_BALANCE_DAYS = 90


class AlertKind(StrEnum):
    """What is wrong. Those of a notifier have its id as their subject."""

    FAILING = "failing"
    SLOW = "slow"
    STANDBY = "standby"
    WENT_BACK = "went_back"  # the settings' version that did
    BALANCE = "balance"
    STOPPED = "stopped"  # of a country, by its ISO 3166 code
    BLOCKED = "blocked"  # of the whole project; the subject is empty

    @property
    def words(self) -> Words:
        """How it is told."""
        return _WORDS[self]

    @property
    def is_of_notifier(self) -> bool:
        """Whether the subject is a notifier's id."""
        return self in _OF_NOTIFIERS

    @property
    def is_told_once(self) -> bool:
        """Whether only the beginning is told: there is nothing to say when it is no news any more."""
        return self is AlertKind.WENT_BACK

    @property
    def settles(self) -> timedelta:
        """For how long nothing must be wrong before the alert ends, so that one that comes and goes is told once."""
        return _SETTLES.get(self, timedelta(0))


_OF_NOTIFIERS = (AlertKind.FAILING, AlertKind.SLOW, AlertKind.STANDBY, AlertKind.BALANCE)


class Words(NamedTuple):
    """What is told when it begins and when it ends, with a place for the subject, and what to do about it."""

    began: str
    ended: str
    advice: str


_WORDS = {
    AlertKind.FAILING: Words(
        "{} is failing",
        "{} works again or is no longer used",
        "Look at the deliveries for the reason. Until it works again, choose another notifier in the settings.",
    ),
    AlertKind.SLOW: Words(
        "What {} sends does not arrive in time",
        "What {} sends arrives in time again, or it is no longer used",
        "Ask the gateway whether it has a delay. Until it is over, choose another notifier in the settings.",
    ),
    AlertKind.STANDBY: Words(
        "Another notifier stands in for {}",
        "No other notifier stands in for {} any more",
        "Customers still get their codes. See to the notifier before the one that stands in fails, too.",
    ),
    AlertKind.WENT_BACK: Words(
        "A change of the settings that was tried went back by itself",
        "The settings that went back are no news any more",
        "Look at the history for the reason. If the change was right, try it again, and keep it before its time is up.",
    ),
    AlertKind.BALANCE: Words(
        "The balance of {} is running out",
        "The balance of {} is enough again, or it is no longer used",
        "Top up the account, or choose another notifier in the settings.",
    ),
    AlertKind.STOPPED: Words(
        "Unusual traffic to {}",
        "The traffic to {} is usual again",
        "Somebody may be running up your bill. The limits page shows where codes went and what is stopped.",
    ),
    AlertKind.BLOCKED: Words(
        "Many recipients are being blocked after wrong codes",
        "Recipients are no longer blocked in large numbers",
        "Somebody may be guessing codes, or your own sign-in page passes on wrong ones. The limits page lists the "
        "recipients and can unblock them.",
    ),
}
_SETTLES = {
    AlertKind.FAILING: timedelta(minutes=10),
    AlertKind.SLOW: timedelta(minutes=10),
    AlertKind.STANDBY: timedelta(minutes=10),
    AlertKind.STOPPED: timedelta(hours=2),
    AlertKind.BLOCKED: timedelta(hours=2),
}


class Alert(Base):
    """Something that was wrong from `began_at` to `ended_at`, or still is.

    `label` names the subject as it was called then, `detail` is the reason in figures. `calm_since` is since when
    nothing has been wrong: the alert ends once that is long enough. `carrier` is the email notifier by which the
    beginning was told, if it was.
    """

    __tablename__ = "alert"
    __table_args__ = (
        CheckConstraint("kind IN ({})".format(", ".join(f"'{each}'" for each in AlertKind)), "kind_known"),
        CheckConstraint("ended_at >= began_at", "ended_after_it_began"),
        # What is wrong is told once, however many workers see it.
        Index(
            "uq_alert_open",
            "project_id",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_alert_project", "project_id", "began_at", "id"),
        Index("ix_alert_ended", "ended_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    kind: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(20))
    label: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(String(300))
    carrier: Mapped[str | None] = mapped_column(String(120))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    calm_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AlertSettings(Base):
    """Who is told by email, and of which balance; without a row nobody is, and the default applies."""

    __tablename__ = "alert_settings"
    __table_args__ = (CheckConstraint(f"balance_days BETWEEN 1 AND {MOST_BALANCE_DAYS}", "balance_days_bounds"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    emails: Mapped[list[str]] = mapped_column(JSON)
    balance_days: Mapped[int] = mapped_column(server_default=text(str(BALANCE_DAYS)))
