"""The settings page, its history, the JSON endpoint, and trials on both."""

from __future__ import annotations

from flask import Blueprint

from notifapp.settings import api, views
from notifapp.settings.trials import api as trial_api
from notifapp.settings.trials import views as trial_views

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

blueprint.post(f"{PAGE}/trial/keep")(trial_views.keep_on_page)
blueprint.post(f"{PAGE}/trial/revert")(trial_views.revert_on_page)
blueprint.post(trial_api.PATH)(trial_api.start_trial)
blueprint.get(trial_api.PATH)(trial_api.read_trial)
blueprint.post(trial_api.KEEP_PATH)(trial_api.keep_trial)
blueprint.post(trial_api.REVERT_PATH)(trial_api.revert_trial)
