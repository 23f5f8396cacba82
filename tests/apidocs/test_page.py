"""`GET /api/docs`: the whole document for people, and examples that run as they are shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import html5lib
import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from notifapp.access import Principal, ProjectRef
from notifapp.apidocs import samples
from notifapp.apidocs.reference import chapters
from notifapp.apidocs.samples import TOKEN_VARIABLE
from notifapp.settings.trials.service import get_trial, revert_trial, start_trial
from notifapp.settings.values import OTP_TTL
from notifapp.web.openapi import ERROR_CODES
from tests.client import ApiClient, Browser
from tests.world import World

LANGUAGES = ("curl", "Python")


@pytest.fixture
def server(app: Flask) -> Iterator[str]:
    """The address of the documented app, served on loopback."""
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.port}"
    running.shutdown()
    thread.join()
    running.server_close()


def parse(text: str) -> Any:
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def code_blocks(page: Any, label: str) -> list[str]:
    """The texts that the Copy buttons of this label copy."""
    boxes = [box for box in page.iter("div") if box.get("class") == "copyable"]
    return ["".join(box.find(".//code").itertext()) for box in boxes if box.findtext("./div/span") == label]


def test_everybody_may_read_the_page_and_it_shows_every_operation(browser: Browser) -> None:
    answer = browser.get("/api/docs")
    assert answer.status_code == 200
    for chapter in chapters():
        for operation in chapter.operations:
            assert f'id="{operation.id}"' in answer.text
            assert f"<code>{operation.path}</code>" in answer.text
            assert all(str(permission.value) in answer.text for permission in operation.permissions)


def test_the_page_keeps_the_navigation_of_who_is_signed_in(browser: Browser, world: World) -> None:
    assert "Audit</a>" not in browser.get("/api/docs").text
    browser.sign_in(world.admin())
    for path in ("/api/docs", "/api/docs/"):
        page = browser.get(path).text
        assert "Audit</a>" in page
        assert "Sign out</button>" in page
    assert browser.get("/api/me").status_code == 401


def test_no_two_links_of_the_contents_have_the_same_name(browser: Browser) -> None:
    contents = next(
        nav for nav in parse(browser.get("/api/docs").text).iter("nav") if nav.get("aria-label") == "Contents"
    )
    names = [" ".join("".join(link.itertext()).split()) for link in contents.iter("a")]
    assert len(names) == len(set(names)) > 20


def test_the_general_errors_name_every_reason_of_a_status(browser: Browser) -> None:
    text = browser.get("/api/docs").text
    errors = text.split('id="errors"')[1].split('id="conditional-requests"')[0]
    assert "A chosen notifier was deleted" in errors
    assert "The settings name no notifier for this channel" in errors
    for summary in parse(text).iter("summary"):
        sentences = " ".join("".join(summary.itertext()).split()).split(". ")
        assert len(sentences) == len(set(sentences)), sentences
    assert all(f"<code>{code}</code>" in errors for code in ERROR_CODES)


def test_every_link_within_the_page_leads_somewhere(browser: Browser) -> None:
    page = parse(browser.get("/api/docs").text)
    ids = {element.get("id") for element in page.iter() if element.get("id")}
    targets = {link.get("href")[1:] for link in page.iter("a") if link.get("href", "").startswith("#")}
    assert targets <= ids
    assert "/api/openapi.json" in {link.get("href") for link in page.iter("a")}


def test_the_examples_call_the_server_that_shows_them(api: ApiClient) -> None:
    text = api.client.get("/api/docs", base_url="https://notify.example.org").text
    assert "https://notify.example.org/api/settings/notifications" in text
    assert "http://localhost" not in text


@pytest.mark.parametrize("host", ["evil'; rm -rf ~; '", '"><script>alert(1)</script>', "$(id)", "`id`"])
def test_a_strange_host_gets_into_no_example(api: ApiClient, host: str) -> None:
    text = api.client.get("/api/docs", headers={"Host": host}).text
    assert host not in text


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_example_runs_as_it_is_shown(app: Flask, server: str, token: str, language: str, tmp_path: Path) -> None:
    page = parse(requests.get(f"{server}/api/docs", timeout=10).text)
    blocks = code_blocks(page, language)
    assert len(blocks) > sum(len(chapter.operations) for chapter in chapters())
    for code in blocks:
        run = run_curl if language == "curl" else run_python
        prepare_trial(app, code)
        result = run(code, token, tmp_path)
        assert result.returncode == 0, f"{code}\n{result.stdout}{result.stderr}"
        assert result.stdout.strip().startswith("{") or "/otp/recipients/release" in code, code


def test_the_answers_are_those_of_the_examples(app: Flask, token: str) -> None:
    client = ApiClient(app)
    operations = [operation for chapter in chapters() for operation in chapter.operations]
    for operation in sorted(
        operations, key=lambda operation: ORDER.index((operation.method, "notifiers" in operation.path))
    ):
        path = samples.url(operation, "")
        body = {"json": operation.requests[0].value} if operation.requests else {}
        prepare_trial(app, f"{operation.method} {path} ")
        answer = client.call(operation.method, path, token, **body)
        assert answer.status_code == operation.success.status, operation.id
        if operation.id in (
            "readMe",
            "readSettingsTrial",
            "readHealth",
        ):  # the token here is an admin's; no codes were sent
            continue
        examples = operation.success.examples
        assert lasting(answer.json) == (lasting(examples[0].value) if examples else None), operation.id


# The examples tell one story: the settings are changed and read, then the notifiers read, changed and made, then
# codes sent and verified.
ORDER = [
    ("PATCH", False),
    ("PUT", False),
    ("GET", False),
    ("GET", True),
    ("PATCH", True),
    ("POST", True),
    ("POST", False),
]


def prepare_trial(app: Flask, call: str) -> None:
    """Let what reads or ends a trial find one, and everything else find none."""
    project = ProjectRef(1, "shop", "Shop")
    is_start = re.search(r"POST.*/trial(?!/)|/trial\".*\.post", call, re.DOTALL)
    is_wanted = "/trial" in call and not is_start
    with app.app_context():
        is_on = get_trial(project) is not None
        if is_on and not is_wanted:
            revert_trial(project, principal=Principal.operator())
        elif is_wanted and not is_on:
            start_trial(project, {OTP_TTL: 77}, principal=Principal.operator())


def lasting(value: Any) -> Any:
    """The value without what is new with every call: times, and the random ids of challenges."""
    if isinstance(value, dict):
        return {
            key: lasting(item)
            for key, item in value.items()
            if not ((key.endswith("_at") or key == "at") and item)
            and not (key in ("id", "challenge") and isinstance(item, str))
        }
    return [lasting(item) for item in value] if isinstance(value, list) else value


def run_python(code: str, token: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-W", "error", "-c", code], token, folder)


def run_curl(code: str, token: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    (folder / ".curlrc").write_text("silent\nfail-with-body\n")
    return run(["bash", "-c", code], token, folder)


def run(command: list[str], token: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, TOKEN_VARIABLE: token, "CURL_HOME": str(folder), "no_proxy": "*"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
