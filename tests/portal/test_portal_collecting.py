"""The page of a collection link: for whoever was given it, for a while; looking takes nothing."""

from __future__ import annotations

import copy
import re
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from factory import specimen
from factory.model import Party
from jobs import collecting
from jobs.wiring import Plant
from storage.ledger import audit, status
from tests.plants import WHO
from tests.portal.doors import Door, accepted, approve, hand_in, number_of, saved
from tests.portal.test_portal_routes import sign

COLLECTION = {"kind": "collection"}


def link(door: Door, number: str) -> str:
    answer = door.city.post(f"/v1/registrations/{number}/links", json=COLLECTION)
    assert answer.status_code == 200, answer.text
    assert answer.json()["seconds"] == door.plant.settings.collection_link_seconds
    return str(answer.json()["url"])


def state(door: Door, number: str) -> str:
    found = door.city.get(f"/v1/registrations/{number}").json()
    return str(found["editions"][-1]["stand"]["label"])


def test_the_holder_looks_then_takes_then_downloads(door: Door) -> None:
    number = approve(door)
    url = link(door, number)

    looked = httpx.get(url)

    assert (looked.status_code, state(door, number)) == (200, "未领证")
    assert ">领证</a>" in looked.text and "下载证书" not in looked.text

    confirmed = httpx.get(f"{url}/confirm")

    assert (confirmed.status_code, state(door, number)) == (200, "未领证")
    assert number in confirmed.text and "<button>确认</button>" in confirmed.text

    taken = httpx.post(url)

    assert taken.status_code == 303
    assert taken.headers["location"] == httpx.URL(url).path
    assert state(door, number) == "已领证"
    assert "下载证书" in httpx.get(url).text
    assert httpx.get(f"{url}/confirm").headers["location"] == httpx.URL(url).path

    file = httpx.get(f"{url}/file")

    assert file.status_code == 303
    assert httpx.get(file.headers["location"]).content.startswith(b"%PDF-")


def test_looking_changes_nothing_however_often_and_whoever_does(door: Door) -> None:
    number = approve(door)
    url = link(door, number)

    for _ in range(3):
        httpx.get(url)
        httpx.get(f"{url}/confirm")
        assert httpx.get(f"{url}/file").status_code == 409
        assert httpx.head(url).status_code == 200

    assert state(door, number) == "未领证"


@pytest.mark.parametrize("where", ["cross-site", "same-site"])
def test_a_page_of_somebody_else_takes_nothing(door: Door, where: str) -> None:
    number = approve(door)

    answer = httpx.post(link(door, number), headers={"Sec-Fetch-Site": where})

    assert (answer.status_code, state(door, number)) == (403, "未领证")
    assert "不能办理" in answer.text


def test_own_forms_and_notices_are_listed_and_downloaded(door: Door) -> None:
    application, number = applied(door)
    url = link(door, number)

    page = httpx.get(url).text
    for paper in ("注册申请表", "受理通知书"):
        [path] = re.findall(rf'href="(/collect/[^"]*/papers/\d+)">{paper}', page)
        file = httpx.get(f"{door.url}{path}")
        assert file.status_code == 303
        assert httpx.get(file.headers["location"]).content.startswith(b"%PDF-")

    assert application in page


def test_papers_of_somebody_else_are_not_to_be_had(door: Door) -> None:
    mine, theirs = (link(door, applied(door)[1]) for _ in range(2))
    foreign = re.findall(r"/papers/(\d+)", httpx.get(theirs).text)[0]

    answer = httpx.get(f"{mine}/papers/{foreign}")

    assert answer.status_code == 404
    assert httpx.get(f"{theirs}/papers/{foreign}").status_code == 303


@pytest.mark.parametrize("collected", [True, False])
def test_while_suspended_nothing_is_offered_and_it_is_said_why(door: Door, collected: bool) -> None:
    seed = next(door.seeds)
    url = link(door, approve(door, seed))
    if collected:
        httpx.post(url)
    accepted(hand_in(door.city, specimen.suspended(seed)))

    page = httpx.get(url).text

    assert "暂扣期间证书不能领取和下载" in page
    assert "下载证书" not in page and ">领证</a>" not in page
    assert httpx.get(f"{url}/confirm").headers["location"] == httpx.URL(url).path

    accepted(hand_in(door.city, specimen.resumed(seed)))

    assert ("下载证书" if collected else ">领证</a>") in httpx.get(url).text


def test_whoever_has_no_papers_sees_no_list_of_them(door: Door) -> None:
    assert "申请表和通知书" not in httpx.get(link(door, approve(door))).text


def test_taking_twice_changes_nothing_more(door: Door) -> None:
    number = approve(door)
    url = link(door, number)
    httpx.post(url)
    before = door.city.get(f"/v1/registrations/{number}").json()

    assert httpx.post(url).status_code == 303

    assert door.city.get(f"/v1/registrations/{number}").json() == before


