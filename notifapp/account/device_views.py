"""The cookie by which a device is known again; see devices.py."""

from __future__ import annotations

from flask import after_this_request, current_app, request
from werkzeug.wrappers import Response

from notifapp.account import devices
from notifapp.account.devices import Device, device_name


def this_device() -> Device:
    """The device that sent this request."""
    return Device(request.remote_addr, device_name(request.user_agent.string), request.cookies.get(_cookie_name(), ""))


def remember_device(user_id: int) -> None:
    """Let this device keep, from this response on, that it has signed in to the account."""
    value = devices.remember(this_device(), user_id)

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            _cookie_name(),
            value,
            max_age=devices.LIFETIME,
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Strict",
        )
        return response


def _cookie_name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-device"
