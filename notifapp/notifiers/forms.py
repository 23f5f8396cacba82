"""The form for a notifier, built from its backend's settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wtforms import BooleanField, EmailField, Field, PasswordField, StringField, TelField, URLField

from notifapp.channels import Channel
from notifapp.delivery.typed_secrets import TypedSecrets
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.gateway.base import Backend, Kind, Setting
from notifapp.notifiers.service import NotifierDetails
from notifapp.notifiers.values import MAX_NAME_LENGTH
from notifapp.web.forms import DIGITS, Form, Hints

_FIELDS: Mapping[Kind, type[Field]] = {
    Kind.TEXT: StringField,
    Kind.SECRET: PasswordField,
    Kind.INTEGER: StringField,  # keeps what was typed, so that an invalid number can be corrected
    Kind.BOOLEAN: BooleanField,
    Kind.URL: URLField,
    Kind.EMAIL: EmailField,
    Kind.PHONE: TelField,
    Kind.VARIABLES: StringField,
}


def new_form(backend: Backend[Any]) -> Form:
    """The form for a new notifier, filled with the defaults or the posted values."""
    return _form(backend, {name: about.default for name, about in backend.settings.items()}, stored=False)


def edit_form(notifier: NotifierDetails) -> Form:
    """The form for a stored notifier, filled with its values or the posted ones, but never with secrets."""
    return _form(find_backend(notifier.backend), {"name": notifier.name, **notifier.settings}, stored=True)


def recipient_form(channel: Channel) -> Form:
    """The recipient of a test message: posted together with the notifier's form, so its field has a prefix."""
    kind, hint = (TelField, "With + and the country's code.") if channel is Channel.SMS else (EmailField, "")
    field = kind("Send it to", [Hints(maxlength=254)], description=hint, render_kw={"autocomplete": "off"})
    form: Form = type("RecipientForm", (Form,), {"recipient": field})(prefix="test-")
    return form


def posted_fields(form: Form, typed: TypedSecrets) -> dict[str, object]:
    """The form's values, as the service expects them, with the secrets held since a test.

    Raise `ValidationFailed` where these can't be used any more.
    """
    settings = {field.name: field.data for field in form if field.name != "name"}
    return {"name": form["name"].data, "settings": typed.fill_in(settings)}


def show_kept(form: Form, names: Iterable[str]) -> None:
    """Say beside these secrets that they needn't be typed again, unless an error there says that they must."""
    for name in names:
        if form[name].errors:
            continue
        form[name].description = "Kept for 10 minutes since your test. Leave it blank to use it."
        form[name].flags.required = False


def _form(backend: Backend[Any], values: Mapping[str, object], *, stored: bool) -> Form:
    fields: dict[str, Any] = {
        "name": StringField(
            "Name",
            [Hints(required=True, maxlength=MAX_NAME_LENGTH)],
            description="People choose it by this name in the settings.",
            render_kw={"autocomplete": "off"},
        )
    }
    fields |= {name: _field(about, stored=stored) for name, about in backend.settings.items()}
    form: Form = type("NotifierForm", (Form,), fields)(data=values)
    return form


def _field(about: Setting, *, stored: bool) -> Field:
    kept = about.secret and stored
    hints: dict[str, object] = {}
    if about.kind is not Kind.BOOLEAN and not kept:
        hints["required"] = (about.required and not about.may_be_blank) or about.kind is Kind.INTEGER
    if about.kind not in {Kind.BOOLEAN, Kind.INTEGER}:
        hints["maxlength"] = about.max_length
    options: dict[str, Any] = {
        "description": "Stored. Leave it blank to keep it." if kept else about.help,
        "render_kw": {"autocomplete": "new-password" if about.secret else "off", "spellcheck": "false"},
    }
    if about.kind is Kind.INTEGER:
        options["render_kw"] |= DIGITS
    return _FIELDS[about.kind](about.label, [Hints(**hints)], **options)
