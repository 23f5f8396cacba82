"""The table of trials."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, UtcDateTime


class SettingsTrial(Base):
    """A project's last trial that nobody kept: it lives while the version that it brought is in force.

    So every later change ends it, without a statement of its own. At `reverts_at` the settings go back to what they
    were at the version `reverts_to`.
    """

    __tablename__ = "settings_trial"
    __table_args__ = (
        CheckConstraint("reverts_to >= 0 AND reverts_to < version", "reverts_to_earlier"),
        CheckConstraint("reverts_at > started_at", "reverts_later"),
        ForeignKeyConstraint(
            ["project_id", "version"],
            ["settings_revision.project_id", "settings_revision.version"],
            ondelete="CASCADE",
        ),
    )

    project_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    reverts_to: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reverts_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
