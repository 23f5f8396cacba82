"""Giving the password or a passkey again, before what would hurt most in the wrong hands (OWASP ASVS 5, 7.5.3)."""

from __future__ import annotations

from notifapp.access import Principal, sessions
from notifapp.account.proof.second_step import refuse
from notifapp.account.service import verify_own_password
from notifapp.database import writing
from notifapp.errors import ValidationFailed
from notifapp.second_factor import passkeys
from notifapp.second_factor.passkeys import NotVerified, Site

_REFUSED = "This is not a passkey of this account, or it took too long. Try again, or give your password."


def confirm_with_password(password: str, *, session_id: int, principal: Principal) -> None:
    """Note in this session that its owner is at it. Raise `ValidationFailed` on `password`, and `TooManyRequests`."""
    verify_own_password(password, field="password", what="confirmation", principal=principal)
    with writing() as connection:
        sessions.note_proof(connection, session_id)


def confirm_with_passkey(answer: str, site: Site, *, visitor: str, session_id: int, principal: Principal) -> None:
    """The same, with a passkey's answer as JSON. Raise `ValidationFailed`."""
    try:
        verified = passkeys.verify(answer, site, visitor=visitor)
    except NotVerified:
        verified = None
    if verified is None or verified.user_id != principal.user_id:
        raise ValidationFailed({"non_field_errors": [_REFUSED]})
    with writing() as connection:
        refusal = refuse(connection, verified, principal=principal)
        if refusal is None:
            sessions.note_proof(connection, session_id)
    if refusal:
        raise ValidationFailed({"non_field_errors": [refusal]})
