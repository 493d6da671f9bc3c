"""Pages are asked for in many ways: by whoever reads JSON, and for nothing but their headers."""

from __future__ import annotations

import httpx
import pytest
from starlette.types import Scope

from factory import specimen
from jobs import collecting, visiting
from portal.accepting import prefers_json
from tests.plants import WHO
from tests.portal.doors import Door, approve
from tests.portal.test_portal_verifying import NOTHING_LIKE_IT

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


def asks(*accept: str) -> Scope:
    """A request with these headers."""
    return {"type": "http", "headers": [(b"accept", each.encode()) for each in accept]}


# --- Accept -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "Application/JSON ; charset=utf-8",
        "application/*",
        "application/json, text/plain, */*",
        "text/html;q=0.8, application/json;q=0.9",
        "text/html;q=0, */*",
        'x/y;z="a,b", application/json;q=1.000',
    ],
)
def test_who_would_rather_have_json_is_known(accept: str) -> None:
    assert prefers_json(asks(accept))


@pytest.mark.parametrize(
    "accept",
    [
        BROWSER,
        "",
        "*/*",
        "text/html",
        "text/html, application/json",
        "text/html, application/json;q=0.9",
        "application/json;q=0",
        "application/json;q=0.5, text/*;q=0.6",
        "application/json;q=0, application/*, text/html;q=0.1",
        "application/json;q=nan",
        "application/json;q=2",
        "application/jsonx",
        "application/json-seq",
        ";;;,,,=",
    ],
)
def test_whoever_does_not_gets_the_page(accept: str) -> None:
    assert not prefers_json(asks(accept))


def test_who_says_nothing_gets_the_page() -> None:
    assert not prefers_json(asks())


def test_what_comes_in_two_lines_is_read_as_one() -> None:
    assert prefers_json(asks("text/html;q=0.5", "application/json"))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("application/json", "application/json"), ("application/json;q=0.1, text/html", "text/html")],
)
def test_a_scanned_code_is_answered_in_the_kind_that_is_wanted_more(
    door: Door, accept: str, kind: str
) -> None:
    answer = httpx.get(f"{door.url}/v/{NOTHING_LIKE_IT}", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v/{'0' * 65}", 422),
        ("POST", "/verify/digest", 422),
        ("GET", "/verify/nosuch", 404),
        ("PUT", "/verify", 405),
        ("GET", "/nosuch", 404),
    ],
)
def test_failures_are_told_in_the_kind_that_is_wanted_more(
    door: Door, method: str, path: str, status: int
) -> None:
    program = httpx.request(method, door.url + path, headers={"Accept": "application/json"})
    person = httpx.request(method, door.url + path, headers={"Accept": BROWSER})

    assert [each.status_code for each in (program, person)] == [status, status]
    assert program.headers["content-type"] == "application/problem+json"
    assert program.json()["status"] == status
    assert person.headers["content-type"].startswith("text/html")


def test_a_program_is_told_which_field_is_wrong(door: Door) -> None:
    answer = httpx.post(
        f"{door.url}/verify/digest", data={"sha256": "x"}, headers={"Accept": "application/json"}
    )

    assert [each["field"] for each in answer.json()["problems"]] == ["sha256"]


def test_a_file_too_large_is_told_to_programs_too(door: Door) -> None:
    answer = httpx.post(
        f"{door.url}/verify/file",
        files={"file": ("a.pdf", bytes(5 * 1024 * 1024))},
        headers={"Accept": "application/json"},
    )

    assert (answer.status_code, answer.json()["status"]) == (413, 413)


# --- HEAD -------------------------------------------------------------------------------------


def test_every_page_answers_head_as_get_without_a_body(door: Door) -> None:
    number = approve(door)
    links = (
        collecting.link(door.plant, number, who=WHO).url,
        visiting.link(door.plant, approved_firm(door), who=WHO).url,
    )
    paths = ["/", "/verify", f"/v/{NOTHING_LIKE_IT}", "/trust", "/static/page.css", "/nosuch"]
    paths += ["/verify/keys.json", *(each.removeprefix(door.url) for each in links)]
    paths += [f"{links[0].removeprefix(door.url)}/page.png"]

    for path in paths:
        head, get = httpx.head(door.url + path), httpx.get(door.url + path)

        assert (path, head.status_code, head.content) == (path, get.status_code, b"")
        for name in ("content-type", "cache-control", "content-security-policy"):
            assert head.headers.get(name) == get.headers.get(name)
        if path != f"/v/{NOTHING_LIKE_IT}":  # tells the time
            assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize("path", ["/verify/file", "/verify/digest"])
def test_where_nothing_can_be_read_head_is_refused_and_the_answer_says_what_may_be_asked(
    door: Door, path: str
) -> None:
    answer = httpx.head(door.url + path)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def approved_firm(door: Door) -> str:
    """The code of an enterprise that has somebody."""
    seed = next(door.seeds)
    approve(door, seed, enterprise=seed)
    return specimen.credit_code(seed)
