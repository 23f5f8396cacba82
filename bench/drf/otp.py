"""One-time codes: issued under the settings in force, verified once, by notifapp's rules (docs/otp.md)."""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from math import ceil
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone
from rest_framework.exceptions import APIException

from bench.drf import limits, tasks
from bench.drf.models import (
    Delivery,
    MessageTemplate,
    NotificationSettings,
    Notifier,
    OtpChallenge,
    OtpLimits,
    OtpRecipient,
    Project,
)
from bench.drf.recipients import mask

DEFAULT_BODY = "{code} is your code for {project}. It is valid for {minutes} minutes."
LABELS = {"sms": "SMS", "email": "Email"}


class Conflict(APIException):
    """The settings don't allow it."""

    status_code = 409


class InvalidCode(APIException):
    """A code that doesn't count."""

    status_code = 400

    def __init__(self, attempts_left: int, *, expired: bool = False) -> None:
        self.detail = {
            "code": ["This code has expired." if expired else "Invalid code."],
            "attempts_left": attempts_left,
        }
        if expired:
            self.detail["status"] = "expired"


def limits_of(project: Project) -> OtpLimits:
    """The project's limits, or the defaults."""
    return OtpLimits.objects.filter(project=project).first() or OtpLimits(project=project)


@transaction.atomic
def issue(project: Project, channel: str, address: str, allowed: OtpLimits) -> OtpChallenge:
    """Make a code and its message, which is sent once both are committed."""
    recipient = _locked(project, channel, _mac("recipient", str(project.pk), channel, address), mask(channel, address))
    now = timezone.now()
    limits.check_recipient(recipient, now)
    notifiers = ("notifications_sms_notifier", "notifications_email_notifier")
    in_force = NotificationSettings.objects.select_related(*notifiers).get(project=project)
    notifier = _chosen(in_force, channel)
    limits.check_sends(recipient, allowed, now)
    _replace_open(recipient, now)
    code = "".join(secrets.choice("0123456789") for _ in range(in_force.notifications_otp_code_len))
    delivery = Delivery.objects.create(
        project=project,
        notifier=notifier,
        notifier_name=notifier.name,
        backend=notifier.backend,
        channel=channel,
        recipient=recipient.masked,
        payload={"recipient": address, **_message(project, channel, code, in_force.notifications_otp_ttl)},
        expires_at=now + timedelta(seconds=in_force.notifications_otp_ttl),
    )
    transaction.on_commit(lambda: tasks.send.delay(delivery.pk))
    return _create(recipient, in_force, allowed, delivery, code, now)


def verify(project: Project, challenge_id: str, code: str) -> None:
    """Approve a challenge by its code, once. Raise `InvalidCode`, with what was counted of it committed."""
    failure = _try(project, challenge_id, normalise(code))
    if failure is not None:
        raise failure


def normalise(code: str) -> str:
    """The code's digits as ASCII, without blanks and hyphens."""
    kept = (character for character in code if not character.isspace() and character != "-")
    return "".join(str(unicodedata.decimal(character, character)) for character in kept)


@transaction.atomic
def _try(project: Project, challenge_id: str, code: str) -> InvalidCode | None:
    challenge = OtpChallenge.objects.filter(pk=challenge_id, project=project).first()
    if challenge is None:
        return InvalidCode(0)
    recipient = _locked(project, challenge.channel, challenge.recipient_digest, challenge.recipient)
    now = timezone.now()
    limits.check_recipient(recipient, now)
    is_open = OtpChallenge.objects.filter(pk=challenge.pk, status="pending", attempts_left__gt=0, expires_at__gt=now)
    if hmac.compare_digest(challenge.code_mac, _mac("code", challenge.pk, code)):
        if is_open.update(status="approved", approved_at=now):
            limits.forget_failures(recipient)
            return None
    elif is_open.update(
        attempts_left=F("attempts_left") - 1,
        status=Case(When(attempts_left=1, then=Value("failed")), default=Value("pending")),
    ):
        limits.count_failure(recipient, limits_of(project), now)
        challenge.refresh_from_db(fields=["attempts_left"])
        return InvalidCode(challenge.attempts_left)
    return InvalidCode(0, expired=challenge.status == "pending" and challenge.expires_at <= now)


def _locked(project: Project, channel: str, digest: str, masked: str) -> OtpRecipient:
    """The recipient's row, new or not, so that calls for it come one after the other."""
    recipient, _ = OtpRecipient.objects.select_for_update().get_or_create(
        project=project, channel=channel, digest=digest, defaults={"masked": masked}
    )
    return recipient


def _chosen(in_force: NotificationSettings, channel: str) -> Notifier:
    notifier: Notifier | None = getattr(in_force, f"notifications_{channel}_notifier")
    if notifier is None:
        raise Conflict(f"No {LABELS[channel]} notifier is chosen in this project's notification settings.")
    if not notifier.is_enabled:
        raise Conflict(f"The {LABELS[channel]} notifier that this project's settings have chosen is disabled.")
    return notifier


def _replace_open(recipient: OtpRecipient, now: datetime) -> None:
    """End the recipient's open challenge, and its message if that still waits."""
    replaced = OtpChallenge.objects.filter(
        project_id=recipient.project_id,
        channel=recipient.channel,
        recipient_digest=recipient.digest,
        status="pending",
    ).first()
    if replaced is not None:
        replaced.status = "replaced"
        replaced.save(update_fields=["status"])
        Delivery.objects.filter(pk=replaced.delivery_id, finished_at=None).update(expires_at=now)


def _message(project: Project, channel: str, code: str, ttl: int) -> dict[str, Any]:
    template = MessageTemplate.objects.filter(project=project, channel=channel).first()
    variables = {"code": code, "minutes": str(ceil(ttl / 60)), "project": project.name}
    body = (template.body if template else DEFAULT_BODY).format(**variables)
    if template and template.autofill_host:
        body += f"\n\n@{template.autofill_host} #{code}"
    subject = f"Your code for {project.name}" if channel == "email" else ""
    return {"subject": subject, "body": body, "variables": variables}


def _create(
    recipient: OtpRecipient,
    in_force: NotificationSettings,
    allowed: OtpLimits,
    delivery: Delivery,
    code: str,
    now: datetime,
) -> OtpChallenge:
    challenge_id = secrets.token_hex(16)
    return OtpChallenge.objects.create(
        id=challenge_id,
        project_id=recipient.project_id,
        channel=recipient.channel,
        recipient_digest=recipient.digest,
        counted_as=recipient.digest,
        recipient=recipient.masked,
        settings_version=in_force.version,
        code_length=in_force.notifications_otp_code_len,
        ttl=in_force.notifications_otp_ttl,
        code_mac=_mac("code", challenge_id, code),
        attempts_left=allowed.max_attempts,
        created_at=now,
        expires_at=delivery.expires_at,
        resend_at=now + timedelta(seconds=allowed.resend_seconds),
        delivery=delivery,
    )


def _mac(*parts: str) -> str:
    return hmac.new(_key(), "\0".join(parts).encode(), sha256).hexdigest()


@cache
def _key() -> bytes:
    return (settings.KEYS_DIR / "otp_key").read_text().strip().encode()
