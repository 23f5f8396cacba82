"""The pages of API tokens, and what a token can learn about itself."""

from __future__ import annotations

from flask import Blueprint

from notifapp.tokens import api, views

PAGE = "/tokens"

blueprint = Blueprint("tokens", __name__)
blueprint.get(api.PATH)(api.me)
blueprint.get(PAGE)(views.index)
blueprint.get(f"{PAGE}/new")(views.new)
blueprint.post(f"{PAGE}/new")(views.create)
blueprint.get(f"{PAGE}/<int:token_id>/created")(views.created)
blueprint.get(f"{PAGE}/<int:token_id>/revoke")(views.confirm_revoke)
blueprint.post(f"{PAGE}/<int:token_id>/revoke")(views.revoke)
