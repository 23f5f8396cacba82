"""The form for a message template."""

from __future__ import annotations

from wtforms import StringField, TextAreaField

from notifapp.channels import Channel
from notifapp.message_templates.values import DEFAULT_SUBJECT, MAX_BODY_LENGTH, MAX_SUBJECT_LENGTH, Template, tidy
from notifapp.web.forms import AS_TYPED, Hints
from notifapp.web.revisions import VersionedForm


class TemplateForm(VersionedForm):
    """A channel's message template; only email has a `subject`."""

    subject = StringField(
        "Subject",
        [Hints(required=True, maxlength=MAX_SUBJECT_LENGTH)],
        description="{project} and {validity} can be used here too. With {code}, the code shows on a locked phone.",
        render_kw={"autocomplete": "off", "dir": "auto"},
    )
    body = TextAreaField(
        "Message",
        [Hints(required=True, maxlength=MAX_BODY_LENGTH)],
        description="{code} is the code, {project} the project's name, {validity} how long the code is valid, "
        "in English, such as “90 seconds” or “2 minutes”. {minutes} is the number of minutes, rounded down.",
        render_kw={"rows": 4, "spellcheck": "true", "dir": "auto"},
    )
    autofill_host = StringField(
        "Autofill host",
        description="Optional. The host name of your sign-in page: phones then offer the code there. It adds a last "
        "line such as “@shop.example.com #12345”.",
        render_kw={**AS_TYPED, "inputmode": "url"},
    )

    def __init__(self, channel: Channel, template: Template | None = None) -> None:
        """The posted form of a channel, or one that shows a template."""
        posted = {"formdata": None} if template else {}
        super().__init__(prefix=f"{channel.value}-", **posted)
        if channel is not Channel.EMAIL:
            del self.subject
        if template and not self.is_kept:
            self.show(template)

    def show(self, template: Template) -> None:
        """Fill the fields with a template."""
        self.version.data = str(template.version)
        self.body.data, self.autofill_host.data = template.body, template.autofill_host or ""
        if self.subject:
            self.subject.data = template.subject

    def template(self) -> Template:
        """The template as posted, valid or not."""
        subject = (self.subject.data or "") if self.subject else DEFAULT_SUBJECT
        return tidy(self.body.data or "", self.autofill_host.data or "", subject)
