"""The page of standby notifiers, and the JSON endpoint."""

from __future__ import annotations

from flask import Blueprint

from notifapp.standby import api, views

PAGE = "/projects/<project_slug>/settings/standby"

blueprint = Blueprint("standby", __name__)
blueprint.get(PAGE)(views.page)
blueprint.post(PAGE)(views.save)
blueprint.get(api.PATH)(api.read)
blueprint.put(api.PATH)(api.replace)
