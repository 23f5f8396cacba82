"""Every route, called by everybody who may not, and by those who may. A new route must be entered here."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from notifapp.access import Permission
from notifapp.access.permissions import NOTIFIER_PERMISSIONS
from notifapp.channels import Channel
from tests.access.walk import UNSAFE, is_api, methods, path_of, rules
from tests.client import ApiClient, Browser
from tests.world import World


class Who(Enum):
    """Who may call a route, where no permission decides."""

    ANYONE = auto()
    SIGNED_IN = auto()
    MEMBER = auto()  # of the project, whatever the permissions
    ADMIN = auto()


class Of(Enum):
    """Which of the channel's permissions decides; the channel is in the path."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"


READ, UPDATE = (Permission.NOTIFICATIONS_SETTINGS_READ,), (Permission.NOTIFICATIONS_SETTINGS_UPDATE,)
SEND, VERIFY = (Permission.OTP_SEND,), (Permission.OTP_VERIFY,)
READ_NOTIFIERS = (Permission.SMS_NOTIFIERS_READ, Permission.EMAIL_NOTIFIERS_READ)
# For each endpoint: who may call it, or any one of which permissions is enough.
WHO: dict[str, Who | Of | tuple[Permission, ...]] = {
    "account.account": Who.SIGNED_IN,
    "account.change_password": Who.SIGNED_IN,
    "account.confirm": Who.SIGNED_IN,
    "account.confirm_with_passkey": Who.SIGNED_IN,
    "account.end_other_sessions": Who.SIGNED_IN,
    "account.end_session": Who.SIGNED_IN,
    "account.home": Who.ANYONE,
    "account.passkey": Who.ANYONE,
    "account.passkey_options": Who.ANYONE,
    "account.password_link": Who.ANYONE,
    "account.sessions": Who.SIGNED_IN,
    "account.set_password": Who.ANYONE,
    "account.second_step": Who.ANYONE,  # who gave the password; others are sent to give it
    "account.sign_in": Who.ANYONE,
    "account.sign_out": Who.SIGNED_IN,
    "alerts.page": READ,
    "alerts.save": UPDATE,
    "apidocs.openapi": Who.ANYONE,
    "apidocs.page": Who.ANYONE,
    "audit.download": Who.ADMIN,
    "audit.index": Who.ADMIN,
    "deliveries.index": (*READ_NOTIFIERS, Permission.OTP_SEND),
    "events.confirm_delete": Who.ADMIN,
    "events.confirm_rotate": Who.ADMIN,
    "events.create": Who.ADMIN,
    "events.delete": Who.ADMIN,
    "events.disable": Who.ADMIN,
    "events.edit": Who.ADMIN,
    "events.enable": Who.ADMIN,
    "events.index": Who.ADMIN,
    "events.new": Who.ADMIN,
    "events.rotate": Who.ADMIN,
    "events.secret": Who.ADMIN,
    "events.send_again": Who.ADMIN,
    "events.show": Who.ADMIN,
    "events.test": Who.ADMIN,
    "health.healthz": Who.ANYONE,
    "health.metrics": Who.ANYONE,  # with the operator's token, or from a listed address
    "health.of_project": READ,
    "health.readyz": Who.ANYONE,
    "health.security_txt": Who.ANYONE,
    "message_templates.confirm_restore": UPDATE,
    "message_templates.history": READ,
    "message_templates.page": READ,
    "message_templates.restore": UPDATE,
    "message_templates.save": UPDATE,
    "notifiers.api_email_create": (Permission.EMAIL_NOTIFIERS_CREATE,),
    "notifiers.api_email_list": (Permission.EMAIL_NOTIFIERS_READ,),
    "notifiers.api_email_read": (Permission.EMAIL_NOTIFIERS_READ,),
    "notifiers.api_email_update": (Permission.EMAIL_NOTIFIERS_UPDATE,),
    "notifiers.api_sms_create": (Permission.SMS_NOTIFIERS_CREATE,),
    "notifiers.api_sms_list": (Permission.SMS_NOTIFIERS_READ,),
    "notifiers.api_sms_read": (Permission.SMS_NOTIFIERS_READ,),
    "notifiers.api_sms_update": (Permission.SMS_NOTIFIERS_UPDATE,),
    "notifiers.ask_of_new": Of.CREATE,
    "notifiers.ask_of_stored": Of.UPDATE,
    "notifiers.choose": Of.CREATE,
    "notifiers.confirm_delete": Of.UPDATE,
    "notifiers.create": Of.CREATE,
    "notifiers.delete": Of.UPDATE,
    "notifiers.disable": Of.UPDATE,
    "notifiers.edit": Of.READ,
    "notifiers.enable": Of.UPDATE,
    "notifiers.prove_new": Of.CREATE,  # and 9001
    "notifiers.prove_stored": Of.READ,  # and 9001
    "notifiers.renew_receipts": Of.UPDATE,
    "receipts.receive": Who.ANYONE,
    "notifiers.index": READ_NOTIFIERS,
    "notifiers.new": Of.CREATE,
    "notifiers.outbox": READ_NOTIFIERS,
    "notifiers.save": Of.UPDATE,
    "notifiers.test_new": Of.CREATE,
    "notifiers.test_stored": Of.UPDATE,
    "otp.add_test_recipient": Who.ADMIN,
    "otp.confirm_remove_test_recipient": Who.ADMIN,
    "otp.create_challenge": SEND,
    "otp.limits": Who.ADMIN,
    "otp.new_test_recipient": Who.ADMIN,
    "otp.policy": (*SEND, *VERIFY),
    "otp.preview": READ,
    "otp.read": (*SEND, *VERIFY),
    "otp.release": Who.ADMIN,
    "otp.release_recipient": (Permission.OTP_RELEASE,),
    "otp.remove_test_recipient": Who.ADMIN,
    "otp.resend": SEND,
    "otp.save_limits": Who.ADMIN,
    "otp.test_recipients": Who.ADMIN,
    "otp.try_code": VERIFY,
    "otp.try_form": SEND,
    "otp.try_resend": SEND,
    "otp.try_send": SEND,
    "otp.try_verify": VERIFY,
    "otp.verify": VERIFY,
    "projects.archive": Who.ADMIN,
    "projects.confirm_archive": Who.ADMIN,
    "projects.confirm_restore": Who.ADMIN,
    "projects.create": Who.ADMIN,
    "projects.index": Who.SIGNED_IN,
    "projects.new": Who.ADMIN,
    "projects.overview": Who.MEMBER,
    "projects.rename": Who.ADMIN,
    "projects.rename_form": Who.ADMIN,
    "projects.restore": Who.ADMIN,
    "second_factor.codes": Who.SIGNED_IN,
    "second_factor.index": Who.SIGNED_IN,
    "second_factor.new_app": Who.SIGNED_IN,
    "second_factor.new_passkey": Who.SIGNED_IN,
    "second_factor.passkey_options": Who.SIGNED_IN,
    "second_factor.remove": Who.SIGNED_IN,
    "second_factor.renew_codes": Who.SIGNED_IN,
    "second_factor.reset": Who.ADMIN,
    "settings.confirm_restore": UPDATE,
    "settings.history": READ,
    "settings.keep_on_page": UPDATE,
    "settings.keep_trial": UPDATE,
    "settings.page": READ,
    "settings.read": READ,
    "settings.read_trial": READ,
    "settings.restore": UPDATE,
    "settings.revert_on_page": UPDATE,
    "settings.revert_trial": UPDATE,
    "settings.save": UPDATE,
    "settings.save_phone_region": UPDATE,
    "settings.save_proof": UPDATE,
    "settings.start_trial": UPDATE,
    "settings.update": UPDATE,
    "standby.page": UPDATE,
    "standby.read": READ,
    "standby.replace": UPDATE,
    "standby.save": UPDATE,
    "timeline.api_look": (Permission.OTP_RELEASE,),
    "timeline.ask": (Permission.OTP_RELEASE,),
    "timeline.look": (Permission.OTP_RELEASE,),
    "tokens.confirm_revoke": Who.ADMIN,
    "tokens.create": Who.ADMIN,
    "tokens.created": Who.ADMIN,
    "tokens.index": Who.ADMIN,
    "tokens.me": Who.MEMBER,
    "tokens.new": Who.ADMIN,
    "tokens.revoke": Who.ADMIN,
    "traffic.edit": Who.ADMIN,
    "traffic.release": Who.ADMIN,
    "traffic.save": Who.ADMIN,
    "users.choose_project": Who.ADMIN,
    "users.choose_user": Who.ADMIN,
    "users.create": Who.ADMIN,
    "users.deactivate": Who.ADMIN,
    "users.edit": Who.ADMIN,
    "users.index": Who.ADMIN,
    "users.members": Who.ADMIN,
    "users.membership": Who.ADMIN,
    "users.password_link": Who.ADMIN,
    "users.reactivate": Who.ADMIN,
    "users.remove_membership": Who.ADMIN,
    "users.sessions": Who.ADMIN,
    "users.show_link": Who.ADMIN,
}
SLUG = "x1"


