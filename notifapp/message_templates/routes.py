"""The page for a project's message templates, and their history."""

from __future__ import annotations

from flask import Blueprint

from notifapp.message_templates import history_views, views

PAGE = "/projects/<project_slug>/messages"
HISTORY = f"{PAGE}/<any(sms, email):channel>/history"

blueprint = Blueprint("message_templates", __name__)
blueprint.get(PAGE)(views.page)
blueprint.post(PAGE)(views.save)
blueprint.get(HISTORY)(history_views.history)
blueprint.get(f"{HISTORY}/<int:version>/restore")(history_views.confirm_restore)
blueprint.post(f"{HISTORY}/<int:version>/restore")(history_views.restore)
