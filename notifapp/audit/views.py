"""The audit trail, for admins: a page with filters, and a download."""

from __future__ import annotations

from flask import Response, render_template, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from notifapp import clock
from notifapp.access import admin_required
from notifapp.audit import export, queries
from notifapp.audit.forms import AuditFilterForm
from notifapp.web import paging


@admin_required
def index() -> ResponseReturnValue:
    """The events that match the filters, newest first."""
    form = AuditFilterForm()
    filters = form.filters()
    if form.errors:
        return _refuse(form)
    part = queries.list_events(filters, paging.requested())
    page = paging.page(part, [queries.to_event(row) for row in part.rows])
    return render_template("audit/index.html", form=form, page=page, csv_url=_csv_url(form))


@admin_required
def download() -> ResponseReturnValue:
    """The same events as CSV, streamed."""
    form = AuditFilterForm()
    filters = form.filters()
    if form.errors:
        return _refuse(form)
    response = Response(stream_with_context(export.lines(filters)), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"audit-{clock.now():%Y-%m-%d}.csv")
    return response


def _refuse(form: AuditFilterForm) -> tuple[str, int]:
    return render_template("audit/index.html", form=form, page=paging.Page()), 400


def _csv_url(form: AuditFilterForm) -> str:
    return url_for(".download", **{field.name: field.data for field in form if field.data})
