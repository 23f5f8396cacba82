"""Each operation as a curl command and a Python program, ready to run with the token in the environment."""

from __future__ import annotations

import json
import shlex
from urllib.parse import urlencode

from notifapp.apidocs.reference import Operation

TOKEN_VARIABLE = "NOTIFAPP_TOKEN"  # noqa: S105 - a name
TIMEOUT_SECONDS = 10

MAKE_TOKEN = f"""\
# On the server. It prints only the token.
.venv/bin/flask --app app token create \\
  you@example.com your-project --name "My script"

# Where your code runs.
export {TOKEN_VARIABLE}=ntf_…"""


def curl(operation: Operation, server: str) -> str:
    """The operation's first example as a curl command."""
    address = shlex.quote(url(operation, server))
    lines = [f"curl {address}"] if operation.method == "GET" else [f"curl -X {operation.method}", address]
    lines += [f'-H "Authorization: Token ${TOKEN_VARIABLE}"']
    if operation.requests:
        body = json.dumps(operation.requests[0].value, ensure_ascii=False, indent=2)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(lines)


def python(operation: Operation, server: str) -> str:
    """The operation's first example as a Python program that uses requests."""
    arguments = ["url", 'headers={"Authorization": f"Token {token}"}']
    if operation.requests:
        arguments.append(f"json={_literal(operation.requests[0].value, indent=4)}")
    arguments.append(f"timeout={TIMEOUT_SECONDS}")
    lines = "".join(f"    {argument},\n" for argument in arguments)
    call = f"response = requests.{operation.method.lower()}(\n{lines})\n"
    shown = "\nprint(response.json())" if operation.success.examples else ""
    return f"{_opening(operation, server)}{call}response.raise_for_status(){shown}"


def safe_change(operation: Operation, server: str) -> str:
    """A change that is refused if somebody else has changed the settings first."""
    return f"""\
{_opening(operation, server)}session = requests.Session()
session.headers["Authorization"] = f"Token {{token}}"

settings = session.get(url, timeout={TIMEOUT_SECONDS})
settings.raise_for_status()
shorter = settings.json()["notifications_otp_ttl"] // 2

response = session.patch(
    url,
    headers={{"If-Match": settings.headers["ETag"]}},
    json={{"notifications_otp_ttl": shorter}},
    timeout={TIMEOUT_SECONDS},
)
if response.status_code == 412:
    print("The settings have changed: read them again.")
else:
    response.raise_for_status()
    print(response.json())"""


def _opening(operation: Operation, server: str) -> str:
    return f"""\
import os

import requests

token = os.environ["{TOKEN_VARIABLE}"]
url = {_literal(url(operation, server))}
"""


def _literal(value: object, indent: int = 0) -> str:
    """A JSON value as a Python literal, with each item of an object on its own line."""
    if isinstance(value, dict):
        inner = " " * (indent + 4)
        lines = [f"{inner}{_literal(key)}: {_literal(item, indent + 4)},\n" for key, item in value.items()]
        return "{\n" + "".join(lines) + " " * indent + "}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def url(operation: Operation, server: str) -> str:
    """The operation's URL, filled with its parameters' examples."""
    path, query = operation.path, {}
    for parameter in operation.parameters:
        if parameter.example is not None and parameter.place == "path":
            path = path.replace(f"{{{parameter.field.name}}}", str(parameter.example))
        elif parameter.example is not None and parameter.place == "query":
            query[parameter.field.name] = parameter.example
    return server + path + (f"?{urlencode(query)}" if query else "")
