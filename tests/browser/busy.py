"""A desk in use: people, projects, notifiers, tokens and two months of events, made through the services."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from notifapp import clock
from notifapp.access import Permission, Principal, ProjectRef, Source
from notifapp.access.models import User
from notifapp.alerts.models import Alert
from notifapp.channels import Channel
from notifapp.database import insert_sealed, table_of, writing
from notifapp.delivery import stopping
from notifapp.delivery.models import Delivery
from notifapp.delivery.service import record_test
from notifapp.events import outbox
from notifapp.events import service as events
from notifapp.events.models import EventType
from notifapp.message_templates.service import set_template
from notifapp.message_templates.values import Template
from notifapp.notifiers import service as notifiers
from notifapp.notifiers.backends.console import Console, ConsoleConfig
from notifapp.notifiers.gateway.base import Accepted, Message, SendFailed
from notifapp.notifiers.models import NotifierBalance
from notifapp.otp.models import OtpChallenge, OtpRecipient
from notifapp.otp.service import issue_challenge
from notifapp.otp.test_recipients.service import add_test_recipient, list_test_recipients
from notifapp.projects import service as projects
from notifapp.second_factor import recovery_codes, totp
from notifapp.second_factor.models import Passkey, TotpApp
from notifapp.settings.service import update_notification_settings
from notifapp.settings.values import EMAIL_NOTIFIER, OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER
from notifapp.tokens import service as tokens
from notifapp.users import service as users
from tests.browser.live import LiveServer
from tests.otp.preview.rows import verified
from tests.world import PASSWORD

READ, UPDATE = Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE
READ_NOTIFIERS = (Permission.SMS_NOTIFIERS_READ, Permission.EMAIL_NOTIFIERS_READ)
LONG_NAME = (
    "Maximiliana Featherstonehaugh-Cholmondeley de la Vega y Rodriguez von und zu Wolkenstein-Trostburg, the Younger"
)
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsnotifierverzeichnis"
LONG_EMAIL = f"{'a.very.long.mailbox' * 3}@{'department.' * 9}example.org"
LONG_SLUG = "the-longest-address-that-a-project-may-have-for-its-pages-in-it"
TEST_PHONE = "+989121110000"
SECRET = "a secret only for tests, long enough"
_challenge = table_of(OtpChallenge).c


@dataclass
class BusyServer:
    """The server, and the ids and keys that its pages' addresses need."""

    live: LiveServer
    people: dict[str, int]
    shop: ProjectRef
    values: dict[str, object]

    def path(self, pattern: str) -> str:
        """The address that `pattern` stands for: `/users/{editor}` with the editor's id."""
        return pattern.format(shop=self.shop.slug, long_project=LONG_SLUG, **self.people, **self.values)


def furnish(live: LiveServer) -> BusyServer:
    """Make everything, with the clock going from two months ago to now."""
    with live.app.app_context():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", _Calendar(days=60, step=timedelta(hours=11)))
            people = _people()
            values: dict[str, object] = _second_factors(people["careful"])
            admin = _principal(people["admin"], "parisa@example.com")
            shop = projects.create_project("corner-shop", "Corner Shop", principal=admin)
            _memberships(people, shop, admin)
            _notifiers(shop, admin)
            values["test_recipient"] = _test_recipients(shop, admin)
            _history(shop, admin, _principal(people["editor"], "omid@example.com"))
            _messages(shop, _principal(people["editor"], "omid@example.com"))
            values.update(_tokens(people, shop, admin))
            values.update(_endpoints(shop, admin))
            _deliveries(shop, admin)
            _verified(shop)
            values.update(_receipts(shop, admin))
            _long_project(people, admin)
            _other_projects(admin)
        _balances(_by_name(shop, Channel.SMS)["ippanel_one"])
        _alerts(shop, _by_name(shop, Channel.SMS)["ippanel_one"])
        challenge = issue_challenge(shop, Channel.EMAIL, "omid@example.com", principal=admin)
        values |= {"challenge": challenge.id, "delivery": challenge.delivery_ids[0]}
        values["link"] = users.create_password_link(people["newcomer"], principal=admin)  # lives for a day from now
    return BusyServer(live, people, shop, values | _ids(live, shop))


def _ids(live: LiveServer, shop: ProjectRef) -> dict[str, int]:
    with live.app.app_context():
        sms, email = _by_name(shop, Channel.SMS), _by_name(shop, Channel.EMAIL)
    return {
        "sms_in_use": sms["ippanel_one"],
        "sms_unused": sms["own_gateway"],
        "sms_abroad": sms["twilio_abroad"],
        "email_in_use": email["moeinmail"],
    }


