"""What the pages of versioned things share: the version that a form showed, "saved", and the history in pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import flash, get_template_attribute, request, url_for
from markupsafe import Markup
from wtforms import HiddenField

from notifapp.web.forms import Form
from notifapp.web.paging import Page

PER_PAGE = 20


class VersionedForm(Form):
    """A form that posts the version it showed, so that a stale save is noticed."""

    version = HiddenField()

    def shown_version(self) -> int:
        """The version that the form showed; -1, which matches none, if it was tampered with."""
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def flash_saved(saved: str, changes: Sequence[Any], *, unchanged: str, kind: str = "success") -> None:
    """Say on the next page that something was saved, with its changes; or `unchanged` if there are none."""
    if changes:
        listed = get_template_attribute("macros.html", "change_list")(changes)
        flash(Markup("<strong>{}</strong>{}").format(saved, listed), kind)
    else:
        flash(unchanged, "info")


def history_page(read: Callable[[int, int], Sequence[Any]], newest: int) -> Page:
    """The requested page of a history, newest first. Versions have no gaps, so a page is a range of versions.

    `read` returns the revisions older than a version, at most so many.
    """
    before = request.args.get("before", newest + 1, type=int)
    revisions = read(min(max(before, 1), newest + 1), PER_PAGE)
    first, last = (revisions[0].version, revisions[-1].version) if revisions else (newest, 0)
    return Page(
        revisions,
        newer_url=_url(first + PER_PAGE + 1) if first < newest else None,
        older_url=_url(last) if last > 1 else None,
    )


def _url(before: int) -> str:
    return url_for(request.endpoint or "", **(request.view_args or {}), before=before)
