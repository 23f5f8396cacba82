"""Records actions, in the transaction that performs them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access.principal import Principal
from notifapp.audit.models import AuditEvent
from notifapp.database import insertion, table_of


class Action(StrEnum):
    """All actions that are recorded."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    SESSIONS_ENDED = "sessions_ended"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    PASSWORD_LINK_CREATED = "password_link_created"  # noqa: S105
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    SECOND_FACTOR_RESET = "second_factor_reset"
    SECOND_STEP_FAILED = "second_step_failed"
    PASSKEY_REFUSED = "passkey_refused"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    USER_CREATED = "user_created"
    USER_CHANGED = "user_changed"
    USER_DEACTIVATED = "user_deactivated"
    USER_REACTIVATED = "user_reactivated"
    MEMBERSHIP_SET = "membership_set"
    MEMBERSHIP_REMOVED = "membership_removed"
    TOKEN_CREATED = "token_created"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    PROJECT_CREATED = "project_created"
    PROJECT_RENAMED = "project_renamed"
    PHONE_REGION_CHANGED = "phone_region_changed"
    PROJECT_ARCHIVED = "project_archived"
    PROJECT_RESTORED = "project_restored"
    NOTIFIER_CREATED = "notifier_created"
    NOTIFIER_CHANGED = "notifier_changed"
    NOTIFIER_PROVEN = "notifier_proven"
    NOTIFIER_ENABLED = "notifier_enabled"
    NOTIFIER_DISABLED = "notifier_disabled"
    NOTIFIER_DELETED = "notifier_deleted"
    RECEIPT_ADDRESS_RENEWED = "receipt_address_renewed"
    SETTINGS_CHANGED = "settings_changed"
    PROOF_REQUIREMENT_CHANGED = "proof_requirement_changed"
    TRIAL_STARTED = "trial_started"
    TRIAL_KEPT = "trial_kept"
    TRIAL_REVERTED = "trial_reverted"
    TEST_SENT = "test_sent"
    MESSAGE_TEMPLATE_CHANGED = "message_template_changed"
    OTP_LIMITS_CHANGED = "otp_limits_changed"
    EVENT_ENDPOINT_CREATED = "event_endpoint_created"
    EVENT_ENDPOINT_CHANGED = "event_endpoint_changed"
    EVENT_ENDPOINT_ENABLED = "event_endpoint_enabled"
    EVENT_ENDPOINT_DISABLED = "event_endpoint_disabled"
    EVENT_ENDPOINT_DELETED = "event_endpoint_deleted"
    EVENT_SECRET_ROTATED = "event_secret_rotated"  # noqa: S105
    EVENT_TEST_SENT = "event_test_sent"
    EVENT_SENT_AGAIN = "event_sent_again"
    RECIPIENT_RELEASED = "recipient_released"
    TEST_RECIPIENT_ADDED = "test_recipient_added"
    TEST_RECIPIENT_REMOVED = "test_recipient_removed"
    RECIPIENT_ERASED = "recipient_erased"
    TIMELINE_SEEN = "timeline_seen"
    CODES_REFUSED = "codes_refused"
    CODES_RELEASED = "codes_released"
    ALERTS_CHANGED = "alerts_changed"
    SECRETS_REENCRYPTED = "secrets_reencrypted"

    @property
    def label(self) -> str:
        """The name to show, such as "Settings changed"."""
        return _LABELS.get(self) or self.value.replace("_", " ").capitalize()


_LABELS = {
    Action.MEMBERSHIP_SET: "Permissions changed",
    Action.MEMBERSHIP_REMOVED: "Member removed",
    Action.TRIAL_STARTED: "Settings tried",
    Action.TRIAL_KEPT: "Tried settings kept",
    Action.TRIAL_REVERTED: "Tried settings changed back",
    Action.TEST_SENT: "Notifier tested",
    Action.EVENT_TEST_SENT: "Test event sent",
    Action.MESSAGE_TEMPLATE_CHANGED: "Message changed",
    Action.OTP_LIMITS_CHANGED: "Limits changed",
    Action.RECIPIENT_RELEASED: "Recipient unblocked",
    Action.TIMELINE_SEEN: "Recipient looked up",
    Action.CODES_RELEASED: "Codes sent again",
}


class Change(NamedTuple):
    """A changed value, in words, as listed under `changes` in an event's detail."""

    label: str
    before: str
    after: str


_INSERT = insertion(table_of(AuditEvent), without={"id"})


def record(
    connection: Connection,
    action: Action,
    *,
    principal: Principal,
    subject: str,
    project_id: int | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Record an event in the current transaction.

    `subject` says what the action was done to; `detail` must not contain secrets.
    """
    _INSERT.execute(
        connection,
        at=clock.now(),
        action=action.value,
        actor_id=principal.user_id,
        actor=principal.email,
        source=principal.source.value,
        address=principal.address,
        token_id=principal.token_id,
        project_id=project_id,
        subject=subject[:254],
        detail=dict(detail or {}),
    )
