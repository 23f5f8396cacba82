"""The audit trail, for admins: a page with filters, and a download."""

from __future__ import annotations

from flask import Response, render_template, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from notifapp import clock
from notifapp.access import admin_required
from notifapp.audit import export, queries
from notifapp.audit.forms import AuditFilterForm
from notifapp.errors import ValidationFailed
from notifapp.web import paging
from notifapp.web.forms import add_errors


@admin_required
def index() -> ResponseReturnValue:
    """The events that match the filters, newest first."""
    form = AuditFilterForm()
    try:
        filters = form.filters()
    except ValidationFailed as error:
        return _refuse(form, error)
    part = queries.list_events(filters, paging.requested())
    page = paging.page(part, [queries.to_event(row) for row in part.rows])
    return render_template("audit/index.html", form=form, page=page, is_filtered=bool(filters), csv_url=_csv_url(form))


@admin_required
def download() -> ResponseReturnValue:
    """The same events as CSV, streamed."""
    form = AuditFilterForm()
    try:
        filters = form.filters()
    except ValidationFailed as error:
        return _refuse(form, error)
    response = Response(stream_with_context(export.lines(filters)), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"audit-{clock.now():%Y-%m-%d}.csv")
    return response


def _refuse(form: AuditFilterForm, error: ValidationFailed) -> tuple[str, int]:
    add_errors(form, error)
    return render_template("audit/index.html", form=form, page=paging.Page(), is_filtered=True), 400


def _csv_url(form: AuditFilterForm) -> str:
    return url_for(".download", **{field.name: field.data for field in form if field.data})
