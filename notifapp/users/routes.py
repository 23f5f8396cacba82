"""The pages for users and their memberships."""

from __future__ import annotations

from flask import Blueprint

from notifapp.database import MAX_ID
from notifapp.users import membership_views, session_views, views

PAGE = "/users"
ONE = f"{PAGE}/<int(max={MAX_ID}):user_id>"
MEMBERSHIPS = f"{ONE}/memberships"
MEMBERS = "/projects/<project_slug>/members"
BOTH = ("GET", "POST")

blueprint = Blueprint("users", __name__)
blueprint.get(PAGE)(views.index)
blueprint.route(f"{PAGE}/new", methods=BOTH)(views.create)
blueprint.route(ONE, methods=BOTH)(views.edit)
blueprint.route(f"{ONE}/deactivate", methods=BOTH)(views.deactivate)
blueprint.route(f"{ONE}/reactivate", methods=BOTH)(views.reactivate)
blueprint.route(f"{ONE}/password-link", methods=BOTH)(views.password_link)
blueprint.route(f"{ONE}/sessions", methods=BOTH)(session_views.sessions)
blueprint.get(MEMBERS)(membership_views.members)
blueprint.get(f"{MEMBERS}/add")(membership_views.choose_user)
blueprint.get(f"{ONE}/password-link/new")(views.show_link)
blueprint.get(MEMBERSHIPS)(membership_views.choose_project)
blueprint.route(f"{MEMBERSHIPS}/<slug>", methods=BOTH)(membership_views.membership)
blueprint.route(f"{MEMBERSHIPS}/<slug>/remove", methods=BOTH)(membership_views.remove_membership)