def _by_name(project: ProjectRef, channel: Channel) -> dict[str, int]:
    return {notifier.name: notifier.id for notifier in notifiers.list_notifiers(project, channel)}


class _Calendar:
    """Each call is a step later, from `days` ago on; never later than now."""

    def __init__(self, *, days: int, step: timedelta) -> None:
        self._end = clock.now()
        self._now = self._end - timedelta(days=days)
        self._step = step

    def __call__(self) -> datetime:
        self._now = min(self._now + self._step, self._end)
        return self._now


def _principal(user_id: int, email: str, source: Source = Source.PAGE) -> Principal:
    return Principal(source, email, email, is_admin=True, user_id=user_id, address="203.0.113.7")


def _people() -> dict[str, int]:
    known = {
        "admin": ("parisa@example.com", "Parisa Rahimi"),
        "editor": ("omid@example.com", "Omid Karimi"),
        "reader": ("sara@example.com", "Sara Lindqvist"),
        "gateways": ("jonas@example.com", "Jonas Weber"),
        "careful": ("nima@example.com", "Nima Farahani"),
        "plain": ("mei@example.com", "Mei Tanaka"),
        "stranger": ("ana@example.com", "Ana Souza"),
        "left": ("li@example.com", "Li Wei"),
        "newcomer": ("noor@example.com", "Noor Haddad"),
        "long": (LONG_EMAIL, LONG_NAME),
    }
    operator = Principal.operator()
    people = {
        key: users.create_user(email, name, principal=operator, is_admin=key == "admin", password=PASSWORD)
        for key, (email, name) in known.items()
        if key != "newcomer"
    }
    email, name = known["newcomer"]
    people["newcomer"] = users.create_user(email, name, principal=operator)
    users.deactivate_user(people["left"], principal=operator)
    return people


def _second_factors(user_id: int) -> dict[str, object]:
    """A passkey and an authenticator app, and two recovery codes that are left."""
    added = {"user_id": user_id, "created_at": clock.now()}
    passkey = {"rp_id": "localhost", "credential_id": "AA", "public_key": "AA", "sign_count": 0, "name": LONG_NAME}
    app = {"secret": totp.new_secret(), "last_step": 0, "name": "Phone", "last_used_at": clock.now()}
    with writing() as connection:
        passkey_id = connection.execute(insert(Passkey).values(added | passkey).returning(Passkey.id)).scalar_one()
        app_id = insert_sealed(connection, table_of(TotpApp), added | app).id
        for code in recovery_codes.renew(connection, user_id)[2:]:
            recovery_codes.use(connection, user_id, code)
        connection.execute(update(User).where(User.id == user_id).values(has_second_factor=True))
    return {"passkey": passkey_id, "app": app_id}


def _memberships(people: dict[str, int], shop: ProjectRef, admin: Principal) -> None:
    held = {
        "editor": (READ, UPDATE, *READ_NOTIFIERS, Permission.OTP_SEND, Permission.OTP_VERIFY),
        "reader": (READ,),
        "gateways": READ_NOTIFIERS,
        "plain": (),
        "long": tuple(Permission),
    }
    for key, codes in held.items():
        users.set_membership(people[key], shop.id, codes, principal=admin)


def _notifiers(shop: ProjectRef, admin: Principal) -> None:
    smtp = {"username": "shop", "from_email": "shop@example.com", "password": SECRET}
    sid = "AC" + "0123456789abcdef" * 2
    wanted: list[tuple[Channel, str, str, dict[str, object]]] = [
        (Channel.SMS, "ippanel_one", "ippanel", {"from_number": "+983000505", "token": SECRET}),
        (Channel.SMS, "melipayamak_backup", "melipayamak", {"number": "50004001", "token": SECRET}),
        (Channel.SMS, "twilio_abroad", "twilio", {"account_sid": sid, "from_number": "Shop", "auth_token": SECRET}),
        (Channel.SMS, "own_gateway", "webhook", {"url": "https://sms.example.com/send", "secret": SECRET}),
        (Channel.SMS, "outbox_for_tests", "console", {}),
        (Channel.EMAIL, "moeinmail", "smtp", {**smtp, "host": "smtp.example.com"}),
        (Channel.EMAIL, "smtp_backup", "smtp", {**smtp, "host": "mail.example.net"}),
        (Channel.EMAIL, "outbox_for_tests", "console", {}),
    ]
    for channel, name, backend, settings in wanted:
        fields = {"name": name, "backend": backend, "settings": settings}
        notifiers.create_notifier(shop, channel, fields, principal=admin)
    unused = _by_name(shop, Channel.SMS)["own_gateway"]
    stopping.disable_notifier(shop, Channel.SMS, unused, principal=admin)


