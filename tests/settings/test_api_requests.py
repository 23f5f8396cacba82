"""Who may call `/api/settings/notifications`, in which order that is checked, and conditional requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from notifapp import clock
from notifapp.database import writing
from notifapp.notifiers.models import Notifier
from notifapp.settings.values import OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER
from tests.client import ApiClient
from tests.settings.conftest import READ, UPDATE, Shop
from tests.world import World

FORBIDDEN = {"detail": "You do not have permission to perform this action."}


# Who may


def test_1036_alone_reads_and_may_not_change(api: ApiClient, world: World, shop: Shop) -> None:
    reader = world.staff_token(shop.project, READ, email="reader@example.org")
    assert api.get_settings(reader).status_code == 200
    answer = api.patch_settings(reader, {OTP_TTL: 60})
    assert (answer.status_code, answer.json) == (403, FORBIDDEN)


def test_1037_alone_changes_and_may_not_read(api: ApiClient, world: World, shop: Shop) -> None:
    writer = world.staff_token(shop.project, UPDATE, email="writer@example.org")
    assert api.patch_settings(writer, {OTP_TTL: 60}).status_code == 200
    answer = api.get_settings(writer)
    assert (answer.status_code, answer.json) == (403, FORBIDDEN)


def test_an_admin_needs_no_code_and_no_membership(api: ApiClient, world: World, shop: Shop) -> None:
    admin = world.token(world.admin(), shop.project)
    assert api.get_settings(admin).status_code == 200
    assert api.patch_settings(admin, {OTP_TTL: 60}).status_code == 200


def test_a_token_acts_in_its_own_project_alone(api: ApiClient, world: World, shop: Shop, token: str) -> None:
    other = world.project("other")
    world.join(shop.staff, other, [READ])
    there = world.token(shop.staff, other)
    assert api.patch_settings(token, {OTP_TTL: 60}).status_code == 200
    answer = api.get_settings(there)
    assert answer.json is not None
    assert answer.json["notifications_otp_ttl"] == 120
    assert api.patch_settings(there, {OTP_TTL: 90}).status_code == 403


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("", "Authentication credentials were not provided."),
        ("Bearer {}", "Authentication credentials were not provided."),
        ("Token", "Invalid token header. No credentials provided."),
        ("Token {} x", "Invalid token header. Token string should not contain spaces."),
        ("Token unknown", "Invalid token."),
        ("Token {}0", "Invalid token."),
    ],
)
def test_without_a_good_header_it_is_401_with_the_challenge_and_the_reason(
    api: ApiClient, token: str, header: str | None, detail: str
) -> None:
    headers = {} if header is None else {"Authorization": header.format(token)}
    answer = api.call("GET", api.PATH, headers=headers)
    assert (answer.status_code, answer.json) == (401, {"detail": detail})
    assert answer.headers["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "tOkEn"])
def test_the_scheme_is_matched_without_regard_to_case(api: ApiClient, token: str, scheme: str) -> None:
    assert api.call("GET", api.PATH, headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def test_a_revoked_or_expired_token_is_invalid_and_a_deactivated_user_is_told_so(
    api: ApiClient, world: World, shop: Shop
) -> None:
    a_moment_ago = clock.now() - timedelta(seconds=1)
    revoked = world.token(shop.staff, shop.project, revoked_at=a_moment_ago)
    expired = world.token(shop.staff, shop.project, expires_at=a_moment_ago)
    gone = world.token(world.user("gone@example.org", active=False), shop.project)
    for token, detail in (
        (revoked, "Invalid token."),
        (expired, "Invalid token."),
        (gone, "User inactive or deleted."),
    ):
        answer = api.get_settings(token)
        assert (answer.status_code, answer.json) == (401, {"detail": detail})


def test_the_checks_come_in_the_order_401_403_405_415(api: ApiClient, world: World, shop: Shop, token: str) -> None:
    stranger = world.staff_token(shop.project, email="stranger@example.org")
    odd: dict[str, Any] = {"data": b"x", "content_type": "text/plain"}
    assert api.call("POST", api.PATH, **odd).status_code == 401
    assert api.call("POST", api.PATH, stranger, **odd).status_code == 403
    answer = api.call("POST", api.PATH, token, **odd)
    assert (answer.status_code, answer.json) == (405, {"detail": 'Method "POST" not allowed.'})
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PATCH"}
    assert api.call("PATCH", api.PATH, stranger, **odd).status_code == 403
    assert api.call("PATCH", api.PATH, token, **odd).status_code == 415


def test_a_trailing_slash_is_served_alike(api: ApiClient, token: str) -> None:
    assert api.call("PATCH", f"{api.PATH}/", token, json={OTP_TTL: 60}).status_code == 200
    assert api.call("GET", f"{api.PATH}/", token).json == api.get_settings(token).json


def test_an_unknown_path_is_json_too(api: ApiClient) -> None:
    answer = api.call("GET", "/api/settings/nothing")
    assert (answer.status_code, answer.json) == (404, {"detail": "Not found."})


def test_who_reads_no_json_gets_406_before_anything_else(api: ApiClient, token: str) -> None:
    for caller in (token, None):
        answer = api.get_settings(caller, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.json) == (406, {"detail": "Could not satisfy the request Accept header."})
    for accept in ("*/*", "application/*", "text/html, application/json;q=0.1", "application/json; indent=4"):
        assert api.get_settings(token, headers={"Accept": accept}).status_code == 200


def test_no_cookie_is_set_and_none_is_read(app: Flask, token: str) -> None:
    answer = app.test_client().get(ApiClient.PATH, headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


# Conditional requests


def test_get_and_patch_answer_the_same_strong_etag(api: ApiClient, token: str) -> None:
    tag = api.patch_settings(token, {OTP_TTL: 60}).headers["ETag"]
    assert tag.startswith('"')
    assert api.get_settings(token).headers["ETag"] == tag


def test_who_has_the_settings_already_gets_304_until_they_change(api: ApiClient, token: str) -> None:
    tag = api.get_settings(token).headers["ETag"]
    unchanged = api.get_settings(token, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", tag)
    api.patch_settings(token, {OTP_TTL: 60})
    assert api.get_settings(token, headers={"If-None-Match": tag}).status_code == 200


def test_a_renamed_notifier_changes_the_etag_as_it_changes_the_body(
    app: Flask, api: ApiClient, token: str, shop: Shop
) -> None:
    tag = api.patch_settings(token, {SMS_NOTIFIER: shop.sms}).headers["ETag"]
    with app.app_context(), writing() as connection:
        connection.execute(update(Notifier).where(Notifier.id == shop.sms).values(name="another_name"))
    assert api.get_settings(token).headers["ETag"] != tag


def test_a_stale_if_match_is_412_and_changes_nothing(api: ApiClient, token: str) -> None:
    tag = api.get_settings(token).headers["ETag"]
    assert api.patch_settings(token, {OTP_TTL: 60}, headers={"If-Match": tag}).status_code == 200
    stale = api.patch_settings(token, {OTP_TTL: 90}, headers={"If-Match": tag})
    assert stale.status_code == 412
    assert stale.json is not None
    assert set(stale.json) == {"detail"}
    assert api.get_settings(token).json == {
        "notifications_sms_notifier_data": None,
        "notifications_email_notifier_data": None,
        "notifications_otp_code_len": 5,
        "notifications_otp_ttl": 60,
    }


@pytest.mark.parametrize("header", ['"x"', "x", '""', 'W/"0-00000000"', '"99999999999-00000000"'])
def test_an_if_match_that_names_no_version_matches_nothing(api: ApiClient, token: str, header: str) -> None:
    assert api.patch_settings(token, {OTP_TTL: 60}, headers={"If-Match": header}).status_code == 412


def test_if_match_may_be_a_star_or_a_list(api: ApiClient, token: str) -> None:
    assert api.patch_settings(token, {OTP_TTL: 60}, headers={"If-Match": "*"}).status_code == 200
    tag = api.get_settings(token).headers["ETag"]
    assert api.patch_settings(token, {OTP_TTL: 90}, headers={"If-Match": f'"x", {tag}'}).status_code == 200
    tag = api.get_settings(token).headers["ETag"]
    later = tag.replace('"2-', '"7-')
    assert api.patch_settings(token, {OTP_TTL: 100}, headers={"If-Match": f"{later}, {tag}"}).status_code == 200
    assert api.patch_settings(token, {OTP_TTL: 110}, headers={"If-Match": f"{later}, {tag}"}).status_code == 412


def test_without_if_match_two_clients_that_change_different_fields_both_succeed(api: ApiClient, token: str) -> None:
    api.patch_settings(token, {OTP_TTL: 60})
    answer = api.patch_settings(token, {OTP_CODE_LEN: 8})
    assert answer.json is not None
    assert (answer.json["notifications_otp_code_len"], answer.json["notifications_otp_ttl"]) == (8, 60)
