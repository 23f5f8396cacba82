"""A project's notification settings, and their revisions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, ForeignKeyConstraint, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.audit.revisions import Authored
from notifapp.database import Base

DEFAULT_OTP_CODE_LEN = 5  # digits
MIN_OTP_CODE_LEN = 4
MAX_OTP_CODE_LEN = 10
DEFAULT_OTP_TTL = 120  # seconds
MIN_OTP_TTL = 30
MAX_OTP_TTL = 3600


class NotificationSettings(Base):
    """One row per project, created with it. `version` counts the changes; 0 means the defaults, never changed.

    With `requires_proof` only a proven notifier may be chosen. It is no setting: it has no version and no revision.
    """

    __tablename__ = "notification_settings"
    __table_args__ = (
        CheckConstraint(f"otp_code_len BETWEEN {MIN_OTP_CODE_LEN} AND {MAX_OTP_CODE_LEN}", "otp_code_len_bounds"),
        CheckConstraint(f"otp_ttl BETWEEN {MIN_OTP_TTL} AND {MAX_OTP_TTL}", "otp_ttl_bounds"),
        CheckConstraint("version >= 0", "version_counts"),
        CheckConstraint("sms_channel = 'sms' AND email_channel = 'email'", "channels_fixed"),
        ForeignKeyConstraint(
            ["project_id", "sms_channel", "sms_notifier_id"],
            ["notifier.project_id", "notifier.channel", "notifier.id"],
            name="fk_notification_settings_sms_notifier",
        ),
        ForeignKeyConstraint(
            ["project_id", "email_channel", "email_notifier_id"],
            ["notifier.project_id", "notifier.channel", "notifier.id"],
            name="fk_notification_settings_email_notifier",
        ),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="0")
    # The channels are columns only for the foreign keys, which require each notifier's channel to match.
    sms_channel: Mapped[str] = mapped_column(String(5), server_default="sms")
    sms_notifier_id: Mapped[int | None] = mapped_column(index=True)
    email_channel: Mapped[str] = mapped_column(String(5), server_default="email")
    email_notifier_id: Mapped[int | None] = mapped_column(index=True)
    otp_code_len: Mapped[int] = mapped_column(server_default=text(str(DEFAULT_OTP_CODE_LEN)))
    otp_ttl: Mapped[int] = mapped_column(server_default=text(str(DEFAULT_OTP_TTL)))
    requires_proof: Mapped[bool] = mapped_column(server_default=false())


class SettingsRevision(Authored, Base):
    """One change of the settings: the values after it, who made it, when and from where. Append-only.

    Notifiers are stored by id and by their name at that time, so that the history outlives a deleted notifier.
    """

    __tablename__ = "settings_revision"
    __table_args__ = (CheckConstraint("source IN ('page', 'api', 'cli', 'automatic')", "source_known"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sms_notifier_id: Mapped[int | None]
    sms_notifier_name: Mapped[str | None] = mapped_column(String(120))
    email_notifier_id: Mapped[int | None]
    email_notifier_name: Mapped[str | None] = mapped_column(String(120))
    otp_code_len: Mapped[int]
    otp_ttl: Mapped[int]
    # {channel: [[id, name], …]}, carried over from one revision to the next; null until the first change.
    standby: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