def _balances(notifier_id: int) -> None:
    """Some days of an account that is used up and filled again, with an hour in which it couldn't be read."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    rows = [
        {"notifier_id": notifier_id, "hour": hour - timedelta(hours=ago), "currency": "IRR",
         "amount": None if ago == 20 else 1_500_000 - 14_000 * ((150 - ago) % 90)}
        for ago in range(150)
    ]  # fmt: skip
    with writing() as connection:
        connection.execute(insert(table_of(NotifierBalance)), rows)


def _alerts(shop: ProjectRef, notifier_id: int) -> None:
    """What is wrong now, and what was wrong on some days before."""
    now = clock.now()
    about = {"project_id": shop.id, "subject": f"{notifier_id}", "label": "the SMS notifier “ippanel_one”"}
    balance = {**about, "kind": "balance", "detail": "180,000 IRR is left. At that pace it lasts for about 2 days."}
    failing = {**about, "kind": "failing", "detail": "It has failed 5 times in a row.", "carrier": "moeinmail"}
    past = [
        {**failing, "began_at": now - timedelta(days=days), "ended_at": now - timedelta(days=days, minutes=-25)}
        for days in range(40, 0, -1)
    ]
    with writing() as connection:
        connection.execute(insert(table_of(Alert)), past)
        connection.execute(insert(table_of(Alert)).values(**balance, began_at=now - timedelta(hours=3)))


def _history(shop: ProjectRef, admin: Principal, editor: Principal) -> None:
    """More than a page of revisions."""
    sms, email = _by_name(shop, Channel.SMS), _by_name(shop, Channel.EMAIL)
    first = {SMS_NOTIFIER: sms["melipayamak_backup"], EMAIL_NOTIFIER: email["smtp_backup"]}
    update_notification_settings(shop, first, principal=admin, reason="First set-up")
    program = replace(editor, source=Source.API)
    for step in range(9):
        changes = {OTP_TTL: 120 + 60 * (step % 2), OTP_CODE_LEN: 5 + step % 2}
        update_notification_settings(shop, changes, principal=editor)
        update_notification_settings(shop, {OTP_TTL: 300 - 60 * (step % 2)}, principal=program)
    changes = {EMAIL_NOTIFIER: email["moeinmail"], OTP_TTL: 180}
    update_notification_settings(shop, changes, principal=editor, reason="The new mail server is slower")
    changes = {SMS_NOTIFIER: sms["ippanel_one"]}
    update_notification_settings(shop, changes, principal=admin, reason="Better delivery than melipayamak")
    update_notification_settings(shop, {OTP_CODE_LEN: 6, OTP_TTL: 900}, principal=editor)


def _messages(shop: ProjectRef, editor: Principal) -> None:
    for body in (
        "{code} is your code.",
        "{code} is the code for {project}.",
        "کد شما برای {project}: {code}\nتا {validity}",
    ):
        set_template(shop, Channel.SMS, Template(body), principal=editor)
    for code in ("482913", "019475"):
        body = f"Your code is {code}. It is valid for 2 minutes."
        message = Message(channel=Channel.SMS, recipient="+15005550006", body=body, project_id=shop.id)
        Console().send(ConsoleConfig(), message)


def _deliveries(shop: ProjectRef, admin: Principal) -> None:
    """Codes that wait, tests that were sent or refused, and a recipient who is stopped."""
    for number in range(4):
        issue_challenge(shop, Channel.SMS, f"+98912123456{number}", principal=admin)
    issue_challenge(shop, Channel.SMS, TEST_PHONE, principal=admin)
    notifier = _by_name(shop, Channel.SMS)["ippanel_one"]
    about = {"project_id": shop.id, "notifier_id": notifier, "notifier_name": "ippanel_one", "backend": "ippanel"}
    about |= {"channel": "sms", "recipient": "+98•••••••67", "started_at": clock.now(), "created_at": clock.now()}
    refused = SendFailed("The sender number is not accepted.", code="400-1", retryable=False)
    with writing() as connection:
        for outcome in (Accepted("884210017"), refused):
            record_test(connection, about, outcome)
        connection.execute(
            insert(OtpRecipient).values(
                project_id=shop.id,
                channel="sms",
                digest="0" * 64,
                masked="+98•••••••89",
                failures=100,
                stopped_at=clock.now(),
            )
        )


def _verified(shop: ProjectRef) -> None:
    """Codes that customers entered, most of them quickly."""
    now = clock.now()
    rows = [verified(shop.id, n, now - timedelta(minutes=n), seconds=9 + n % 40 + 5 * (n % 11)) for n in range(400)]
    with writing() as connection:
        connection.execute(insert(OtpChallenge), rows)


def _test_recipients(shop: ProjectRef, admin: Principal) -> int:
    """One that has ended and one in force. Return the latter's id."""
    today = clock.now().date()
    for address, outcome, days in (("reviewer@example.com", "delivered", 3), (TEST_PHONE, "refused", 90)):
        fields = {"recipient": address, "code": "31415926", "outcome": outcome}
        fields["ends_on"] = (today + timedelta(days=days)).isoformat()
        add_test_recipient(shop, fields, zone=clock.UTC_ZONE, principal=admin)
    return next(it.id for it in list_test_recipients(shop) if it.channel is Channel.SMS)


