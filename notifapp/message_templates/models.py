"""The message templates, and their revisions."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.audit.revisions import Authored
from notifapp.database import Base
from notifapp.message_templates.values import DEFAULT_SUBJECT


class MessageTemplate(Base):
    """A project's message template on a channel; without a row, version 0, the default applies."""

    __tablename__ = "message_template"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("body <> ''", "body_not_empty"),
        CheckConstraint("subject <> ''", "subject_not_empty"),
        CheckConstraint("version > 0", "version_counts"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(5), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    subject: Mapped[str] = mapped_column(String(150), server_default=DEFAULT_SUBJECT)
    body: Mapped[str] = mapped_column(String(1000))
    autofill_host: Mapped[str | None] = mapped_column(String(253))


class MessageTemplateRevision(Authored, Base):
    """One change of a message template: the values after it, who made it, when and from where. Append-only."""

    __tablename__ = "message_template_revision"
    __table_args__ = (CheckConstraint("source IN ('page', 'api', 'cli')", "source_known"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(5), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(150))
    body: Mapped[str] = mapped_column(String(1000))
    autofill_host: Mapped[str | None] = mapped_column(String(253))
