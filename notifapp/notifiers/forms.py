"""The form for a notifier, built from its backend's settings; its gateway may have said what there is to choose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from wtforms import BooleanField, EmailField, Field, PasswordField, StringField, TelField, URLField
from wtforms.widgets import html_params

from notifapp.channels import Channel
from notifapp.delivery.typed_secrets import TypedSecrets
from notifapp.inputs import MAX_NAME_LENGTH
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.gateway import patterns
from notifapp.notifiers.gateway.base import Backend, Kind, Setting
from notifapp.notifiers.gateway.questions import Line, Template
from notifapp.notifiers.service import NotifierDetails
from notifapp.web.forms import DIGITS, Form, Hints


class ChosenField(StringField):
    """A text that is typed, or chosen once the gateway has said what there is."""

    offered: Sequence[tuple[str, str]] = ()

    def offer(self, nothing: str, choices: Sequence[tuple[str, str]]) -> None:
        """Choose from these values and their labels, the present value, and none, which is called `nothing`."""
        known = {value for value, _label in choices}
        present = [] if not self.data or self.data in known else [(self.data, self.data)]
        self.offered = [("", nothing), *present, *choices]
        self.widget = _select

    def iter_choices(self) -> Iterator[tuple[str, str, bool]]:
        """The choices: value, label, and whether it is the present one."""
        return ((value, label, value == (self.data or "")) for value, label in self.offered)


def _select(field: ChosenField, **attributes: object) -> Markup:
    """A field's choices as a select; WTForms' own is for fields that have nothing else."""
    is_chosen = {True: Markup(" selected"), False: ""}
    options = Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(value, is_chosen[chosen], label)
        for value, label, chosen in field.iter_choices()
    )
    named = html_params(name=field.name, id=field.id, required=field.flags.required, **attributes)
    return Markup("<select {}>{}</select>").format(Markup(named), options)  # noqa: S704 - escaped by WTForms


class PlacesField(StringField):
    """Which value goes where in a pattern: a text, or a choice for each place once these are known."""

    values = patterns.VALUES
    places: Sequence[str] = ()
    own: Mapping[str, str] = {}
    is_new = False  # whether the pattern was just chosen

    def process_formdata(self, valuelist: list[str]) -> None:
        """Join the choices; where it is a text, it is the only one."""
        if valuelist:
            self.data = ", ".join(filter(None, valuelist))

    def slots(self) -> Iterator[tuple[str, str]]:
        """Each place, and the value that goes there, or probably does."""
        try:
            known = {self.own.get(place, place): value for place, value in patterns.places(self.data or "").items()}
        except ValueError:
            known = {}
        is_guessed = self.is_new or not any(place in known for place in self.places)
        for place in self.places:
            yield place, known.get(place) or (self._guess(place) if is_guessed else "")

    def _guess(self, place: str) -> str:
        if len(self.places) == 1:
            return "code"
        usual = {own: value for value, own in self.own.items()}
        return usual.get(place) or patterns.guess(place)


_FIELDS: Mapping[Kind, type[Field]] = {
    Kind.TEXT: StringField,
    Kind.SECRET: PasswordField,
    Kind.INTEGER: StringField,  # keeps what was typed, so that an invalid number can be corrected
    Kind.BOOLEAN: BooleanField,
    Kind.URL: URLField,
    Kind.EMAIL: EmailField,
    Kind.PHONE: TelField,
    Kind.VARIABLES: PlacesField,
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


def offer(form: Form, backend: Backend[Any], lines: Sequence[Line], templates: Sequence[Template], *, use: str) -> None:
    """Let people choose from what the gateway said; `use` is the pattern that was just chosen, if one was."""
    used: Template | None = None
    for name, about in backend.settings.items():
        field = form[name]
        if about.choices == "lines" and lines:
            field.offer("Choose a sender" if about.required else "None", [_choice(line) for line in lines])
        elif about.choices == "templates" and templates:
            field.data = use or field.data
            field.offer("None: send as free text", [_choice(template) for template in templates])
            used = next((template for template in templates if template.value == field.data), None)
        elif about.kind is Kind.VARIABLES and used is not None:
            field.places = [place for place in used.places if re.fullmatch(about.regex, place)]
            field.own, field.is_new = about.places, bool(use)


def _choice(found: Line | Template) -> tuple[str, str]:
    return found.value, f"{found.value} ({found.label})" if found.label else found.value


def show_kept(form: Form, names: Iterable[str]) -> None:
    """Say beside these secrets that they needn't be typed again, unless an error there says that they must."""
    for name in names:
        if form[name].errors:
            continue
        form[name].description = "Kept for 10 minutes. Leave it blank to use it."
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
    for name, about in backend.settings.items():
        fields[name] = _field(about, stored=stored and backend.has_secret(name, values))
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
    kind = ChosenField if about.choices else _FIELDS[about.kind]
    return kind(about.label, [Hints(**hints)], **options)
