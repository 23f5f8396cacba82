"""Sending, with Celery's defaults for Django: a task's connection to the database is closed after it, for example.

It promises less than notifapp's worker: a task that is lost, or whose worker dies, is not found again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import requests
from celery import Task, shared_task
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone

from bench.drf.fields import secrets_of
from bench.drf.models import Delivery, Notifier

TIMEOUT = 15  # seconds


@shared_task(bind=True, max_retries=5)
def send(self: Task, delivery_id: int) -> None:
    """Send one delivery, and keep what became of it."""
    delivery = Delivery.objects.select_related("notifier").get(pk=delivery_id)
    now = timezone.now()
    if delivery.status != "queued":
        return
    if delivery.expires_at <= now:
        return finish(delivery, status="failed", error_code="expired")
    delivery.started_at = delivery.started_at or now
    delivery.attempts += 1
    try:
        provider_id = SENDERS[delivery.backend](delivery.notifier, delivery.channel, delivery.payload)
    except OSError as error:  # what smtplib and requests raise is one, too
        if self.request.retries < self.max_retries:
            delivery.save(update_fields=["started_at", "attempts"])
            raise self.retry(exc=error, countdown=2**self.request.retries) from error
        return finish(delivery, status="failed", error_code=type(error).__name__)
    finish(delivery, status="sent", provider_id=provider_id)


def finish(delivery: Delivery, **values: Any) -> None:
    """Write the end of a delivery; its text is erased."""
    for name, value in values.items():
        setattr(delivery, name, value)
    delivery.payload = None
    delivery.finished_at = timezone.now()
    delivery.save(update_fields=["payload", "started_at", "attempts", "finished_at", *values])


def send_email(notifier: Notifier, channel: str, message: dict[str, Any]) -> str:
    """Email through the notifier's mail server."""
    config = notifier.settings
    connection = get_connection(
        "django.core.mail.backends.smtp.EmailBackend",
        host=config["host"],
        port=config["port"],
        username=config["username"],
        password=secrets_of(notifier)["password"],
        use_tls=config["use_tls"],
        use_ssl=config["use_ssl"],
        timeout=TIMEOUT,
    )
    to = [message["recipient"]]
    email = EmailMessage(message["subject"], message["body"], config["from_email"], to, connection=connection)
    email.send()
    return ""


def post_webhook(notifier: Notifier, channel: str, message: dict[str, Any]) -> str:
    """A signed POST to the notifier's address."""
    message_id = str(uuid.uuid4())
    body = json.dumps({"id": message_id, "channel": channel, **message}).encode()
    secret, now = secrets_of(notifier)["secret"].encode(), int(time.time())
    signature = hmac.new(secret, b"%d." % now + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "Notifapp-Signature": f"t={now},v1={signature}"}
    requests.post(notifier.settings["url"], data=body, headers=headers, timeout=TIMEOUT).raise_for_status()
    return message_id


SENDERS = {"smtp": send_email, "webhook": post_webhook}
