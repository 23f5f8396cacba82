"""The page for a project's limits, for admins."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from notifapp.access import ProjectRef, principal, project_admin_required
from notifapp.errors import ValidationFailed
from notifapp.otp.blocked.service import list_blocked
from notifapp.otp.forms import LimitsForm
from notifapp.otp.limits import settings
from notifapp.otp.limits.service import get_limits
from notifapp.settings.service import get_policy
from notifapp.traffic.queries import get_traffic
from notifapp.web import paging
from notifapp.web.forms import add_errors


@project_admin_required
def limits(project: ProjectRef) -> str:
    """The limits, and the recipients blocked by them."""
    form = LimitsForm()
    if not form.is_kept:
        form.show(get_limits(project.id))
    return _render(project, form)


@project_admin_required
def save_limits(project: ProjectRef) -> ResponseReturnValue:
    """Save the limits."""
    form = LimitsForm()
    try:
        settings.set_limits(project, form.posted(), principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _render(project, form), 400
    flash("Limits saved. They apply from the next code.", "success")
    return redirect(url_for(".limits", project_slug=project.slug), 303)


def _render(project: ProjectRef, form: LimitsForm) -> str:
    page = paging.page(list_blocked(project, paging.requested()))
    return render_template(
        "otp/limits.html",
        form=form,
        page=page,
        limits=get_limits(project.id),
        code_lifetime=get_policy(project).ttl,
        traffic=get_traffic(project),
    )
