"""Messages reach their endpoint although it, a worker or the network fails; nobody else can have sent them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from notifapp import clock
from notifapp.database import writing
from notifapp.delivery import stopping
from notifapp.events import outbox, sending, service
from notifapp.events.models import EventEndpoint, EventType
from notifapp.notifiers.encryption import reencrypt_secrets
from notifapp.notifiers.gateway.http_client import CLIENT, HttpClient
from tests.delivery.outbox import eventually, silent_server, worker
from tests.events.receiver import OPERATOR, Receiver, headers, verified
from tests.notifiers.gateway import Gateway
from tests.otp.caller import Caller

DAY = timedelta(days=1)


def send_test(receiver: Receiver) -> None:
    with receiver.app.app_context():
        service.send_test(receiver.caller.project, receiver.endpoint_id, principal=OPERATOR)


def only(receiver: Receiver) -> Any:
    [message] = receiver.messages()
    return message


def test_an_event_is_sent_by_the_specification(receiver: Receiver) -> None:
    send_test(receiver)
    assert receiver.carry() == 1
    [request] = receiver.gateway.requests
    assert request.path == "/events"
    assert headers(request)["content-type"] == "application/json"
    assert headers(request)["webhook-id"] == f"msg_{only(receiver).event_id}"
    event = verified(receiver.secret, request)
    assert event == {"type": "test", "timestamp": clock.iso(only(receiver).created_at), "data": {"project": "shop"}}
    assert (only(receiver).status, only(receiver).response_code) == ("sent", 200)
    assert receiver.carry() == 0


@pytest.mark.parametrize("forged", ["body", "webhook-id", "webhook-timestamp", "secret"])
def test_what_is_forged_is_refused_by_the_library(receiver: Receiver, forged: str) -> None:
    send_test(receiver)
    receiver.carry()
    [request] = receiver.gateway.requests
    verified(receiver.secret, request)
    secret, body, sent = receiver.secret, request.body, headers(request)
    if forged == "body":
        body = body.replace(b"shop", b"shot")
    elif forged == "secret":
        secret = "whsec_" + "A" * 43 + "="
    else:
        sent[forged] = str(int(sent[forged]) + 1) if forged == "webhook-timestamp" else sent[forged] + "0"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, sent)


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
def test_what_is_not_taken_is_sent_again_with_the_same_id_and_body(receiver: Receiver, status: int) -> None:
    receiver.gateway.status = status
    send_test(receiver)
    receiver.carry()
    assert (only(receiver).status, only(receiver).response_code, only(receiver).attempts) == ("queued", status, 1)
    assert receiver.carry() == 0
    receiver.gateway.status = 204
    receiver.make_due()
    receiver.carry()
    first, second = receiver.gateway.requests
    assert headers(first)["webhook-id"] == headers(second)["webhook-id"]
    assert first.body == second.body
    verified(receiver.secret, second)
    assert (only(receiver).status, only(receiver).response_code, only(receiver).attempts) == ("sent", 204, 2)


def test_each_attempt_is_signed_with_its_own_time(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.gateway.status = 500
    send_test(receiver)
    receiver.carry()
    now = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: now)
    receiver.carry()
    first, second = (int(headers(request)["webhook-timestamp"]) for request in receiver.gateway.requests)
    assert second == int(now.timestamp())
    assert 3590 < second - first < 3610


def test_the_waits_grow_and_end_after_a_day(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.gateway.status = 500
    began = clock.now()
    send_test(receiver)
    waits: list[float] = []
    while receiver.carry():
        message = only(receiver)
        if message.status == "queued":
            waits.append((message.next_attempt_at - clock.now()).total_seconds())
            monkeypatch.setattr(clock, "now", lambda then=message.next_attempt_at: then)
    assert only(receiver).status == "failed"
    assert waits == sorted(waits)
    assert waits[0] < 10
    assert timedelta(hours=18) < clock.now() - began <= DAY
    assert "did not take it" in only(receiver).error_reason


def test_gone_ends_it_at_once(receiver: Receiver) -> None:
    receiver.gateway.status = 410
    send_test(receiver)
    receiver.carry()
    assert (only(receiver).status, only(receiver).response_code) == ("failed", 410)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.gateway.status, receiver.gateway.headers = 302, {"Location": f"{receiver.gateway.url}/elsewhere"}
    send_test(receiver)
    receiver.carry()
    assert [request.path for request in receiver.gateway.requests] == ["/events"]


@pytest.mark.parametrize("fault", ["down", "slow", "endless", "other certificate"])
def test_a_receiver_that_cannot_be_talked_to_is_tried_again(
    receiver: Receiver, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "down":
        receiver.gateway.__exit__()
    elif fault == "slow":
        receiver.gateway.delay = 1
    elif fault == "endless":
        monkeypatch.setattr(sending, "CLIENT", HttpClient(2, 0.5, 1, CLIENT.tls_context))
        receiver.gateway.drip = True
    else:
        monkeypatch.setattr(sending, "CLIENT", HttpClient())
    send_test(receiver)
    receiver.carry()
    assert (only(receiver).status, only(receiver).response_code) == ("queued", None)
    assert "gateway" not in only(receiver).error_reason
    if fault == "down":
        receiver.gateway.__enter__()


def test_two_secrets_sign_for_a_day_after_a_rotation(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver.app.app_context():
        made = service.rotate_secret(receiver.caller.project, receiver.endpoint_id, principal=OPERATOR)
    send_test(receiver)
    receiver.carry()
    [request] = receiver.gateway.requests
    assert len(headers(request)["webhook-signature"].split(" ")) == 2
    assert verified(made.secret, request) == verified(receiver.secret, request)
    with receiver.app.app_context(), writing() as connection:
        connection.execute(update(EventEndpoint).values(rotated_at=clock.now() - DAY))
    send_test(receiver)
    receiver.carry()
    later = receiver.gateway.requests[-1]
    verified(made.secret, later)
    with pytest.raises(WebhookVerificationError):
        verified(receiver.secret, later)


def test_a_second_rotation_ends_the_secret_before_the_last_at_once(receiver: Receiver) -> None:
    with receiver.app.app_context():
        second, third = (
            service.rotate_secret(receiver.caller.project, receiver.endpoint_id, principal=OPERATOR) for _ in range(2)
        )
    send_test(receiver)
    receiver.carry()
    [request] = receiver.gateway.requests
    assert verified(second.secret, request) == verified(third.secret, request)
    with pytest.raises(WebhookVerificationError):
        verified(receiver.secret, request)


def test_a_secret_that_is_copied_to_another_address_signs_nothing(receiver: Receiver) -> None:
    with receiver.app.app_context(), writing() as connection:
        connection.execute(update(EventEndpoint).values(url=f"{receiver.gateway.url}/stolen"))
    send_test(receiver)
    receiver.carry()
    assert receiver.gateway.requests == []
    assert "can't be decrypted" in only(receiver).error_reason


def test_what_waits_is_not_sent_once_the_operator_lists_the_address_no_more(receiver: Receiver) -> None:
    send_test(receiver)
    config = receiver.app.config["NOTIFAPP"]
    object.__setattr__(config, "private_destinations", ())
    receiver.carry()
    assert receiver.gateway.requests == []
    assert only(receiver).status == "failed"
    assert "private network" in only(receiver).error_reason


def test_a_name_that_turns_into_a_private_address_is_not_connected_to(
    app: Flask, caller: Caller, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver(app, caller, gateway)
    object.__setattr__(app.config["NOTIFAPP"], "private_destinations", ())
    with app.app_context():
        service.update_endpoint(
            caller.project, receiver.endpoint_id, "https://shop.example/x", [*EventType], principal=OPERATOR
        )
    metadata = [(2, 1, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr(sending, "CLIENT", HttpClient(resolve=lambda *_args, **_more: metadata))
    send_test(receiver)
    receiver.carry()
    assert (only(receiver).status, gateway.requests) == ("failed", [])


def test_a_worker_that_lost_its_lease_writes_nothing(receiver: Receiver) -> None:
    send_test(receiver)
    with receiver.app.app_context():
        [slow] = outbox.exchange([], 1)
        receiver.expire_leases()
        [quick] = outbox.exchange([], 1)
        assert (slow.attempt, quick.attempt) == (1, 2)
        outbox.exchange([outbox.Outcome(slow, 200)], 0)
        assert only(receiver).status == "sending"
        outbox.exchange([outbox.Outcome(quick, 200)], 0)
    assert only(receiver).status == "sent"


def test_a_claim_that_is_given_back_costs_no_attempt(receiver: Receiver) -> None:
    send_test(receiver)
    with receiver.app.app_context():
        outbox.exchange([outbox.unsent(claim) for claim in outbox.exchange([], 1)], 0)
    assert (only(receiver).status, only(receiver).attempts) == ("queued", 0)


def test_what_waits_when_its_project_is_archived_is_not_sent(receiver: Receiver) -> None:
    send_test(receiver)
    with receiver.app.app_context():
        stopping.archive_project(receiver.caller.project.id, principal=OPERATOR)
    receiver.carry()
    assert (only(receiver).status, receiver.gateway.requests) == ("failed", [])


def test_a_new_encryption_key_signs_with_the_same_secret(receiver: Receiver) -> None:
    with receiver.app.app_context():
        assert reencrypt_secrets(principal=OPERATOR) >= 1
    send_test(receiver)
    receiver.carry()
    verified(receiver.secret, receiver.gateway.requests[0])


@pytest.mark.slow
def test_a_worker_killed_while_it_tells_loses_nothing(
    app: Flask, caller: Caller, gateway: Gateway, ca_file: str, tmp_path: Path
) -> None:
    receiver = Receiver(app, caller, gateway)
    with silent_server() as silent:
        stuck = f"https://127.0.0.1:{silent.getsockname()[1]}/events"
        move(receiver, stuck)
        send_test(receiver)
        with worker(app, tmp_path, SSL_CERT_FILE=ca_file) as first:
            connection, _ = silent.accept()
            first.kill()
            connection.close()
    assert (only(receiver).status, only(receiver).attempts) == ("sending", 1)
    move(receiver, receiver.url)
    receiver.expire_leases()
    with worker(app, tmp_path, SSL_CERT_FILE=ca_file) as second:
        eventually(lambda: only(receiver).status == "sent")
        second.stop()
    assert (only(receiver).attempts, len(gateway.requests)) == (2, 1)
    log = (tmp_path / "worker.log").read_text()
    for private in ("Traceback", receiver.secret, "/events"):
        assert private not in log


@pytest.mark.slow
def test_a_receiver_that_is_down_and_comes_back_is_told_and_keeps_no_code_waiting(
    app: Flask, caller: Caller, gateway: Gateway, ca_file: str, tmp_path: Path
) -> None:
    receiver = Receiver(app, caller, gateway)
    gateway.status = 503
    with worker(app, tmp_path, SSL_CERT_FILE=ca_file, NOTIFAPP_CONSOLE_BACKEND="1"):
        challenge, code = caller.open()
        caller.verify(challenge, code)
        eventually(lambda: only(receiver).attempts == 1 and only(receiver).status == "queued")
        gateway.status = 200
        eventually(lambda: only(receiver).status == "sent")
    assert verified(receiver.secret, gateway.requests[-1])["data"]["challenge"] == challenge


def move(receiver: Receiver, url: str) -> None:
    """Change the endpoint's address, as an admin would."""
    with receiver.app.app_context():
        service.update_endpoint(receiver.caller.project, receiver.endpoint_id, url, [*EventType], principal=OPERATOR)


def test_the_verifier_of_the_documentation_tells_what_is_genuine(receiver: Receiver) -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    found: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], found)
    genuine_event = found["genuine_event"]
    send_test(receiver)
    receiver.carry()
    [request] = receiver.gateway.requests
    assert genuine_event(receiver.secret, headers(request), request.body)["type"] == "test"
    assert genuine_event(receiver.secret, headers(request), request.body + b" ") is None
    assert genuine_event("whsec_" + "A" * 43 + "=", headers(request), request.body) is None
    assert genuine_event(receiver.secret, {}, request.body) is None
    assert genuine_event(receiver.secret, headers(request) | {"webhook-signature": "v1"}, request.body) is None


def test_every_event_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    assert [each.value for each in EventType] == re.findall(r"^\| `(\w+\.\w+)`", page, re.MULTILINE)
