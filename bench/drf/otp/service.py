"""One-time codes: issued under the settings in force, verified once."""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bench.drf import tasks
from bench.drf.models import (
    ApiToken,
    Delivery,
    MessageTemplate,
    NotificationSettings,
    Notifier,
    OtpChallenge,
    OtpLimits,
    OtpRecipient,
    Project,
)
from bench.drf.otp import limits, traffic
from bench.drf.otp.errors import Conflict, ExpiredCode, IncompleteCode, InvalidCode, UsedCode
from bench.drf.recipients import counted_as, mask
from bench.drf.recipients import normalise as normalise_recipient

DEFAULT_SUBJECT = "Your code for {project}"
DEFAULT_BODY = "{code} is your code for {project}. It is valid for {validity}."
LABELS = {"sms": "SMS", "email": "email"}


def limits_of(project: Project) -> OtpLimits:
    """The project's limits, or the defaults."""
    return OtpLimits.objects.filter(project=project).first() or OtpLimits(project=project)


@transaction.atomic
def issue(token: ApiToken, channel: str, address: str) -> OtpChallenge:
    """Make a code and its message, which is sent once both are committed."""
    project, allowed = token.project, limits_of(token.project)
    digest = _mac("recipient", str(project.pk), channel, counted_as(channel, address))
    recipient = _locked(project, channel, digest, mask(channel, address))
    now = timezone.now()
    limits.check_recipient(recipient, now)
    notifiers = ("notifications_sms_notifier", "notifications_email_notifier")
    in_force = NotificationSettings.objects.select_related(*notifiers).get(project=project)
    notifier = _chosen(in_force, channel)
    sends = limits.sends_of(recipient, now)
    times = [sent.created_at for sent in sends]
    limits.check_sends(times, allowed, now)
    address_digest = _mac("recipient", str(project.pk), channel, address)
    _replace_open(recipient, address_digest, now)
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
    challenge_id = secrets.token_hex(16)
    challenge = OtpChallenge.objects.create(
        id=challenge_id,
        project=project,
        channel=channel,
        recipient_digest=address_digest,
        counted_as=recipient.digest,
        recipient=recipient.masked,
        settings_version=in_force.version,
        code_length=in_force.notifications_otp_code_len,
        ttl=in_force.notifications_otp_ttl,
        code_mac=_mac("code", challenge_id, code),
        attempts_left=allowed.max_attempts,
        created_at=now,
        expires_at=delivery.expires_at,
        resend_at=limits.next_send(times, allowed, now),
        unsettled=1 + _unsettled(sends),
        delivery=delivery,
    )
    traffic.charge(token, now)
    return challenge


def verify(project: Project, challenge_id: str, code: str, recipient: str | None = None) -> OtpChallenge:
    """Approve a challenge by its code, once. Raise `InvalidCode`, with what was counted of it committed."""
    challenge = OtpChallenge.objects.filter(pk=challenge_id, project=project).first()
    if challenge is None:
        raise InvalidCode
    failure = _try(project, challenge, normalise(code), recipient)
    if failure is not None:
        raise failure
    return challenge


def normalise(code: str) -> str:
    """The code's digits as ASCII, without blanks and hyphens."""
    kept = (character for character in code if not character.isspace() and character != "-")
    return "".join(str(unicodedata.decimal(character, character)) for character in kept)


@transaction.atomic
def _try(project: Project, challenge: OtpChallenge, code: str, address: str | None) -> InvalidCode | None:
    recipient = _locked(project, challenge.channel, challenge.counted_as, challenge.recipient)
    now = timezone.now()
    challenge.refresh_from_db(fields=["status", "attempts_left"])
    is_open = challenge.status == "pending" and challenge.expires_at > now
    if _is_right(project, challenge, code, address):
        if not is_open:
            return UsedCode() if challenge.status == "approved" else _closed(challenge)
        challenge.status, challenge.approved_at = "approved", now
        challenge.save(update_fields=["status", "approved_at"])
        limits.forget_failures(recipient)
        traffic.add(project.pk, "verified", now, amount=challenge.unsettled)
        return None
    if not is_open:
        return _closed(challenge)
    if len(code) != challenge.code_length:
        return IncompleteCode(challenge.attempts_left, f"Enter the {challenge.code_length} digits of the code.")
    challenge.attempts_left -= 1
    challenge.status = "pending" if challenge.attempts_left else "failed"
    challenge.save(update_fields=["attempts_left", "status"])
    limits.count_failure(recipient, limits_of(project), now)
    traffic.add(project.pk, "wrong", now)
    return InvalidCode(challenge.attempts_left)


