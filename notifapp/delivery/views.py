"""The page of a project's deliveries."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, ProjectRef, permission_required
from notifapp.channels import Channel
from notifapp.delivery import queries
from notifapp.delivery.forms import DeliveryFilterForm
from notifapp.errors import ValidationFailed
from notifapp.web import paging
from notifapp.web.forms import add_errors


@permission_required(Permission.SMS_NOTIFIERS_READ, Permission.EMAIL_NOTIFIERS_READ, Permission.OTP_SEND)
def index(project: ProjectRef) -> ResponseReturnValue:
    """The deliveries that match the filters, newest first, and the charts."""
    form = DeliveryFilterForm(queries.list_notifier_names(project))
    try:
        filters = form.filters()
    except ValidationFailed as error:
        add_errors(form, error)
        return _render(project, form, paging.Page(), is_filtered=True), 400
    page = paging.page(queries.list_deliveries(project, filters, paging.requested()))
    return _render(project, form, page, is_filtered=bool(filters))


def _render(project: ProjectRef, form: DeliveryFilterForm, page: paging.Page, *, is_filtered: bool) -> str:
    return render_template(
        "delivery/index.html",
        form=form,
        page=page,
        is_filtered=is_filtered,
        charts=queries.charts(project),
        channels=Channel,
    )
