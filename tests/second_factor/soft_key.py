"""A security key in software, which does what it is told: the attacks need one that misbehaves."""

from __future__ import annotations

import json
import secrets
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url, encode_cbor

PRESENT, VERIFIED, WITH_KEY = 0x01, 0x04, 0x40
ORIGIN = "http://localhost"


class SoftKey:
    """One credential; `count` is its counter, which goes up with each use."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = secrets.token_bytes(16)
        self.count = 0

    def make(self, options: Any, *, origin: str = ORIGIN, verified: bool = True) -> str:
        """What a browser sends after making this credential."""
        point = self._key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        cose = encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        attested = bytes(16) + len(self._id).to_bytes(2, "big") + self._id + cose
        data = self._data(options["rp"]["id"], WITH_KEY, verified) + attested
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client = _client_data("webauthn.create", options, origin)
        return self._sent(clientDataJSON=client, attestationObject=attestation)

    def answer(self, options: Any, *, origin: str = ORIGIN, verified: bool = True) -> str:
        """What a browser sends after asking this credential."""
        self.count += 1
        data = self._data(options["rpId"], 0, verified)
        client = _client_data("webauthn.get", options, origin)
        signature = self._key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._sent(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(self, rp_id: str, flags: int, verified: bool) -> bytes:
        flags |= PRESENT | (VERIFIED if verified else 0)
        return sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _sent(self, **response: bytes) -> str:
        name = bytes_to_base64url(self._id)
        encoded = {key: bytes_to_base64url(value) for key, value in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": encoded})


def _client_data(kind: str, options: Any, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": options["challenge"], "origin": origin}).encode()
