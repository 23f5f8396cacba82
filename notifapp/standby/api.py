"""`/api/settings/notifications/standby`: the standby notifiers as JSON."""

from __future__ import annotations

from flask import Response, request

from notifapp.access import Permission, ProjectRef, permission_required, principal
from notifapp.standby import service
from notifapp.standby.service import Listed, as_ids
from notifapp.web.json_api import expected_version, json_response, read_fields, version_tag

PATH = "/api/settings/notifications/standby"


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def read(project: ProjectRef) -> Response:
    """Each channel's list, with the settings' version as a strong ETag; 304 if the caller already has them."""
    response = _respond(service.get_standby(project))
    if "If-None-Match" in request.headers:
        response.make_conditional(request)
    return response


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def replace(project: ProjectRef) -> Response:
    """Replace the supplied lists; with `If-Match`, only if the settings are still at that version."""
    expected = expected_version(lambda: service.get_standby(project).version)
    return _respond(service.set_standby(project, read_fields(), principal=principal(), expected_version=expected))


def _respond(listed: Listed) -> Response:
    ids = as_ids(listed.standby)
    return json_response(ids, tag=version_tag(listed.version, repr(ids)))
