"""What every form of a page shares. Forms render fields and read them; the rules are the services' alone."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Form as AnyForm

from notifapp.errors import ValidationFailed


class Form(FlaskForm):  # type: ignore[misc]
    """The base of every form. CSRF is checked before any view runs (access/guard.py), so not here again."""

    class Meta:
        """WTForms' own configuration."""

        csrf = False


class Hints:
    """HTML attributes of a field, such as `required` or `maxlength`: hints for the browser, not rules."""

    def __init__(self, **flags: Any) -> None:
        self.field_flags = flags

    def __call__(self, form: AnyForm, field: object) -> None:
        """Accept everything."""


def add_errors(form: AnyForm, error: ValidationFailed) -> None:
    """Put a service's messages on the fields that they are about; those about no field of it on the form itself."""
    for name, messages in error.errors.items():
        if name in form:
            form[name].errors = [*form[name].errors, *messages]
        else:
            form.form_errors.extend(messages)
