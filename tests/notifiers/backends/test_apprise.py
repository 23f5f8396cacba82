"""Apprise's services, against a loopback server in the place of the provider's."""

from __future__ import annotations

import logging

import pytest
from apprise import NotifyBase
from apprise.plugins.resend import NotifyResend
from apprise.plugins.seven import NotifySeven

from notifapp.channels import Channel
from notifapp.errors import ValidationFailed
from notifapp.notifiers.backends import BACKENDS, backends_for
from notifapp.notifiers.backends.apprise import SCHEMAS, AppriseService, _service
from notifapp.notifiers.gateway.base import Message, SendFailed
from notifapp.notifiers.gateway.parsing import parse_settings
from tests.delivery.outbox import free_port
from tests.notifiers.gateway import Gateway

# Apprise loads all of its services at once, and some of them need modules that Python is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and slated for removal:DeprecationWarning")

KEY = "t0k3nt0k3n"
SMS_URL = f"seven://{KEY}/{{recipient}}"
EMAIL_URL = f"resend://{KEY}:shop@example.com/{{recipient}}"
SMS = Message(project_id=1, channel=Channel.SMS, recipient="+989120000000", body="Your code: 01234")
EMAIL = Message(project_id=1, channel=Channel.EMAIL, recipient="a@example.com", subject="Code", body="Your code: 01234")