def test_a_page_may_be_neither_framed_nor_kept_and_runs_no_script(door: Door) -> None:
    url = link(door, approve(door))

    looked = [httpx.get(f"{url}{more}") for more in ("", "x", "/file", "/confirm")]

    for answer in (*looked, httpx.post(url)):
        policy = answer.headers.get("content-security-policy", "")
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "style=" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_link_that_was_altered_leads_nowhere(door: Door) -> None:
    number, other = approve(door), approve(door)
    first, second = link(door, number), link(door, other)
    ident, ends, digest = first.rsplit("/", 1)[1].split("-", 2)
    base = first.rsplit("/", 1)[0]
    altered = [
        f"{second.rsplit('/', 1)[1].split('-')[0]}-{ends}-{digest}",  # another's registration
        f"{ident}-{ends[:-1]}{'y' if ends[-1] == 'z' else 'z'}-{digest}",  # another end
        f"{ident}-{ends}-{digest[:-1]}{'A' if digest[-1] != 'A' else 'B'}",
        f"{ident}-{ends}-{digest[:-1]}",
        f"0{ident}-{ends}-{digest}",
        f"{ident.upper()}A-{ends}-{digest}",
        f"{ident}-{ends}-{'A' * 32}",
        f"zzzzzzzzzzzzz-{ends}-{digest}",
        f"{ident}-zzzzzzzz-{digest}",
        digest,
        "%00", "..%2f", "<script>", "{token}", "%F0%9F%92%A9",
    ]  # fmt: skip

    for token in altered:
        for answer in (
            httpx.get(f"{base}/{token}"),
            httpx.post(f"{base}/{token}"),
            httpx.get(f"{base}/{token}/file"),
        ):
            assert answer.status_code in {404, 422}, token
            assert "<script" not in answer.text and number not in answer.text
    assert state(door, number) == state(door, other) == "未领证"


def test_a_link_that_has_ended_takes_nothing(door: Door) -> None:
    number = approve(door)
    token = _ending(door.plant, number, timedelta(seconds=-1))

    for answer in (
        httpx.get(f"{door.url}/collect/{token}"),
        httpx.post(f"{door.url}/collect/{token}"),
        httpx.get(f"{door.url}/collect/{token}/file"),
    ):
        assert answer.status_code == 409
        assert "已过期" in answer.text

    assert state(door, number) == "未领证"


def test_a_link_of_another_installation_leads_nowhere(door: Door) -> None:
    """Its keys are others, so is its digest."""
    number = approve(door)
    token = link(door, number).rsplit("/", 1)[1]
    about = "-".join(token.split("-")[:2])
    theirs = urlsafe_b64encode(b"another vault's digest..").decode()

    assert httpx.post(f"{door.url}/collect/{about}-{theirs}").status_code == 404


def test_a_link_that_lives_on_shows_what_became_of_the_registration(door: Door) -> None:
    seed = next(door.seeds)
    url = link(door, approve(door, seed))
    accepted(hand_in(door.city, specimen.cancelled(seed)))

    looked, taken = httpx.get(url), httpx.post(url)

    assert ">领证</a>" not in looked.text
    assert taken.status_code == 409
    assert "certfactory" not in taken.text
    assert f'href="{httpx.URL(url).path}">返回' in taken.text


def test_whoever_was_given_a_link_is_in_the_audit_by_key_and_never_by_name(door: Door) -> None:
    issued = door.issue()
    number = approve(door)
    door.client(issued.token).post(f"/v1/registrations/{number}/links", json=COLLECTION)

    with door.plant.ledger.read() as tx:
        found = status.by_number(tx, number)
        [given] = [
            each
            for each in audit.of(tx, "registration", found.id)
            if each.action == "collection link given"
        ]
    assert given.who == f"key:{issued.kept.key}"


@pytest.mark.parametrize("viewer", ["enterprise", "nobody"])
def test_an_enterprise_is_given_no_link_to_collect_for_its_people(door: Door, viewer: str) -> None:
    number = approve(door)
    asked = {"viewer": viewer, "credit_code": specimen.credit_code(1)}

    answer = door.city.post(
        f"/v1/registrations/{number}/links", json=COLLECTION | {"on_behalf_of": asked}
    )

    assert answer.status_code == (403 if viewer == "enterprise" else 422)


def test_a_holder_is_given_a_link_to_their_own_alone(door: Door) -> None:
    seed = next(door.seeds)
    number, other = approve(door, seed), approve(door)
    asked = {"viewer": "holder", **specimen.paper(seed)}

    own = door.city.post(
        f"/v1/registrations/{number}/links", json=COLLECTION | {"on_behalf_of": asked}
    )
    others = door.city.post(
        f"/v1/registrations/{other}/links", json=COLLECTION | {"on_behalf_of": asked}
    )

    assert (own.status_code, others.status_code) == (200, 403)


def applied(door: Door) -> tuple[str, str]:
    """Somebody who applied, signed and was approved: acceptance and registration numbers."""
    seed = next(door.seeds)
    application = number_of(saved(door, seed))
    for party in (Party.APPLICANT, Party.ENTERPRISE):
        sign(door, application, party)
    event = specimen.approved(seed)
    with door.plant.ledger.read() as tx:
        event["data"]["approved_on"] = door.plant.today(tx).isoformat()
    number = accepted(hand_in(door.city, event))["registration"]
    door.work()
    return application, str(number)


def _ending(plant: Plant, number: str, seconds: timedelta) -> str:
    """The token of a link that ends then."""
    other = copy.copy(plant)
    lifetime = int(seconds.total_seconds())
    other.settings = replace(plant.settings, collection_link_seconds=lifetime)
    return collecting.link(other, number, who=WHO).url.rsplit("/", 1)[1]
