"""The page of a project's alerts."""

from __future__ import annotations

from flask import Blueprint

from notifapp.alerts import views

PATH = "/projects/<project_slug>/alerts"

blueprint = Blueprint("alerts", __name__)
blueprint.get(PATH)(views.page)
blueprint.post(PATH)(views.save)
