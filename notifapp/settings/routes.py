"""The settings page, its history, and the JSON endpoint."""

from __future__ import annotations

from flask import Blueprint

from notifapp.settings import api, views

PAGE = "/projects/<project_slug>/settings"

blueprint = Blueprint("settings", __name__)
blueprint.get(PAGE)(views.page)
blueprint.post(PAGE)(views.save)
blueprint.post(f"{PAGE}/phone-region")(views.save_phone_region)
blueprint.post(f"{PAGE}/proof")(views.save_proof)
blueprint.get(api.PATH)(api.read)
blueprint.patch(api.PATH)(api.update)

blueprint.get(f"{PAGE}/history")(views.history)
blueprint.get(f"{PAGE}/history/<int:version>/restore")(views.confirm_restore)
blueprint.post(f"{PAGE}/history/<int:version>/restore")(views.restore)
