"""What every form of a page shares. Forms render fields and read them; the rules are the services' alone."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field
from wtforms import Form as AnyForm
from wtforms.fields.core import UnboundField

from notifapp.errors import ValidationFailed

AS_TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}  # attributes of a field for names


class Form(FlaskForm):  # type: ignore[misc]
    """The base of every form. CSRF is checked before any view runs (access/guard.py), so not here again."""

    class Meta:
        """WTForms' own configuration."""

        csrf = False

        def bind_field(self, form: AnyForm, unbound_field: UnboundField[Any], options: Any) -> Field:
            """Give every field of text the one filter that all need."""
            field: Field = unbound_field.bind(form=form, **options)
            field.filters = (*field.filters, _without_nul)
            return field


class Hints:
    """HTML attributes of a field, such as `required` or `maxlength`: hints for the browser, not rules."""

    def __init__(self, **flags: Any) -> None:
        self.field_flags = flags

    def __call__(self, form: AnyForm, field: object) -> None:
        """Accept everything."""


def _without_nul(data: object) -> object:
    """Text without NUL, which PostgreSQL can't keep and HTML can't show."""
    return data.replace("\0", "") if isinstance(data, str) else data


def add_errors(form: AnyForm, error: ValidationFailed) -> None:
    """Put a service's messages on the fields that they are about; those about no field of it on the form itself."""
    for name, messages in error.errors.items():
        if name in form:
            form[name].errors = [*form[name].errors, *messages]
        else:
            form.form_errors.extend(messages)
