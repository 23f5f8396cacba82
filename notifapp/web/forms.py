"""What all forms share. Forms only render and read fields; the services hold the rules."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import Field, SelectMultipleField
from wtforms import Form as AnyForm
from wtforms.fields.core import UnboundField
from wtforms.widgets import CheckboxInput

from notifapp.access.permissions import Permission
from notifapp.errors import DomainError, FieldMessage, ValidationFailed
from notifapp.web.kept_forms import kept_fields

# Attributes of a field for names, and of one for a whole number, which may be typed in any script's digits.
AS_TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
DIGITS = {"autocomplete": "off", "inputmode": "numeric"}
# What a page posts that asks before it acts: do it, or show the form again as it was filled in.
CONFIRMED, BACK = "confirmed", "back"


class Form(FlaskForm):  # type: ignore[misc]
    """The base of all forms. access/guard.py checks CSRF before any view runs, so forms don't.

    `is_kept` says that the form shows what was typed before the session ended.
    """

    is_kept = False

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """The configuration of WTForms."""

        csrf = False

        def bind_field(self, form: AnyForm, unbound_field: UnboundField[Any], options: Any) -> Field:
            """Make every field drop NUL characters."""
            field: Field = unbound_field.bind(form=form, **options)
            field.filters = (*field.filters, _without_nul)
            return field

        def wrap_formdata(self, form: Form, formdata: Any) -> Any:
            """Fill a form that wasn't sent with the fields kept for its page, if any are its own."""
            wrapped = super().wrap_formdata(form, formdata)
            kept = kept_fields() if wrapped is None else None
            form.is_kept = kept is not None and any(field.name in kept for field in form)
            return kept if form.is_kept else wrapped


def permissions_field(label: str) -> SelectMultipleField:
    """A checkbox for each permission code."""
    return SelectMultipleField(
        label,
        choices=[str(int(permission)) for permission in Permission],  # type: ignore[misc]
        coerce=int,
        validate_choice=False,
        option_widget=CheckboxInput(),
    )


class Hints:
    """HTML attributes of a field, such as `required` or `maxlength`: hints for the browser, not validation."""

    def __init__(self, **flags: Any) -> None:
        self.field_flags = flags

    def __call__(self, form: AnyForm, field: object) -> None:
        """Accept any value."""


def is_confirmed() -> bool:
    """Whether a page has asked whether to do this."""
    return CONFIRMED in request.form


def goes_back() -> bool:
    """Whether somebody wants to see the form again, instead of confirming it."""
    return BACK in request.form


def posted_again(**instead: str) -> list[tuple[str, str]]:
    """All that was posted, and that it is confirmed: the hidden fields of a page that asks. `instead` replaces some."""
    dropped = {"csrf_token", CONFIRMED, BACK, *instead}
    kept = [(name, value) for name, value in request.form.items(multi=True) if name not in dropped]
    return [*kept, *instead.items(), (CONFIRMED, "yes")]


def _without_nul(data: object) -> object:
    """Text without NUL characters, which PostgreSQL can't store."""
    return data.replace("\0", "") if isinstance(data, str) else data


def add_errors(form: AnyForm, error: DomainError) -> None:
    """Add a service's messages to their fields, in words for people, and those of no field here to the form itself."""
    if not isinstance(error, ValidationFailed):
        form.form_errors.append(error.detail)
        return
    for name, found in error.errors.items():
        messages = [message.on_page if isinstance(message, FieldMessage) else message for message in found]
        if name in form:
            form[name].errors = [*form[name].errors, *messages]
        else:
            form.form_errors.extend(messages)
