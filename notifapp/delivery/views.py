"""The page of a project's deliveries."""

from __future__ import annotations

from flask import Blueprint, render_template

from notifapp import paging
from notifapp.access import Permission, ProjectRef, permission_required
from notifapp.delivery import queries
from notifapp.delivery.forms import FilterForm
from notifapp.errors import ValidationFailed
from notifapp.forms import add_errors
from notifapp.notifiers.channels import Channel

blueprint = Blueprint("deliveries", __name__)


@blueprint.get("/projects/<project_slug>/deliveries")
@permission_required(Permission.SMS_NOTIFIERS_READ, Permission.EMAIL_NOTIFIERS_READ, Permission.OTP_SEND)
def index(project: ProjectRef) -> str | tuple[str, int]:
    """What was sent, what is on its way and what failed, newest first."""
    form = FilterForm(queries.list_notifier_names(project))
    try:
        filters = form.filters()
    except ValidationFailed as error:
        add_errors(form, error)
        return _render(project, form, paging.Page([], None, None), is_filtered=True), 400
    page = paging.page(queries.list_deliveries(project, filters, paging.requested()))
    return _render(project, form, page, is_filtered=bool(filters))


def _render(project: ProjectRef, form: FilterForm, page: paging.Page, *, is_filtered: bool) -> str:
    return render_template(
        "delivery/index.html",
        form=form,
        page=page,
        is_filtered=is_filtered,
        charts=queries.charts(project),
        channels=Channel,
    )
