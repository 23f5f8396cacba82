"""The page for a project's message templates."""

from __future__ import annotations

from flask import Blueprint

from notifapp.message_templates import views

PAGE = "/projects/<project_slug>/messages"

blueprint = Blueprint("message_templates", __name__)
blueprint.get(PAGE)(views.page)
blueprint.post(f"{PAGE}/<any(sms, email):channel>")(views.save)
