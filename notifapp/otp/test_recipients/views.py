"""The pages of a project's test recipients, for admins."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import ProjectRef, principal, project_admin_required, recent_proof_required
from notifapp.errors import Conflict, ValidationFailed
from notifapp.otp.test_recipients import service
from notifapp.otp.test_recipients.forms import TestRecipientForm
from notifapp.otp.test_recipients.models import DAYS_KEPT
from notifapp.web.forms import add_errors
from notifapp.web.times import time_zone


@project_admin_required
def index(project: ProjectRef) -> str:
    """All of them, with their codes: the admin has to tell them to whoever tests."""
    found = service.list_test_recipients(project)
    return render_template("otp/test_recipients/index.html", found=found, most=service.MOST, days_kept=DAYS_KEPT)


@project_admin_required
@recent_proof_required
def new(project: ProjectRef) -> str:
    """The form for one more."""
    return render_template("otp/test_recipients/new.html", form=TestRecipientForm())


@project_admin_required
@recent_proof_required
def add(project: ProjectRef) -> ResponseReturnValue:
    """Add one."""
    form = TestRecipientForm()
    try:
        masked = service.add_test_recipient(project, form.posted(), zone=time_zone(), principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return render_template("otp/test_recipients/new.html", form=form), error.status
    except Conflict as error:
        form.form_errors.append(error.detail)
        return render_template("otp/test_recipients/new.html", form=form), error.status
    flash(f"{masked} is a test recipient now. Nothing is sent to it.", "success")
    return _to_index(project)


@project_admin_required
def confirm_remove(project: ProjectRef, test_id: int) -> str:
    """Ask before removing one."""
    return render_template("otp/test_recipients/remove.html", it=service.get_test_recipient(project, test_id))


@project_admin_required
def remove(project: ProjectRef, test_id: int) -> Response:
    """Remove one."""
    service.remove_test_recipient(project, test_id, principal=principal())
    flash("The test recipient was removed. Real codes are sent to it from now on.", "success")
    return _to_index(project)


def _to_index(project: ProjectRef) -> Response:
    return redirect(url_for(".test_recipients", project_slug=project.slug), 303)
