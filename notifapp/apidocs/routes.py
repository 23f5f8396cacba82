"""`/api/openapi.json` and `/api/docs`."""

from __future__ import annotations

from flask import Blueprint

from notifapp.apidocs import markup, views

blueprint = Blueprint("apidocs", __name__)
blueprint.get("/api/openapi.json")(views.openapi)
blueprint.get("/api/docs")(views.page)
for _filter in (markup.inline, markup.prose, markup.highlight, markup.pretty, markup.compact):
    blueprint.app_template_filter()(_filter)