def calls(app: Flask) -> Iterator[tuple[Rule, str, str, Who | frozenset[Permission]]]:
    """Each route with each method and channel, its path, and who may call it."""
    for rule in rules(app):
        who = WHO[rule.endpoint]
        for channel in Channel if "channel" in rule.arguments else (Channel.SMS,):
            if isinstance(who, Of):
                may: Who | frozenset[Permission] = frozenset({getattr(NOTIFIER_PERMISSIONS[channel], who.value)})
            else:
                may = who if isinstance(who, Who) else frozenset(who)
            for method in methods(rule):
                yield rule, method, path_of(rule, channel.value), may


def call(browser: Browser, method: str, path: str) -> TestResponse:
    headers = {"X-CSRFToken": browser.csrf_token()} if method in UNSAFE else {}
    return browser.client.open(path, method=method, headers=headers, buffered=True)


def is_sent_to_sign_in(answer: TestResponse) -> bool:
    leads_to = answer.headers.get("Location") or answer.text.partition('<form method="post" action="')[2]
    return answer.status_code in (302, 303, 401) and leads_to.startswith("/sign-in")


def test_every_route_is_in_the_table(app: Flask) -> None:
    assert {rule.endpoint for rule in rules(app)} == WHO.keys()


def test_signed_out_one_gets_at_what_is_open_to_anyone_and_at_nothing_else(app: Flask, browser: Browser) -> None:
    for rule, method, path, may in calls(app):
        answer = call(browser, method, path)
        if may is Who.ANYONE:
            leads_on = rule.endpoint in ("account.home", "account.second_step")
            assert leads_on or not is_sent_to_sign_in(answer), (method, path)
        elif is_api(rule):
            assert answer.status_code == 401, (method, path)
        else:
            assert is_sent_to_sign_in(answer), (method, path)