def _is_right(project: Project, challenge: OtpChallenge, code: str, address: str | None) -> bool:
    """Whether this is the code, and the address that of the challenge if one is given."""
    is_right = hmac.compare_digest(challenge.code_mac, _mac("code", challenge.pk, code))
    if address is None:
        return is_right
    normalised = normalise_recipient(challenge.channel, address, project.phone_region)
    digest = _mac("recipient", str(project.pk), challenge.channel, normalised)
    return is_right and hmac.compare_digest(challenge.recipient_digest, digest)


def _closed(challenge: OtpChallenge) -> InvalidCode:
    return ExpiredCode() if challenge.status == "pending" else InvalidCode()


def _locked(project: Project, channel: str, digest: str, masked: str) -> OtpRecipient:
    """The recipient's row, new or not, so that calls for it come one after the other."""
    recipient, _ = OtpRecipient.objects.select_for_update().get_or_create(
        project=project, channel=channel, digest=digest, defaults={"masked": masked}
    )
    return recipient


def _chosen(in_force: NotificationSettings, channel: str) -> Notifier:
    notifier: Notifier | None = getattr(in_force, f"notifications_{channel}_notifier")
    if notifier is None:
        detail = f"No {LABELS[channel]} notifier is chosen in this project's notification settings."
        raise Conflict(detail, "no_notifier")
    if not notifier.is_enabled:
        detail = f"The {LABELS[channel]} notifier chosen in this project's notification settings is disabled."
        raise Conflict(detail, "notifier_disabled")
    return notifier


def _unsettled(sends: list[OtpChallenge]) -> int:
    """How many of these codes, oldest first, were sent after the last right one."""
    statuses = [sent.status for sent in reversed(sends)]
    return statuses.index("approved") if "approved" in statuses else len(statuses)


def _replace_open(recipient: OtpRecipient, address_digest: str, now: datetime) -> None:
    """End the address's open challenge, and its message if that still waits."""
    replaced = OtpChallenge.objects.filter(
        project_id=recipient.project_id,
        channel=recipient.channel,
        recipient_digest=address_digest,
        status="pending",
    ).first()
    if replaced is not None:
        replaced.status = "replaced"
        replaced.save(update_fields=["status"])
        Delivery.objects.filter(pk=replaced.delivery_id, finished_at=None).update(expires_at=now)


def _message(project: Project, channel: str, code: str, ttl: int) -> dict[str, Any]:
    template = MessageTemplate.objects.filter(project=project, channel=channel).first()
    variables = {"code": code, "minutes": str(ttl // 60), "validity": _in_words(ttl), "project": project.name}
    body = (template.body if template else DEFAULT_BODY).format(**variables)
    if template and template.autofill_host:
        body += f"\n\n@{template.autofill_host} #{code}"
    subject = (template.subject if template else DEFAULT_SUBJECT).format(**variables)
    return {"subject": subject if channel == "email" else "", "body": body, "variables": variables}


def _in_words(ttl: int) -> str:
    minutes, seconds = divmod(ttl, 60)
    if minutes < 2 and seconds:
        return f"{ttl} seconds"
    parts = ((minutes, "minute"), (seconds, "second"))
    return " ".join(f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number)


def _mac(*parts: str) -> str:
    return hmac.new(_key(), "\0".join(parts).encode(), sha256).hexdigest()


@cache
def _key() -> bytes:
    return (settings.KEYS_DIR / "otp_key").read_text().strip().encode()
