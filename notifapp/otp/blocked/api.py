"""`POST /api/otp/recipients/release`: a shop's support lets one recipient have codes again."""

from __future__ import annotations

from flask import Response

from notifapp.access import Permission, ProjectRef, permission_required, principal
from notifapp.otp.blocked.service import release_address
from notifapp.otp.parsing import read_recipient
from notifapp.web.json_api import read_fields

RELEASE_PATH = "/api/otp/recipients/release"  # the address is in the body: URLs end up in logs


@permission_required(Permission.OTP_RELEASE)
def release(project: ProjectRef) -> Response:
    """Release a recipient. The response is the same for one that is free or unknown, so it reveals no customer."""
    asked = read_recipient(read_fields())
    release_address(project, asked.recipient, channel=asked.channel, principal=principal())
    return Response(status=204)
