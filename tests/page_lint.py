"""What every page must hold to, whichever test fetched it."""

from __future__ import annotations

from collections import Counter
from functools import cache

import html5lib


@cache
def lint(text: str) -> None:
    """Fail unless this is valid HTML with one title, one h1, no duplicate id, and nothing that the CSP forbids."""
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    assert len(document.findall(".//title")) == 1
    assert (document.findtext(".//title") or "").strip()
    assert len(document.findall(".//h1")) == 1
    ids = Counter(element.get("id") for element in document.iter() if element.get("id"))
    assert not [name for name, count in ids.items() if count > 1]
    for element in document.iter():
        forbidden = [name for name in element.attrib if name == "style" or str(name).startswith("on")]
        assert not forbidden, f"{element.tag} has {forbidden}: the CSP forbids inline styles and handlers"
        assert element.tag != "style"
        assert element.tag != "script" or element.get("src"), "inline script"
    for label in document.iter("label"):
        target = label.get("for")
        assert target is None or target in ids, f"label for {target}, which isn't there"
