"""SECURITY.md cites tests that there are, links that lead somewhere, and anchors that stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
CITED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))
LINKS = sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT)))
WHO = (
    "outsider on the net", "holder", "upstream system", "operator", "database admin",
    "store admin", "broker admin", "thief of a signing key", "thief of a backup", "dependency",
)  # fmt: skip


def functions(path: str) -> set[str]:
    """The tests of a module."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize(("path", "name"), CITED, ids=[name for _, name in CITED])
def test_each_test_it_names_exists(path: str, name: str) -> None:
    assert name in functions(path)


def test_a_name_that_is_no_test_would_be_seen() -> None:
    assert "test_nothing_of_that_name" not in functions(CITED[0][0])


@pytest.mark.parametrize("who", WHO)
def test_it_says_of_everybody_what_they_might_do_and_which_test_shows_that_it_fails(
    who: str,
) -> None:
    rows = list(rows_of(who))

    assert rows
    assert any("::test_" in row for row in rows)


def rows_of(who: str) -> Iterator[str]:
    """The rows about somebody: the one that names them, and those below without a name."""
    named = None
    for line in TEXT.splitlines():
        if not line.startswith("| "):
            named = None
            continue
        first = line.split("|")[1].strip()
        named = first or named
        if named == who:
            yield line


@pytest.mark.parametrize("link", LINKS)
def test_each_link_leads_somewhere(link: str) -> None:
    path, _, anchor = link.partition("#")
    text = (ROOT / path).read_text("utf-8")

    titles = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert not anchor or anchor in titles
