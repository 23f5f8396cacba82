"""`/api/otp/…`: a project's backend sends and verifies its customers' codes, and hears what became of them."""

from __future__ import annotations

from flask import Response

from notifapp import clock
from notifapp.access import Permission, ProjectRef, permission_required, principal
from notifapp.delivery.queries import list_states
from notifapp.errors import rate_limit_headers
from notifapp.otp import service
from notifapp.otp.challenges import Challenge
from notifapp.otp.limits.service import get_limits
from notifapp.otp.parsing import read_challenge, read_client, read_code
from notifapp.settings.service import get_policy
from notifapp.web.json_api import idempotent, json_response, read_fields

CHALLENGES_PATH = "/api/otp/challenges"
CHALLENGE_PATH = f"{CHALLENGES_PATH}/<challenge_id>"
RESEND_PATH = f"{CHALLENGE_PATH}/resend"
VERIFY_PATH = f"{CHALLENGE_PATH}/verify"
POLICY_PATH = "/api/otp/policy"


@permission_required(Permission.OTP_SEND)
@idempotent
def create_challenge(project: ProjectRef) -> Response:
    """Send a new code, which replaces the recipient's open one."""
    new = read_challenge(read_fields())
    challenge = service.issue_challenge(project, new.channel, new.recipient, principal=principal(), client=new.client)
    return json_response(_new(challenge), status=201, headers=rate_limit_headers(challenge.quotas))


@permission_required(Permission.OTP_SEND)
@idempotent
def resend(project: ProjectRef, challenge_id: str) -> Response:
    """Send one more code for an open challenge; those before it stay good."""
    client = read_client(read_fields())
    challenge = service.resend_challenge(project, challenge_id, principal=principal(), client=client)
    return json_response(_state(project, challenge), headers=rate_limit_headers(challenge.quotas))


@permission_required(Permission.OTP_SEND, Permission.OTP_VERIFY)
def read(project: ProjectRef, challenge_id: str) -> Response:
    """The state of a challenge, and what became of its messages."""
    return json_response(_state(project, service.get_challenge(project, challenge_id)))


@permission_required(Permission.OTP_VERIFY)
@idempotent
def verify(project: ProjectRef, challenge_id: str) -> Response:
    """Approve a challenge, once, if the customer's code is right."""
    typed = read_code(read_fields())
    challenge = service.verify_challenge(project, challenge_id, typed.code, recipient=typed.recipient)
    approval = {"id": challenge.id, "status": challenge.status}
    return json_response({**approval, "channel": challenge.channel.value, "recipient": challenge.recipient})


@permission_required(Permission.OTP_SEND, Permission.OTP_VERIFY)
def policy(project: ProjectRef) -> Response:
    """The length and lifetime of a new code, the usable channels, and the limits."""
    in_force = get_policy(project)
    limits = get_limits(project.id)
    return json_response(
        {
            "code_length": in_force.code_length,
            "ttl": in_force.ttl,
            "channels": [channel.value for channel in in_force.usable],
            "limits": {
                "attempts_per_challenge": limits.max_attempts,
                "seconds_between_sends": limits.resend_seconds,
                "sends_per_hour": limits.sends_per_hour,
                "sends_per_day": limits.sends_per_day,
                "failures_until_stopped": limits.max_failures,
            },
        }
    )


def _new(challenge: Challenge) -> dict[str, object]:
    return {
        "id": challenge.id,
        "channel": challenge.channel.value,
        "recipient": challenge.recipient,
        "code_length": challenge.code_length,
        "expires_at": clock.iso(challenge.expires_at),
        "resend_at": clock.iso(challenge.resend_at),
        "attempts_left": challenge.attempts_left,
    }


def _state(project: ProjectRef, challenge: Challenge) -> dict[str, object]:
    return {
        **_new(challenge),
        "status": challenge.status,
        "approved_at": clock.iso(challenge.approved_at) if challenge.approved_at else None,
        "codes_alive": challenge.codes_alive,
        "deliveries": [
            {
                "notifier": state.notifier,
                "status": state.status,
                "reason": state.reason,
                "updated_at": clock.iso(state.updated_at),
            }
            for state in list_states(project, challenge.delivery_ids)
        ],
    }
