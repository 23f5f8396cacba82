"""The table of standby notifiers."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base

MOST = 3  # of a channel; each that fails costs the customer's time


class StandbyNotifier(Base):
    """A notifier that stands by for its project and channel, after those with a lower position."""

    __tablename__ = "standby_notifier"
    __table_args__ = (
        CheckConstraint(f"position BETWEEN 1 AND {MOST}", "position_bounds"),
        # As in the settings: only notifiers of the project and the channel, and none of them can be deleted.
        ForeignKeyConstraint(
            ["project_id", "channel", "notifier_id"],
            ["notifier.project_id", "notifier.channel", "notifier.id"],
            name="fk_standby_notifier_notifier",
        ),
        UniqueConstraint("notifier_id"),
        {"sqlite_with_rowid": False},
    )

    project_id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(5), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    notifier_id: Mapped[int]
