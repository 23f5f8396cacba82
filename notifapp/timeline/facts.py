"""What is known of a recipient's last code: all that a diagnosis is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from notifapp.delivery.models import DeliveryStatus
from notifapp.otp.models import ChallengeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """The last message of a challenge; `reason` is why it failed, or why the last attempt or the carrier did.

    `accepted_at` is when the gateway took it, `delivered_at` when it arrived by the receipt.
    """

    status: DeliveryStatus
    reaches_people: bool = True
    is_test: bool = False
    error_code: str | None = None
    reason: str | None = None
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """The newest challenge, with its status as of now; without a message if its record isn't kept any more.

    `sent_at` is when the last of its codes was made.
    """

    status: ChallengeStatus
    created_at: datetime
    sent_at: datetime
    expires_at: datetime
    approved_at: datetime | None = None
    message: SentMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRequest:
    """The newest request for a code that was refused, with the error's code."""

    code: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCode:
    """A code that wasn't accepted, with the error's code; it may have been right, and too late."""

    code: str
    at: datetime
    is_right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of it. `tries` are those since the challenge was created."""

    now: datetime
    is_worker_running: bool = True
    asked: AskedFor | None = None
    refused: RefusedRequest | None = None
    tries: tuple[RefusedCode, ...] = ()
