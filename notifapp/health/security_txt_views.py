"""Whom to tell of a vulnerability in this installation: RFC 9116."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, current_app

from notifapp import clock
from notifapp.access import public
from notifapp.config import Config
from notifapp.errors import NotFound

VALID_FOR = timedelta(days=180)  # the RFC recommends less than a year


@public
def security_txt() -> Response:
    """The operator's contact. Raise `NotFound` if none is configured: the developers aren't the operator."""
    config: Config = current_app.config["NOTIFAPP"]
    if config.security_contact is None:
        raise NotFound
    expires = (clock.now() + VALID_FOR).strftime("%Y-%m-%dT00:00:00Z")
    lines = (f"Contact: {config.security_contact}", f"Expires: {expires}", "Preferred-Languages: en")
    return Response("".join(f"{line}\n" for line in lines), content_type="text/plain; charset=utf-8")
