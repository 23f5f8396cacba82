"""nginx from the distribution, with the configuration that operators are given."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from bench.servers import ROOT, free_port, is_taken, run, wait_for

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SITE = ROOT / "deploy" / "nginx.conf"
_FRAME = """
{user}
daemon off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 768; }}
http {{
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    include site.conf;
}}
"""


@contextmanager
def nginx(folder: Path, upstream: int, ca: trustme.CA) -> Iterator[tuple[int, int]]:
    """Run nginx in front of a server on port `upstream`; gives the ports for https and for clear text."""
    plain, https = free_port(), free_port()
    certificate = ca.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    site = SITE.read_text()
    for stated, ours in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "notifapp.example.com": "localhost",
        "/etc/ssl/notifapp/fullchain.pem": f"{folder}/certificate.pem",
        "/etc/ssl/notifapp/privkey.pem": f"{folder}/key.pem",
        "http://127.0.0.1:8000;": f"http://127.0.0.1:{upstream};",
    }.items():
        assert stated in site
        site = site.replace(stated, ours)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is only ours
    (folder / "nginx.conf").write_text(_FRAME.format(user=user))
    command = [str(NGINX), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    with run(command, folder / "nginx.log") as process:
        wait_for(process, lambda: is_taken(https))
        yield https, plain
