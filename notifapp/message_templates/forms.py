"""The form of a message; the rules are the service's."""

from __future__ import annotations

from wtforms import StringField, TextAreaField

from notifapp.message_templates.service import MAX_BODY_LENGTH, Template, tidy
from notifapp.web.forms import AS_TYPED, Form, Hints


class TemplateForm(Form):
    """The words, and the host of the last line."""

    body = TextAreaField(
        "Message",
        [Hints(required=True, maxlength=MAX_BODY_LENGTH)],
        description="{code} is the code, {minutes} how long it is valid, {project} the project's name.",
        render_kw={"rows": 4, "spellcheck": "true"},
    )
    autofill_host = StringField(
        "Autofill host",
        description="Optional. The host name of your sign-in page: phones then offer the code there. It adds a last "
        "line such as “@shop.example.com #12345”.",
        render_kw={**AS_TYPED, "inputmode": "url"},
    )

    def show(self, template: Template) -> None:
        """Put a template into the fields."""
        self.body.data, self.autofill_host.data = template.body, template.autofill_host or ""

    def template(self) -> Template:
        """The template as it came in, right or wrong."""
        return tidy(self.body.data or "", self.autofill_host.data or "")
