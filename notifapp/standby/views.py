"""The page of standby notifiers."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from notifapp.access import NOTIFIERS_READ, Permission, ProjectRef, may, permission_required, principal
from notifapp.channels import Channel
from notifapp.errors import StaleVersion, ValidationFailed
from notifapp.settings.history import history as read_history
from notifapp.settings.service import get_notification_settings
from notifapp.settings.values import differences_of_standby
from notifapp.standby import service
from notifapp.standby.forms import StandbyForm
from notifapp.web.forms import add_errors
from notifapp.web.revisions import flash_saved


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def page(project: ProjectRef) -> str:
    """The form with the notifiers that stand by."""
    listed, form = service.get_standby(project), StandbyForm()
    if not form.is_kept:
        form.show(listed.standby, listed.version)
    return _render(project, form)


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def save(project: ProjectRef) -> ResponseReturnValue:
    """Save the lists, unless the settings have changed since they were shown."""
    form, before = StandbyForm(), service.get_standby(project)
    try:
        after = service.set_standby(
            project,
            form.posted(),
            principal=principal(),
            expected_version=form.shown_version(),
            reason=form.reason.data,
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return _render(project, form), 400
    except StaleVersion:
        newer = [change for change in read_history(project, limit=10) if change.version > form.shown_version()]
        form.version.data = str(before.version)
        return _render(project, form, meanwhile=newer), 409
    changes = differences_of_standby(before.standby, after.standby)
    flash_saved("Standby notifiers saved.", changes, unchanged="You have not changed anything.")
    endpoint = "settings.page" if may(Permission.NOTIFICATIONS_SETTINGS_READ) else "projects.overview"
    return redirect(url_for(endpoint, project_slug=project.slug), 303)


def _render(project: ProjectRef, form: StandbyForm, **more: object) -> str:
    settings = get_notification_settings(project)
    choices = service.choices(project)
    form.offer(choices)
    return render_template(
        "standby/page.html",
        form=form,
        in_force={channel: settings.notifier(channel) for channel in Channel},
        choices=choices,
        may_see_notifiers=may(*NOTIFIERS_READ),
        **more,
    )
