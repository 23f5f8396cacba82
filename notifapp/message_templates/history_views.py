"""The history of a message, and the restoring of an old version."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, ProjectRef, may, permission_required, principal, require
from notifapp.channels import Channel
from notifapp.errors import StaleVersion, ValidationFailed
from notifapp.message_templates.history import history as read_history
from notifapp.message_templates.history import template_at
from notifapp.message_templates.service import get_templates, set_template
from notifapp.message_templates.values import differences
from notifapp.message_templates.views import flash_message_saved
from notifapp.web.forms import add_errors
from notifapp.web.revisions import VersionedForm, history_page


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def history(project: ProjectRef, channel: str) -> str:
    """All revisions of a channel's message, newest first."""
    of = Channel(channel)
    newest = get_templates(project.id)[of].version
    part = history_page(lambda before, limit: read_history(project, of, before=before, limit=limit), newest)
    may_update = may(Permission.NOTIFICATIONS_SETTINGS_UPDATE) and not project.archived_at
    return render_template(
        "message_templates/history.html", channel=of, page=part, newest=newest, may_update=may_update
    )


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def confirm_restore(project: ProjectRef, channel: str, version: int) -> str:
    """Show what restoring this version would change."""
    return _render_restore(project, Channel(channel), version, VersionedForm())


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def restore(project: ProjectRef, channel: str, version: int) -> ResponseReturnValue:
    """Save an old version as a new one, by the same rules as any change."""
    of, form = Channel(channel), VersionedForm()
    template = template_at(project, of, version)
    try:
        before = set_template(
            project,
            of,
            template,
            principal=principal(),
            expected_version=form.shown_version(),
            reason=f"Restored version {version}",
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return _render_restore(project, of, version, form), 400
    except StaleVersion:
        flash("The message has changed in the meantime. Look again at what restoring would change.", "warning")
        return _render_restore(project, of, version, form), 409
    flash_message_saved(of, before, template)
    endpoint = ".page" if may(Permission.NOTIFICATIONS_SETTINGS_READ) else "projects.overview"
    return redirect(url_for(endpoint, project_slug=project.slug), 303)


def _render_restore(project: ProjectRef, channel: Channel, version: int, form: VersionedForm) -> str:
    require(Permission.NOTIFICATIONS_SETTINGS_READ)
    current = get_templates(project.id)[channel]
    form.version.data = str(current.version)
    changes = differences(current, template_at(project, channel, version))
    return render_template(
        "message_templates/restore.html", channel=channel, form=form, version=version, changes=changes
    )
