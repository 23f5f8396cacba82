"""`/api/settings/notifications`: the JSON endpoint (see the contract in docs/api.md)."""

from __future__ import annotations

from flask import Response, request

from notifapp.access import Permission, ProjectRef, permission_required, principal
from notifapp.settings import service
from notifapp.settings.values import Settings, body
from notifapp.web.json_api import expected_version, json_response, read_fields, version_tag

PATH = "/api/settings/notifications"


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def read(project: ProjectRef) -> Response:
    """The settings in force, with their version as a strong ETag; 304 if the caller already has them."""
    settings = service.get_notification_settings(project)
    response = respond(settings)
    if "If-None-Match" in request.headers:
        response.make_conditional(request)
    return response


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def update(project: ProjectRef) -> Response:
    """Change the supplied fields; with `If-Match`, only if the settings are still at that version."""
    expected = expected_version(lambda: service.get_notification_settings(project).version)
    updated = service.update_notification_settings(
        project, read_fields(), principal=principal(), expected_version=expected
    )
    return respond(updated.after)


def respond(settings: Settings) -> Response:
    """The contract's answer: the four keys, and the version in the ETag."""
    return json_response(body(settings), tag=tag(settings))


def tag(settings: Settings) -> str:
    """The ETag of these settings."""
    names = [notifier.name if notifier else None for notifier in (settings.sms_notifier, settings.email_notifier)]
    return version_tag(settings.version, *names)
