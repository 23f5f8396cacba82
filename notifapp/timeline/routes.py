"""The page and the endpoint that say why a code didn't arrive."""

from __future__ import annotations

from flask import Blueprint

from notifapp.timeline import api, views

PAGE = "/projects/<project_slug>/timeline"

blueprint = Blueprint("timeline", __name__)
blueprint.get(PAGE)(views.ask)
blueprint.post(PAGE)(views.look)
blueprint.post(api.TIMELINE_PATH, endpoint="api_look")(api.look)
