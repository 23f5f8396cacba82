"""The table of message templates."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base


class MessageTemplate(Base):
    """A project's message template on a channel; without a row the default applies."""

    __tablename__ = "message_template"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("body <> ''", "body_not_empty"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(5), primary_key=True)
    body: Mapped[str] = mapped_column(String(1000))
    autofill_host: Mapped[str | None] = mapped_column(String(253))
