"""Codes of the past, as rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any


def verified(project_id: int, number: int, approved_at: datetime, seconds: float) -> dict[str, Any]:
    """A challenge whose code was entered this long after it was sent."""
    sent_at = approved_at - timedelta(seconds=seconds)
    return {
        "id": f"{number:032x}",
        "project_id": project_id,
        "channel": "sms",
        "recipient_digest": "0" * 64,
        "recipient": "+98••••••••67",
        "settings_version": 1,
        "code_length": 6,
        "ttl": 3600,
        "code_mac": "0" * 64,
        "status": "approved",
        "attempts_left": 5,
        "created_at": sent_at,
        "expires_at": sent_at + timedelta(hours=1),
        "resend_at": sent_at,
        "approved_at": approved_at,
    }


def resent(challenge: dict[str, Any]) -> dict[str, Any]:
    """Another code of this challenge, sent at the same time."""
    same = {
        name: challenge[name] for name in ("settings_version", "code_length", "code_mac", "created_at", "expires_at")
    }
    return {"challenge_id": challenge["id"], "number": 2, **same}
