"""Derive tabler-dark.css from tabler.min.css.

Tabler's dark rules wait for `data-bs-theme=dark` on the page, which only a script could set from the system's
preference. This copies those rules with `:root` in its place; the page links the result with
`media="(prefers-color-scheme: dark)"`, so the preference holds without JavaScript.

Run it after replacing tabler.min.css: python static/vendor/derive_dark.py
"""

import re
from pathlib import Path

TABLER = Path(__file__).parent / "tabler"
AT_BLOCK = re.compile(r"@[^{};]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
RULE = re.compile(r"([^{}@;/]+)\{([^{}]*)\}")
# The theme set on the page itself, not on one part of it such as `.navbar[data-bs-theme=dark]`.
PAGE_THEME = re.compile(r"^(?::root)?\[data-bs-theme=dark\](?=\s|$)")


def dark_rules(css: str) -> list[str]:
    """Return the rules of `css` that apply when the page's theme is dark, rewritten to apply always.

    Rules inside at-blocks (print, narrow screens) are left out: none of them is about the dark theme alone.
    """
    rules = []
    for selectors, declarations in RULE.findall(AT_BLOCK.sub("", css)):
        page_wide = [s.strip() for s in selectors.split(",") if PAGE_THEME.match(s.strip())]
        if page_wide:
            rules.append(",".join(PAGE_THEME.sub(":root", s) for s in page_wide) + "{" + declarations + "}")
    return rules


def main() -> None:
    """Write tabler-dark.css beside tabler.min.css; stop when Tabler no longer has page-wide dark rules."""
    css = (TABLER / "tabler.min.css").read_text(encoding="utf-8")
    rules = dark_rules(css)
    if not any("color-scheme:dark" in rule for rule in rules):
        raise SystemExit("No page-wide dark rules found: has Tabler renamed its theme attribute?")
    header = "/* Tabler 1.x, MIT licence, see LICENSE. Made by derive_dark.py: do not edit. */\n"
    (TABLER / "tabler-dark.css").write_text(header + "\n".join(rules) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
