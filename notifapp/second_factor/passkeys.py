"""Passkeys (WebAuthn Level 3). Each is discoverable and verifies its owner, so it also does as the only step.

A challenge carries its own signature: nothing is stored until a valid response uses it up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from itsdangerous import TimestampSigner
from sqlalchemy import Select, delete, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from notifapp import clock
from notifapp.access import credentials
from notifapp.access.models import User
from notifapp.database import reading, table_of
from notifapp.second_factor.models import Passkey, UsedChallenge

CHALLENGE_LIFETIME = 600  # seconds

_table, _used = table_of(Passkey), table_of(UsedChallenge)
_passkey, _user = _table.c, table_of(User).c


@dataclass(frozen=True, slots=True)
class Site:
    """Where a passkey is used: its `rp_id`, which is the host's name, and the browser's origin."""

    rp_id: str
    origin: str

    @classmethod
    def at(cls, url: str) -> Site:
        """The site of this address."""
        parts = urlsplit(url.lower())
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")

    @property
    def is_possible(self) -> bool:
        """Whether browsers allow passkeys here: an IP address has none (WebAuthn 3, 5.1.2)."""
        try:
            ip_address(self.rp_id)
        except ValueError:
            return True
        return False


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was just made; `challenge` is the digest of the challenge that it responded to."""

    credential_id: str
    public_key: str
    sign_count: int
    challenge: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """A passkey's verified response to a challenge (WebAuthn's authentication assertion), to be used up."""

    passkey_id: int
    name: str
    user_id: int
    sign_count: int
    challenge: str


@dataclass(frozen=True, slots=True)
class Owner:
    """The account that a passkey is made for."""

    user_id: int
    email: str
    name: str


class NotVerified(Exception):
    """No valid response to a challenge of ours; `owner_id` is the owner of the passkey that it names, if known."""

    def __init__(self, owner_id: int | None = None) -> None:
        super().__init__()
        self.owner_id = owner_id


def creation_options(owner: Owner, site: Site, *, visitor: str, known: list[str]) -> str:
    """What the browser needs to make a passkey, as JSON. `known` are the ids of those that its owner has here.

    `visitor` is a secret of this browser's session, to which the challenge is bound.
    """
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name="notifapp",
        user_id=_handle(owner.user_id),
        user_name=owner.email,
        user_display_name=owner.name,
        challenge=_new_challenge(f"new:{owner.user_id}:{visitor}"),
        timeout=CHALLENGE_LIFETIME * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(known_id)) for known_id in known],
    )
    return options_to_json(options)


def request_options(site: Site, *, visitor: str) -> str:
    """What the browser needs to ask any passkey for this site, as JSON."""
    options = generate_authentication_options(
        rp_id=site.rp_id,
        challenge=_new_challenge(f"use:{visitor}"),
        timeout=CHALLENGE_LIFETIME * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def verify_new(text: str, owner: Owner, site: Site, *, visitor: str) -> NewPasskey:
    """Verify what the browser made, as JSON. Raise `NotVerified`."""
    try:
        credential = parse_registration_credential_json(text)
        challenge = _challenge_in(credential.response.client_data_json, f"new:{owner.user_id}:{visitor}")
        made = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except Exception as error:  # comes from outside, and the library's parsers raise all sorts
        raise NotVerified from error
    return NewPasskey(
        credential_id=bytes_to_base64url(made.credential_id),
        public_key=bytes_to_base64url(made.credential_public_key),
        sign_count=made.sign_count,
        challenge=_digest(challenge),
    )


def verify(text: str, site: Site, *, visitor: str) -> Assertion:
    """Verify a passkey's response, as JSON; its counter is checked when it is used. Raise `NotVerified`."""
    owner_id = None
    try:
        credential = parse_authentication_credential_json(text)
        with reading() as connection:
            known = connection.execute(_find(bytes_to_base64url(credential.raw_id), site)).one()
        owner_id = known.user_id
        challenge = _challenge_in(credential.response.client_data_json, f"use:{visitor}")
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(known.public_key),
            credential_current_sign_count=0,  # the library checks it before the signature: see use()
            require_user_verification=True,
        )
    except Exception as error:  # as above
        raise NotVerified(owner_id) from error
    return Assertion(known.id, known.name, known.user_id, verified.new_sign_count, _digest(challenge))


def use_challenge(connection: Connection, digest: str) -> bool:
    """Use a challenge up. Return False if it was used before."""
    now = clock.now()
    connection.execute(delete(_used).where(_used.c.expires_at <= now))
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    expires_at = now + timedelta(seconds=CHALLENGE_LIFETIME)
    row = insert(_used).values(digest=digest, expires_at=expires_at).on_conflict_do_nothing()
    return connection.execute(row.returning(_used.c.digest)).first() is not None


def count_up(connection: Connection, assertion: Assertion) -> bool:
    """Note the use of a passkey. Return False if its counter went back, as a copied one's does (WebAuthn 3, 6.1.1)."""
    counts_nothing = literal(assertion.sign_count) + _passkey.sign_count == 0
    is_later = or_(_passkey.sign_count < assertion.sign_count, counts_nothing)
    used = update(_table).where(_passkey.id == assertion.passkey_id, is_later)
    return connection.execute(used.values(sign_count=assertion.sign_count, last_used_at=clock.now())).rowcount > 0


def _find(credential_id: str, site: Site) -> Select[Any]:
    columns = (_passkey.id, _passkey.user_id, _passkey.name, _passkey.public_key)
    is_it = (_passkey.credential_id == credential_id, _passkey.rp_id == site.rp_id, _user.is_active)
    return select(*columns).join(table_of(User), _user.id == _passkey.user_id).where(*is_it)


def _handle(user_id: int) -> bytes:
    """The user's id for authenticators, which tells nobody who it is."""
    return b"user-%d" % user_id


def _new_challenge(purpose: str) -> bytes:
    return _signer(purpose).sign(credentials.new_key())


def _challenge_in(client_data: bytes, purpose: str) -> bytes:
    """The challenge that was responded to. Raise `BadSignature` unless it is ours, for this purpose, and recent."""
    challenge = parse_client_data_json(client_data).challenge
    _signer(purpose).unsign(challenge, max_age=CHALLENGE_LIFETIME)
    return challenge


def _signer(purpose: str) -> TimestampSigner:
    return TimestampSigner(current_app.secret_key or "", salt=f"passkey:{purpose}", digest_method=hashlib.sha256)


def _digest(challenge: bytes) -> str:
    return hashlib.sha256(challenge).hexdigest()