def test_another_projects_member_finds_nothing(app: Flask, world: World, browser: Browser) -> None:
    world.notifier(world.project(SLUG))
    browser.sign_in(world.member(world.project("theirs"), *Permission))
    for rule, method, path, may in calls(app):
        if "project_slug" in rule.arguments or may is Who.ADMIN:
            answer = call(browser, method, path)
            assert answer.status_code in ((403, 404) if may is Who.ADMIN else (404,)), (method, path)


def test_a_member_without_the_permission_is_refused(app: Flask, world: World) -> None:
    project = world.project(SLUG)
    for number, lacking in enumerate(sorted({may for *_, may in calls(app) if isinstance(may, frozenset)}, key=sorted)):
        user = world.member(project, *(set(Permission) - lacking), email=f"{number}@example.org")
        browser, api, token = Browser(app).sign_in(user), ApiClient(app), world.token(user, project)
        for rule, method, path, may in calls(app):
            if may == lacking:
                answer = api.call(method, path, token) if is_api(rule) else call(browser, method, path)
                assert answer.status_code == 403, (method, path)


def test_a_member_with_every_permission_is_refused_what_is_for_admins(
    app: Flask, world: World, browser: Browser
) -> None:
    browser.sign_in(world.member(world.project(SLUG), *Permission))
    for _rule, method, path, may in calls(app):
        if may is Who.ADMIN:
            assert call(browser, method, path).status_code == 403, (method, path)


@pytest.mark.parametrize("is_admin", [False, True])
def test_those_who_may_are_let_in(app: Flask, world: World, *, is_admin: bool) -> None:
    """So that what is refused above isn't refused to everybody. What they do with it is tested elsewhere."""
    project = world.project(SLUG)
    world.notifier(project)
    bystander = world.member(project, email="bystander@example.org")  # whom the admin ends, and whose token
    world.token(bystander, project)
    user, admin = world.member(project, *Permission), world.admin()
    token = world.token(user, project)
    for rule, method, path, may in calls(app):
        if is_api(rule) and may is not Who.ANYONE:
            answer = ApiClient(app).call(method, path, token)
        elif may is Who.ADMIN and not is_admin:
            continue
        else:
            answer = call(Browser(app).sign_in(admin if is_admin else user), method, path)
            assert not is_sent_to_sign_in(answer) or may is Who.ANYONE or rule.endpoint == "account.sign_out", path
        assert answer.status_code not in (401, 403), (method, path, answer.text)
        assert answer.status_code < 500, (method, path)
