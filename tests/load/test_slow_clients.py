"""Clients that send or read slowly hold no thread of the application."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
import trustme

from bench.servers import make_app, serve
from tests.conftest import Databases
from tests.load.nginx import NGINX, nginx
from tests.load.slow_clients import PATIENCE, Slow, sign_in, slow_clients
from tests.world import PASSWORD, World

QUICK = 1.0  # seconds for the health check and all of a sign-in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed: on Debian, apt-get install nginx"),
]


@dataclass(frozen=True)
class Site:
    """notifapp behind nginx, both as the README sets them up, with one user."""

    port: int
    plain_port: int
    ca_file: str
    email: str

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


@pytest.fixture(scope="module")
def site(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_file: str
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    url = databases.make("sqlite")
    email = "staff@example.org"
    World(make_app(url, folder)).user(email)
    hops = {"NOTIFAPP_TRUSTED_PROXY_HOPS": "1"}
    with serve("app:app", url, folder, workers=2, threads=4, **hops) as server, nginx(folder, server.port, ca) as ports:
        yield Site(*ports, ca_file, email)


@pytest.mark.parametrize("slow", Slow)
def test_two_hundred_slow_clients_keep_nobody_from_signing_in(site: Site, slow: Slow) -> None:
    times = []
    with slow_clients(site.port, 200, slow, site.tls):
        for _ in range(3):
            began = time.perf_counter()
            health = requests.get(f"{site.url}/healthz", verify=site.ca_file, timeout=PATIENCE)
            assert health.json() == {"status": "ok"}
            sign_in(site.url, site.email, PASSWORD, site.ca_file)
            times.append(time.perf_counter() - began)
    assert min(times) < QUICK  # the others may have waited for what else this machine does


def test_a_body_above_the_limit_is_refused_in_the_applications_words(site: Site) -> None:
    answer = requests.post(f"{site.url}/sign-in", b"x" * (65 * 1024), verify=site.ca_file, timeout=PATIENCE)
    assert answer.status_code == 413
    assert "X-Request-Id" in answer.headers


def test_a_token_sent_in_clear_text_is_refused_and_pages_lead_to_https(site: Site) -> None:
    plain = f"http://localhost:{site.plain_port}"
    assert requests.get(f"{plain}/api/me", timeout=PATIENCE).status_code == 403
    page = requests.get(f"{plain}/sign-in", allow_redirects=False, timeout=PATIENCE)
    assert (page.status_code, page.headers["Location"]) == (301, "https://localhost/sign-in")
