"""The page that changes what a project allows, and the way out after too many wrong codes; for admins."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import ProjectRef, principal, project_admin_required
from notifapp.errors import ValidationFailed
from notifapp.traffic import limit_settings
from notifapp.traffic.forms import TrafficLimitsForm
from notifapp.traffic.limits import get_limits
from notifapp.web.forms import add_errors


@project_admin_required
def edit(project: ProjectRef) -> str:
    """The form."""
    form = TrafficLimitsForm()
    if not form.is_kept:
        form.show(get_limits(project), project)
    return render_template("traffic/edit.html", form=form)


@project_admin_required
def save(project: ProjectRef) -> ResponseReturnValue:
    """Save the limits."""
    form = TrafficLimitsForm()
    try:
        limit_settings.set_limits(project, form.posted(), principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return render_template("traffic/edit.html", form=form), 400
    flash("Limits saved. They apply from the next code.", "success")
    return _to_limits(project)


@project_admin_required
def release(project: ProjectRef) -> Response:
    """Let codes be sent again."""
    limit_settings.release(project, principal=principal())
    flash("Codes are sent again.", "success")
    return _to_limits(project)


def _to_limits(project: ProjectRef) -> Response:
    return redirect(url_for("otp.limits", project_slug=project.slug), 303)
