"""The page of a project's deliveries."""

from __future__ import annotations

from flask import Blueprint

from notifapp.delivery import views

blueprint = Blueprint("deliveries", __name__)
blueprint.get("/projects/<project_slug>/deliveries")(views.index)
