"""`GET /api/settings/notifications/preview`: what a length and a lifetime mean, before they are saved."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, request

from notifapp.access import Permission, ProjectRef, permission_required
from notifapp.channels import Channel
from notifapp.errors import ValidationFailed
from notifapp.otp.preview.clauses import Clause
from notifapp.otp.preview.service import Preview, get_preview
from notifapp.settings.values import OTP_CODE_LEN, OTP_TTL, parse
from notifapp.web.json_api import json_response

PREVIEW_PATH = "/api/settings/notifications/preview"
PARAMETERS = {"otp_code_len": OTP_CODE_LEN, "otp_ttl": OTP_TTL}  # and the settings that they stand for


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def preview(project: ProjectRef) -> Response:
    """The figures, for the settings in force where a parameter is missing."""
    given = {field: request.args[name] for name, field in PARAMETERS.items() if name in request.args}
    parsed, errors = parse(given)
    if errors.messages:
        raise ValidationFailed(
            {name: errors.messages[field] for name, field in PARAMETERS.items() if field in errors.messages}
        )
    return json_response(body(get_preview(project, code_len=parsed.get(OTP_CODE_LEN), ttl=parsed.get(OTP_TTL))))


def body(preview: Preview) -> dict[str, Any]:
    """The preview as JSON."""
    sms = preview.messages[Channel.SMS].segments
    return {
        "otp_code_len": preview.code_len,
        "otp_ttl": preview.ttl,
        "odds": {"one_customer": asdict(preview.one_customer), "all_customers": asdict(preview.all_customers)},
        "clauses": [_clause(clause) for clause in preview.clauses],
        "arrivals": asdict(preview.arrivals),
        "sms": sms and {"encoding": sms.encoding, "length": sms.length, "segments": sms.count},
    }


def _clause(clause: Clause) -> dict[str, object]:
    return {
        "requirement": clause.requirement,
        "clauses": list(clause.places),
        "is_met": clause.is_met,
        "why": clause.why,
    }
