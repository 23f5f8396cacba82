"""The page of a project's deliveries."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, ProjectRef, permission_required
from notifapp.delivery import queries
from notifapp.delivery.forms import DeliveryFilterForm
from notifapp.web import paging
from notifapp.web.times import time_zone


@permission_required(Permission.SMS_NOTIFIERS_READ, Permission.EMAIL_NOTIFIERS_READ, Permission.OTP_SEND)
def index(project: ProjectRef) -> ResponseReturnValue:
    """The deliveries that match the filters, newest first, and the charts."""
    form = DeliveryFilterForm(queries.list_notifier_names(project))
    filters = form.filters()
    if form.errors:
        return _render(project, form, paging.Page()), 400
    return _render(project, form, paging.page(queries.list_deliveries(project, filters, paging.requested())))


def _render(project: ProjectRef, form: DeliveryFilterForm, page: paging.Page) -> str:
    return render_template("delivery/index.html", form=form, page=page, charts=queries.charts(project, time_zone()))
