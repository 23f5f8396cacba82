"""The append-only table of who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, UtcDateTime


class AuditEvent(Base):
    """An action of a person, a token, the operator or the worker. `actor` is the email address at that time."""

    __tablename__ = "audit_event"
    __table_args__ = (
        CheckConstraint("source IN ('page', 'api', 'cli', 'automatic')", "source_known"),
        # The page's order, without and with each filter, so that no page gets slower as the table grows.
        Index("ix_audit_event_at", "at", "id"),
        Index("ix_audit_event_action", "action", "at", "id"),
        Index("ix_audit_event_actor", "actor", "at", "id"),
        Index("ix_audit_event_project", "project_id", "at", "id"),
        Index("ix_audit_event_source", "source", "at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    action: Mapped[str] = mapped_column(String(40))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    actor: Mapped[str] = mapped_column(String(254))
    source: Mapped[str] = mapped_column(String(9))
    address: Mapped[str | None] = mapped_column(String(45))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id"))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"))
    subject: Mapped[str] = mapped_column(String(254))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