def _tokens(people: dict[str, int], shop: ProjectRef, admin: Principal) -> dict[str, int]:
    def make(owner: str, name: str, days: int | None = None) -> int:
        return tokens.create_token(people[owner], shop.id, name, principal=admin, expires_in_days=days).id

    made = {
        "token": make("editor", "Checkout backend"),
        "expired_token": make("admin", "Load test", 1),
        "expiring_token": make("reader", "Dashboard", 365),
        "revoked_token": make("editor", "Old checkout"),
        "long_token": make("long", LONG_WORD),
    }
    tokens.revoke_token(made["revoked_token"], principal=admin)
    return made


def _receipts(shop: ProjectRef, admin: Principal) -> dict[str, object]:
    """Two codes whose carriers have told what became of them."""
    told: list[tuple[str, str | None, str | None]] = [
        ("delivered", None, None),
        ("undelivered", "4", "The recipient's number is on the carriers' blocklist."),
    ]
    challenges: dict[str, object] = {}
    for number, (status, code, reason) in enumerate(told):
        challenge = issue_challenge(shop, Channel.SMS, f"+98912123457{number}", principal=admin)
        values = {"status": status, "error_code": code, "error_reason": reason, "provider_id": f"88421002{number}"}
        times = {name: clock.now() for name in ("started_at", "finished_at", "reported_at")}
        with writing() as connection:
            its_delivery = select(_challenge.delivery_id).where(_challenge.id == challenge.id).scalar_subquery()
            told_of = update(Delivery).where(table_of(Delivery).c.id == its_delivery)
            connection.execute(told_of.values(payload=None, attempts=1, **values, **times))
        challenges[f"{status}_challenge"] = challenge.id
    return challenges


def _endpoints(shop: ProjectRef, admin: Principal) -> dict[str, int]:
    """One that takes all and was told some of it, with two secrets, and one that is disabled."""
    made = events.create_endpoint(shop, "https://shop.example.com/events", [*EventType], principal=admin).endpoint_id
    quiet_url = f"https://shop.example.com/{LONG_SLUG * 4}"
    quiet = events.create_endpoint(shop, quiet_url, [EventType.CODE_APPROVED], principal=admin).endpoint_id
    events.disable_endpoint(shop, quiet, principal=admin)
    for _ in range(4):
        events.send_test(shop, made, principal=admin)
    refused = SendFailed("The receiver did not take it.", code="500", retryable=True)
    gone = SendFailed("The receiver wants no more events.", code="410", retryable=False)
    results: tuple[int | SendFailed, ...] = (200, refused, gone)
    claims = outbox.exchange([], len(results))
    outbox.exchange([outbox.Outcome(claim, result) for claim, result in zip(claims, results, strict=True)], 0)
    events.rotate_secret(shop, made, principal=admin)
    return {"endpoint": made, "quiet_endpoint": quiet}


def _long_project(people: dict[str, int], admin: Principal) -> None:
    """A project whose every word is as long as may be, with a chosen notifier that is disabled."""
    project = projects.create_project(LONG_SLUG, LONG_WORD, principal=admin)
    users.set_membership(people["long"], project.id, tuple(Permission), principal=admin)
    fields = {"name": LONG_WORD, "backend": "console", "settings": {}}
    notifier = notifiers.create_notifier(project, Channel.SMS, fields, principal=admin)
    member = _principal(people["long"], LONG_EMAIL)
    update_notification_settings(project, {SMS_NOTIFIER: notifier.id}, principal=member, reason=LONG_NAME)
    stopping.disable_notifier(project, Channel.SMS, notifier.id, principal=admin)


def _other_projects(admin: Principal) -> None:
    projects.create_project("fresh", "Fresh Start", principal=admin)
    old = projects.create_project("old-shop", "Old Shop", principal=admin)
    stopping.archive_project(old.id, principal=admin)
