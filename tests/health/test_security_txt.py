"""`/.well-known/security.txt`, as RFC 9116 has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from notifapp import clock
from notifapp.config import Config, ConfigError

PATH = "/.well-known/security.txt"


@pytest.fixture
def contact(app: Flask, monkeypatch: pytest.MonkeyPatch) -> str:
    address = "mailto:security@example.org"
    monkeypatch.setitem(app.config, "NOTIFAPP", replace(app.config["NOTIFAPP"], security_contact=address))
    return address


def test_a_finder_reads_whom_to_tell(app: Flask, contact: str) -> None:
    answer = app.test_client().get(PATH)
    assert answer.content_type == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields.keys() == {"Contact", "Expires", "Preferred-Languages"}
    assert fields["Contact"] == contact
    left = datetime.fromisoformat(fields["Expires"]) - clock.now()
    assert timedelta(days=1) < left < timedelta(days=365)


def test_without_a_contact_there_is_no_such_page(app: Flask) -> None:
    assert app.test_client().get(PATH).status_code == 404


@pytest.mark.parametrize("text", ["security@example.org", "http://example.org", "mailto:x", "https://", "https://a\nb"])
def test_a_contact_that_nobody_can_follow_stops_the_start(text: str, tmp_path: Path) -> None:
    environment = {
        "NOTIFAPP_SECURITY_CONTACT": text, "NOTIFAPP_INSTANCE_DIR": str(tmp_path), "NOTIFAPP_DEBUG": "1",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="NOTIFAPP_SECURITY_CONTACT"):
        Config.from_environment(environment)
