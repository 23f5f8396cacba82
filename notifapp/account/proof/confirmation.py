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


def confirm_with_password(password: str, *, session_id: int, principal: Principal) -> str:
    """Note in this session that its owner has just proved it, and return its new key (OWASP ASVS 5, 7.2.4).

    Raise `ValidationFailed` on `password`, and `TooManyRequests`.
    """
    verify_own_password(password, field="password", what="confirmation", principal=principal)
    with writing() as connection:
        return sessions.renew_session(connection, session_id)


def confirm_with_passkey(credential: str, site: Site, *, visitor: str, session_id: int, principal: Principal) -> str:
    """The same, with a passkey. `credential` is what the browser returned, as JSON. Raise `ValidationFailed`."""
    try:
        verified = passkeys.verify(credential, site, visitor=visitor)
    except NotVerified:
        verified = None
    if verified is None or verified.user_id != principal.user_id:
        raise ValidationFailed({"non_field_errors": [_REFUSED]})
    with writing() as connection:
        refusal = refuse(connection, verified, principal=principal)
        if refusal is None:
            return sessions.renew_session(connection, session_id)
    raise ValidationFailed({"non_field_errors": [refusal]})
