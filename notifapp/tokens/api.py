"""`/api/me`: what a token can do."""

from __future__ import annotations

from flask import Response

from notifapp import clock
from notifapp.access import Permission, ProjectRef, may, member_required, principal
from notifapp.tokens.queries import get_token
from notifapp.web.json_api import json_response

PATH = "/api/me"


@member_required
def me(project: ProjectRef) -> Response:
    """The token's project, its user, the permission codes that it has now, and when it expires."""
    caller = principal()
    token = get_token(caller.token_id or 0)
    return json_response(
        {
            "project": {"slug": project.slug, "name": project.name},
            "user": {"email": caller.email},
            "permissions": [int(permission) for permission in sorted(Permission) if may(permission)],
            "token": {
                "name": token.name,
                "expires_at": clock.iso(token.expires_at) if token.expires_at else None,
            },
        }
    )
