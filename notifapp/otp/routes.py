"""The JSON endpoints for codes, and the pages for the limits, test recipients, and for trying a code."""

from __future__ import annotations

from flask import Blueprint

from notifapp.otp import api, try_views
from notifapp.otp.blocked import api as blocked_api
from notifapp.otp.blocked import views as blocked_views
from notifapp.otp.limits import views as limit_views
from notifapp.otp.preview import api as preview_api
from notifapp.otp.test_recipients import views as test_views

LIMITS = "/projects/<project_slug>/limits"
TESTS = f"{LIMITS}/test-recipients"
TRY = "/projects/<project_slug>/try"

blueprint = Blueprint("otp", __name__)
blueprint.post(api.CHALLENGES_PATH)(api.create_challenge)
blueprint.get(api.CHALLENGE_PATH)(api.read)
blueprint.post(api.RESEND_PATH)(api.resend)
blueprint.post(api.VERIFY_PATH)(api.verify)
blueprint.get(api.POLICY_PATH)(api.policy)
blueprint.post(blocked_api.RELEASE_PATH, endpoint="release_recipient")(blocked_api.release)
blueprint.get(preview_api.PREVIEW_PATH)(preview_api.preview)

blueprint.get(LIMITS)(limit_views.limits)
blueprint.post(LIMITS)(limit_views.save_limits)
blueprint.post(f"{LIMITS}/release")(blocked_views.release)

blueprint.get(TESTS, endpoint="test_recipients")(test_views.index)
blueprint.get(f"{TESTS}/new", endpoint="new_test_recipient")(test_views.new)
blueprint.post(f"{TESTS}/new", endpoint="add_test_recipient")(test_views.add)
blueprint.get(f"{TESTS}/<int:test_id>/remove", endpoint="confirm_remove_test_recipient")(test_views.confirm_remove)
blueprint.post(f"{TESTS}/<int:test_id>/remove", endpoint="remove_test_recipient")(test_views.remove)

blueprint.get(TRY)(try_views.try_form)
blueprint.post(TRY)(try_views.try_send)
blueprint.get(f"{TRY}/<challenge_id>")(try_views.try_code)
blueprint.post(f"{TRY}/<challenge_id>")(try_views.try_verify)
blueprint.post(f"{TRY}/<challenge_id>/resend")(try_views.try_resend)
