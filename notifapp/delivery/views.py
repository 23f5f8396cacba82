"""The page of a project's deliveries."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, ProjectRef, may, permission_required
from notifapp.delivery import queries
from notifapp.delivery.forms import DeliveryFilterForm
from notifapp.delivery.models import DeliveryStatus
from notifapp.otp.challenges import statuses
from notifapp.web import paging
from notifapp.web.times import time_zone


@permission_required(Permission.SMS_NOTIFIERS_READ, Permission.EMAIL_NOTIFIERS_READ, Permission.OTP_SEND)
def index(project: ProjectRef) -> ResponseReturnValue:
    """The deliveries that match the filters, newest first, and the charts; of the channels that the caller may see."""
    channels = queries.visible_channels(may)
    form = DeliveryFilterForm(channels, queries.list_notifier_names(project, channels))
    filters = form.filters()
    charts = queries.charts(project, channels, time_zone())
    if form.errors:
        return _page(form, paging.Page(), charts), 400
    page = paging.page(queries.list_deliveries(project, channels, filters, paging.requested()))
    return _page(form, page, charts)


def _page(form: DeliveryFilterForm, page: paging.Page, charts: list[queries.Chart]) -> str:
    codes = statuses([delivery.challenge_id for delivery in page.items if delivery.challenge_id])
    return render_template(
        "delivery/index.html",
        form=form,
        page=page,
        charts=charts,
        codes=codes,
        may_ask_why=may(Permission.OTP_RELEASE),
        DeliveryStatus=DeliveryStatus,
    )
