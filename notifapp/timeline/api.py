"""`POST /api/otp/timeline`: a shop's support tool asks why a code didn't arrive."""

from __future__ import annotations

from flask import Response

from notifapp import clock
from notifapp.access import Permission, ProjectRef, permission_required, principal
from notifapp.timeline import service
from notifapp.timeline.events import Event
from notifapp.timeline.parsing import read_look
from notifapp.web.json_api import json_response, read_fields

TIMELINE_PATH = "/api/otp/timeline"  # the address is in the body: URLs end up in logs


@permission_required(Permission.OTP_RELEASE)
def look(project: ProjectRef) -> Response:
    """What is most likely, and what happened to one recipient."""
    asked = read_look(read_fields())
    found = service.of_address(project, asked.recipient, principal=principal(), limit=asked.limit, before=asked.before)
    diagnosis = {"code": found.verdict.value, "text": found.verdict.text}
    return json_response({"diagnosis": diagnosis, "events": [_shown(event) for event in found.events]})


def _shown(event: Event) -> dict[str, object]:
    return {
        "at": clock.iso(event.at),
        "kind": event.kind.value,
        "text": event.text,
        "challenge": event.challenge,
        "notifier": event.notifier,
        "code": event.code,
        "reason": event.reason,
    }
