"""The filter form of the audit trail."""

from __future__ import annotations

from wtforms import SelectField, StringField

from notifapp.access import Source
from notifapp.audit.queries import Filters
from notifapp.audit.service import Action
from notifapp.web.filters import DatedFilterForm, offer
from notifapp.web.forms import AS_TYPED

_SOURCES = [
    (Source.PAGE.value, "Page"),
    (Source.API.value, "API"),
    (Source.CLI.value, "Command line"),
    (Source.AUTOMATIC.value, "Automatic"),
]


class AuditFilterForm(DatedFilterForm):
    """The filters of the trail."""

    action = SelectField("Action", validate_choice=False)
    actor = StringField("Who", render_kw=AS_TYPED)
    project = StringField("Project's address", render_kw=AS_TYPED)
    source = SelectField("From where", validate_choice=False)

    def __init__(self) -> None:
        super().__init__()
        offer(self.action, "Every action", ((action.value, action.label) for action in sorted(Action)))
        offer(self.source, "Everywhere", _SOURCES)

    def filters(self) -> Filters:
        """The filters as entered."""
        since, until = self.period()
        return Filters(
            action=self.chosen("action", Action),
            actor=self.typed("actor").lower(),
            project=self.typed("project"),
            source=self.chosen("source", Source),
            since=since,
            until=until,
        )