@pytest.fixture
def provider(gateway: Gateway, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """The providers' addresses, moved to loopback: they are fixed in Apprise, which is the point of the allow-list."""
    monkeypatch.setattr(NotifySeven, "notify_url", f"{gateway.url}/api/sms")
    monkeypatch.setattr(NotifyResend, "notify_url", f"{gateway.url}/emails")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
    return gateway


def send(channel: Channel, url: str, message: Message) -> None:
    backend = AppriseService(channel)
    backend.send(backend.load({"url": url}), message)


def refusal(channel: Channel, url: object) -> list[str]:
    with pytest.raises(ValidationFailed) as failed:
        parse_settings(AppriseService(channel), {"url": url})
    return failed.value.errors["url"]


def test_it_is_offered_where_it_is_installed() -> None:
    assert "apprise_sms" in [backend.key for backend in backends_for(Channel.SMS)]
    assert "apprise_email" in [backend.key for backend in backends_for(Channel.EMAIL)]
    assert BACKENDS["apprise_sms"].secrets == {"url"}


def test_it_sends_sms(provider: Gateway) -> None:
    send(Channel.SMS, SMS_URL, SMS)
    [request] = provider.requests
    assert request.path == "/api/sms"
    assert request.json["to"].endswith("989120000000")
    assert "Your code: 01234" in request.json["text"]


def test_it_sends_email(provider: Gateway) -> None:
    send(Channel.EMAIL, EMAIL_URL, EMAIL)
    [request] = provider.requests
    assert (request.json["to"], request.json["subject"]) == ("a@example.com", "Code")


@pytest.mark.parametrize(("status", "again"), [(400, False), (401, False), (429, True), (500, True), (503, True)])
def test_a_refusal_is_an_error_that_repeats_nothing(
    provider: Gateway, status: int, again: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.status, provider.answer = status, {"error": f"{SMS.recipient} {SMS.body}"}
    with pytest.raises(SendFailed) as failed:
        send(Channel.SMS, SMS_URL, SMS)
    assert (failed.value.code, failed.value.retryable) == (str(status), again)
    everything = f"{failed.value!r} {caplog.text} {''.join(capfd.readouterr())}"
    for private in (KEY, "01234", "9120000000"):
        assert private not in everything


def test_a_service_that_cant_be_reached_is_tried_again_whatever_it_said_before(
    provider: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.status = 400
    with pytest.raises(SendFailed):
        send(Channel.SMS, SMS_URL, SMS)
    monkeypatch.setattr(NotifySeven, "notify_url", f"https://127.0.0.1:{free_port()}/")
    with pytest.raises(SendFailed) as failed:
        send(Channel.SMS, SMS_URL, SMS)
    assert (failed.value.code, failed.value.retryable) == ("apprise", True)


def test_a_redirect_is_not_followed_and_nothing_is_tried_twice(provider: Gateway) -> None:
    provider.status, provider.headers = 307, {"Location": f"{provider.url}/elsewhere"}
    with pytest.raises(SendFailed):
        send(Channel.SMS, f"{SMS_URL}?redirect=yes&retry=3&verify=no&rto=900", SMS)
    assert len(provider.requests) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(provider: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(SendFailed):
        send(Channel.SMS, f"{SMS_URL}?verify=no", SMS)
    assert provider.requests == []


@pytest.mark.parametrize(
    "url",
    ["json://127.0.0.1/{recipient}", "mailto://u:p@127.0.0.1/{recipient}", "signal://127.0.0.1/+1555/{recipient}",
     "syslog://{recipient}", "resend://k:a@example.com/{recipient}", "{recipient}", "https://example.com/{recipient}"],
)  # fmt: skip
def test_other_services_are_refused(url: str) -> None:
    assert refusal(Channel.SMS, url)[0].startswith("Begin with one of: 46elks://, ")


def test_a_url_needs_a_place_for_the_recipient_and_has_to_make_sense() -> None:
    assert refusal(Channel.SMS, f"seven://{KEY}/+989120000000") == ["Write {recipient} where the recipient goes."]
    assert refusal(Channel.SMS, "vonage://{recipient}")[0].startswith("Apprise doesn't understand this.")
    assert refusal(Channel.SMS, "") == ["This field may not be blank."]
    assert parse_settings(AppriseService(Channel.SMS), {"url": SMS_URL}) == {"url": SMS_URL}


URLS = {
    "46elks": "46elks://u:p@15551231234/{recipient}", "bulksms": "bulksms://id:secret@{recipient}",
    "bulkvs": "bulkvs://u:p@15551231234/{recipient}", "burstsms": "burstsms://key:secret@15551231234/{recipient}",
    "clickatell": "clickatell://key/{recipient}", "clicksend": "clicksend://u:key@{recipient}",
    "cm": "cm://00000000-0000-0000-0000-000000000000/{recipient}", "d7sms": "d7sms://token@{recipient}",
    "httpsms": "httpsms://key@15551231234/{recipient}", "mobilemessage": "mobilemessage://u:p@Shop/{recipient}",
    "msgbird": "msgbird://0123456789abcdefghijklmno/15551231234/{recipient}",
    "octopush": "octopush://a@example.com/key/{recipient}",
    "plivo": "plivo://aaaaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/15551231234/{recipient}",
    "serwersms": "serwersms://u:p@Shop/{recipient}", "seven": SMS_URL, "smsmanager": "smsmanager://key@{recipient}",
    "telesign": "telesign://id:key@{recipient}", "telnyx": "telnyx://key@15551231234/{recipient}",
    "vonage": "vonage://ACabc:secret@15551231234/{recipient}", "brevo": "brevo://key:shop@example.com/{recipient}",
    "mailersend": "mailersend://key:shop@example.com/{recipient}",
    "postmark": "postmark://key:shop@example.com/{recipient}", "resend": EMAIL_URL,
    "sendgrid": "sendgrid://key:shop@example.com/{recipient}",
}  # fmt: skip


@pytest.mark.parametrize(("channel", "schema"), [(channel, name) for channel in Channel for name in SCHEMAS[channel]])
def test_every_allowed_service_has_a_fixed_https_address(channel: Channel, schema: str) -> None:
    url = URLS[schema]
    assert parse_settings(AppriseService(channel), {"url": url}) == {"url": url}
    service = _service(url, SMS.recipient if channel is Channel.SMS else EMAIL.recipient)
    assert isinstance(service, NotifyBase)
    declared = vars(type(service))
    address: str = declared["notify_url"]
    assert address.startswith("https://")
    assert "{" not in address.split("/")[2]
    assert not any("{host}" in template for template in declared["templates"])
