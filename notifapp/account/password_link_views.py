"""Setting a password with a one-time link.

The link's key is only in the URL of its first request. After that it is a digest in the signed session, so
that no history, referrer or log of a later request holds it.
"""

from __future__ import annotations

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import public
from notifapp.account import service
from notifapp.account.device_views import remember_device
from notifapp.account.forms import NewPasswordForm
from notifapp.errors import NotFound, ValidationFailed
from notifapp.web.forms import add_errors

_DIGEST = "password_link"  # in the session
_OPEN_IT = "Open the link that you were given: it leads to the page that sets your password."
_ANOTHER = "Another link was opened in this browser meanwhile. Check whose password this page sets now."


@public
def password_link(key: str) -> Response:
    """Lead on to the page that sets the password. Opening it doesn't use it up, because mail scanners do that too."""
    session[_DIGEST] = service.open_password_link(key)
    return redirect(url_for("account.set_password"), 303)


@public
def set_password() -> ResponseReturnValue:
    """Set a password with the link that was opened last."""
    digest: str | None = session.get(_DIGEST)
    if digest is None:
        raise NotFound(_OPEN_IT)
    form = NewPasswordForm()
    email = service.peek_password_link(digest)
    if form.is_submitted() and request.form.get("username") != email:
        flash(_ANOTHER, "warning")
        return redirect(url_for("account.set_password"), 303)
    if not form.validate_on_submit():
        page = render_template("account/password_link.html", form=form, email=email)
        return (page, ValidationFailed.status) if form.is_submitted() else page
    try:
        user_id = service.set_password_by_link(digest, form.new.data or "", address=request.remote_addr)
    except ValidationFailed as error:
        add_errors(form, error)
        return render_template("account/password_link.html", form=form, email=email), error.status
    del session[_DIGEST]
    remember_device(user_id)
    flash("Your password is set. Sign in with it.", "success")
    return redirect(url_for("account.sign_in"), 303)
