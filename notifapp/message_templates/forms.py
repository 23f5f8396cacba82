"""The form for a message template."""

from __future__ import annotations

from wtforms import StringField, TextAreaField

from notifapp.message_templates.service import MAX_BODY_LENGTH, Template, tidy
from notifapp.web.forms import AS_TYPED, Form, Hints


class TemplateForm(Form):
    """A message template: its body and its autofill host."""

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
        """Fill the fields with a template."""
        self.body.data, self.autofill_host.data = template.body, template.autofill_host or ""

    def template(self) -> Template:
        """The template as posted, valid or not."""
        return tidy(self.body.data or "", self.autofill_host.data or "")
