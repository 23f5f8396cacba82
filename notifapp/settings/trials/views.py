"""The buttons of a trial: "Keep" and "Go back now"."""

from __future__ import annotations

from flask import flash
from werkzeug.wrappers import Response

from notifapp.access import Permission, ProjectRef, permission_required, principal
from notifapp.errors import NotFound, StaleVersion
from notifapp.settings.history import settings_at
from notifapp.settings.trials.service import keep_trial, revert_trial
from notifapp.settings.values import differences
from notifapp.settings.views import to_page
from notifapp.web.revisions import VersionedForm, flash_saved


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def keep_on_page(project: ProjectRef) -> Response:
    """Let what is tried stay, if it is what the page showed."""
    try:
        keep_trial(project, principal=principal(), expected_version=VersionedForm().shown_version())
    except (NotFound, StaleVersion):
        _flash_over()
    else:
        flash("The change is kept. It stays until somebody changes it.", "success")
    return to_page(project)


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def revert_on_page(project: ProjectRef) -> Response:
    """Change back what is tried, if it is what the page showed."""
    shown = VersionedForm().shown_version()
    try:
        settings = revert_trial(project, principal=principal(), expected_version=shown)
    except (NotFound, StaleVersion):
        _flash_over()
        return to_page(project)
    changes = differences(settings_at(project, shown), settings)
    flash_saved("Changed back.", changes, unchanged="The trial is over, but nothing could be changed back.")
    return to_page(project)


def _flash_over() -> None:
    flash("The trial was over already. Look at the history to see how it ended.", "warning")
