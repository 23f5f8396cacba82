"""The page of a project's alerts: who is told, and what is or was wrong."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, ProjectRef, may, permission_required, principal, require
from notifapp.alerts import queries, service, telling
from notifapp.alerts.forms import AlertsForm
from notifapp.errors import ValidationFailed
from notifapp.web import paging
from notifapp.web.forms import add_errors


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def page(project: ProjectRef) -> str:
    """What is wrong, who is told, and what was wrong."""
    form = AlertsForm()
    if not form.is_kept:
        form.show(service.get_told(project))
    return _render(project, form)


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def save(project: ProjectRef) -> ResponseReturnValue:
    """Save who is told."""
    form = AlertsForm()
    try:
        service.set_told(project, form.posted(), principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _render(project, form), 400
    flash("Saved. Alerts that begin or end from now on are told this way.", "success")
    # Without the permission to read, don't redirect to a page that shows the alerts.
    endpoint = ".page" if may(Permission.NOTIFICATIONS_SETTINGS_READ) else "projects.overview"
    return redirect(url_for(endpoint, project_slug=project.slug), 303)


def _render(project: ProjectRef, form: AlertsForm) -> str:
    require(Permission.NOTIFICATIONS_SETTINGS_READ)
    past = queries.list_past(project, paging.requested())
    return render_template(
        "alerts/page.html",
        form=form,
        may_update=may(Permission.NOTIFICATIONS_SETTINGS_UPDATE) and not project.archived_at,
        told=service.get_told(project),
        carriers=telling.carriers(project),
        endpoints=telling.endpoints(project),
        open_alerts=queries.list_open(project),
        page=paging.page(past, queries.shown(past.rows)),
    )
