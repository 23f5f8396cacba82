"""Walks every route that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask import Flask
from werkzeug.routing import Rule

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def rules(app: Flask) -> Iterator[Rule]:
    """Every route but the files."""
    return (rule for rule in app.url_map.iter_rules() if rule.endpoint != "static")


def path_of(rule: Rule, channel: str = "sms") -> str:
    """An address that this rule matches; where it is a channel's, of this one."""
    path = re.sub(r"<int(\([^)]*\))?:\w+>", "1", rule.rule)
    path = path.replace("<any(sms, email):channel>", channel)
    path = re.sub(r"<any\((\w+)[^>]*>", r"\1", path)
    return re.sub(r"<(\w+:)?\w+>", "x1", path)


def is_api(rule: Rule) -> bool:
    return rule.rule.startswith("/api/")


def methods(rule: Rule, among: tuple[str, ...] = ("GET", *UNSAFE)) -> list[str]:
    return [method for method in among if method in (rule.methods or ())]
