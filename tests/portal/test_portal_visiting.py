"""The enterprise's page of a link: how its people stand, what waits for it, its renames."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import httpx
import pytest

from factory import specimen
from factory.model import Party
from jobs import desk, visiting
from storage.ledger import audit
from tests.plants import WHO
from tests.portal.doors import CITY, Door, accepted, approve, hand_in, number_of, saved
from tests.portal.test_portal_routes import sign

ENTERPRISE = {"kind": "enterprise"}


@pytest.fixture
def firm(door: Door) -> int:
    """An enterprise that only this test knows."""
    return next(door.seeds)


def link(door: Door, firm: int) -> str:
    code = specimen.credit_code(firm)
    answer = door.city.post(f"/v1/enterprises/{code}/links", json=ENTERPRISE)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def renamed(door: Door, firm: int) -> int:
    """A rename of it that is prepared; its batch."""
    accepted(hand_in(door.city, specimen.renamed(next(door.seeds), firm)))
    door.work()
    with door.plant.ledger.read() as tx:
        from storage.ledger import employers

        return int(employers.renames(tx, specimen.credit_code(firm))[-1].batch)


def told(answer: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def test_it_shows_how_the_people_stand_and_names_nobody(door: Door, firm: int) -> None:
    seed = next(door.seeds)
    number = approve(door, seed, firm)
    desk.collect(door.plant, approve(door, enterprise=firm), who=WHO)

    page = httpx.get(link(door, firm))

    assert page.status_code == 200
    assert "在本企业注册 2 人" in told(page)
    assert "未领证 1 人" in told(page) and "已领证 1 人" in told(page)
    assert specimen.approved(seed, firm)["data"]["holder"]["name"] not in page.text
    assert number not in page.text


def test_applications_are_listed_as_its_signature_is_awaited_and_given(
    door: Door, firm: int
) -> None:
    number = number_of(saved(door, enterprise=firm))
    approve(door, enterprise=firm)
    url = link(door, firm)
    assert number not in httpx.get(url).text

    sign(door, number, Party.APPLICANT)
    waiting, confirmed = httpx.get(url).text.split("企业已确认的申请")
    assert number in waiting and number not in confirmed

    sign(door, number, Party.ENTERPRISE)
    waiting, confirmed = httpx.get(url).text.split("企业已确认的申请")
    assert number in confirmed and number not in waiting


def test_the_enterprise_confirms_its_rename_and_sees_how_far_it_is(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    batch, url = renamed(door, firm), link(door, firm)

    page = httpx.get(url)
    assert "企业更名待确认" in page.text and "确认更名" in page.text
    assert "涉及 1 份证书：换发 1 份。" in told(page)

    answer = httpx.post(f"{url}/batches/{batch}")
    assert (answer.status_code, answer.headers["location"]) == (303, httpx.URL(url).path)
    door.work()

    assert "已领证 0 人，应领证 1 人" in told(httpx.get(url))
    assert "确认更名" not in httpx.get(url).text


def test_a_sample_shows_the_new_name_and_nobody_of_the_enterprise(door: Door, firm: int) -> None:
    seed = next(door.seeds)
    number = approve(door, seed, firm)
    batch, url = renamed(door, firm), link(door, firm)
    [path] = re.findall(r'<img src="([^"]*)"', httpx.get(url).text)

    answer = httpx.get(f"{door.url}{path}")

    assert answer.headers["content-type"] == "image/png"
    assert answer.content == visiting.sample(
        door.plant, url.rsplit("/", 1)[1], batch, path.rsplit("/", 1)[1].removesuffix(".png")
    )
    assert number not in path


@pytest.mark.parametrize("which", ["another's rename", "another register", "confirmed", "none"])
def test_a_sample_is_of_a_rename_that_waits_for_the_enterprise(
    door: Door, firm: int, which: str
) -> None:
    other = next(door.seeds)
    approve(door, enterprise=firm)
    approve(door, enterprise=other)
    batch, url = renamed(door, firm), link(door, firm)
    theirs = renamed(door, other)
    path = {"another's rename": f"{theirs}/samples/shanghai-constructor.png"}.get(
        which, f"{batch}/samples/shanghai-constructor.png"
    )
    assert httpx.get(f"{url}/batches/{batch}/samples/shanghai-constructor.png").status_code == 200
    if which == "another register":
        path = f"{batch}/samples/gansu-constructor.png"
    elif which == "none":
        path = "999999/samples/shanghai-constructor.png"
    elif which == "confirmed":
        httpx.post(f"{url}/batches/{batch}")

    assert httpx.get(f"{url}/batches/{path}").status_code == (409 if which == "confirmed" else 404)


def test_a_finished_rename_is_told_with_its_figures(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    batch, url = renamed(door, firm), link(door, firm)
    httpx.post(f"{url}/batches/{batch}")
    door.work()

    page = told(httpx.get(url))

    assert "企业更名：已完成" in page and "换发 1 份。" in page


def test_it_is_asked_once_more_before_a_rename_takes_effect(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    batch, url = renamed(door, firm), link(door, firm)
    assert f'href="{httpx.URL(url).path}/batches/{batch}">确认更名' in httpx.get(url).text

    page = httpx.get(f"{url}/batches/{batch}")

    assert page.status_code == 200
    assert "换发证书 1 份" in told(page) and "确认后不能在本页撤回" in told(page)
    assert "<button>确认</button>" in page.text


@pytest.mark.parametrize(("which", "status"), [("theirs", 404), ("none", 404), ("done", 409)])
def test_what_does_not_wait_for_the_enterprise_is_not_asked(
    door: Door, firm: int, which: str, status: int
) -> None:
    other = next(door.seeds)
    approve(door, enterprise=firm)
    approve(door, enterprise=other)
    batch, url = renamed(door, firm), link(door, firm)
    number = {"theirs": renamed(door, other), "none": 999_999}.get(which, batch)
    if which == "done":
        httpx.post(f"{url}/batches/{batch}")

    page = httpx.get(f"{url}/batches/{number}")

    assert page.status_code == status
    assert f'href="{httpx.URL(url).path}">返回' in page.text


def test_a_page_that_follows_a_rename_learns_when_it_got_further(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    batch, url = renamed(door, firm), link(door, firm)
    httpx.post(f"{url}/batches/{batch}")
    shown = re.findall(r'data-now="([^"]*)"', httpx.get(url).text)
    assert shown == [httpx.get(f"{url}/state").json()["state"]]

    door.work()

    assert httpx.get(f"{url}/state").json() == {"state": ""}
    assert "data-now" not in httpx.get(url).text


def test_the_applicant_is_named_while_the_enterprise_has_to_sign(door: Door, firm: int) -> None:
    event = saved(door, enterprise=firm)
    approve(door, enterprise=firm)
    name = event["data"]["holder"]["name"]
    assert name not in httpx.get(link(door, firm)).text

    sign(door, number_of(event), Party.APPLICANT)
    assert name in httpx.get(link(door, firm)).text

    sign(door, number_of(event), Party.ENTERPRISE)
    assert name not in httpx.get(link(door, firm)).text


def test_looking_confirms_nothing(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    batch, url = renamed(door, firm), link(door, firm)

    assert httpx.get(f"{url}/batches/{batch}").status_code == 200
    assert "企业更名待确认" in httpx.get(url).text


def test_a_page_of_somebody_else_confirms_nothing(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    batch, url = renamed(door, firm), link(door, firm)

    answer = httpx.post(f"{url}/batches/{batch}", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "企业更名待确认" in httpx.get(url).text


def test_another_enterprises_rename_is_not_to_be_confirmed(door: Door, firm: int) -> None:
    other = next(door.seeds)
    approve(door, enterprise=firm)
    approve(door, enterprise=other)
    batch = renamed(door, other)

    answer = httpx.post(f"{link(door, firm)}/batches/{batch}")

    none = httpx.post(f"{link(door, firm)}/batches/999999")
    assert (answer.status_code, told(answer)) == (404, told(none))
    assert "企业更名待确认" in httpx.get(link(door, other)).text


def test_confirming_twice_says_how_it_stands(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    batch, url = renamed(door, firm), link(door, firm)
    httpx.post(f"{url}/batches/{batch}")

    assert httpx.post(f"{url}/batches/{batch}").status_code == 409


def test_no_certificate_is_to_be_had_there(door: Door, firm: int) -> None:
    desk.collect(door.plant, approve(door, enterprise=firm), who=WHO)

    page = httpx.get(link(door, firm))

    assert "/file" not in page.text and "href" not in page.text.split("<main", 1)[1]


def test_an_enterprise_that_no_register_knows_gets_no_link(door: Door) -> None:
    code = specimen.credit_code(next(door.seeds))

    assert door.city.post(f"/v1/enterprises/{code}/links", json=ENTERPRISE).status_code == 404


def test_a_key_of_other_registers_gets_a_link_to_those_alone(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    code = specimen.credit_code(firm)

    assert door.plateau.post(f"/v1/enterprises/{code}/links", json=ENTERPRISE).status_code == 404
    assert door.narrow.post(f"/v1/enterprises/{code}/links", json=ENTERPRISE).status_code == 404


@pytest.mark.parametrize("change", ["about", "ends", "digest", "none"])
def test_an_altered_link_leads_nowhere(door: Door, firm: int, change: str) -> None:
    approve(door, enterprise=firm)
    other = next(door.seeds)
    approve(door, enterprise=other)
    base, ticket = link(door, firm).rsplit("/", 1)
    about, ends, digest = ticket.split("-", 2)
    altered = {
        "about": f"{link(door, other).rsplit('/', 1)[1].split('-')[0]}-{ends}-{digest}",
        "ends": f"{about}-{ends[:-1]}{'y' if ends[-1] == 'z' else 'z'}-{digest}",
        "digest": f"{about}-{ends}-{digest[:-1]}{'B' if digest[-1] == 'A' else 'A'}",
        "none": "nothing",
    }

    for answer in (
        httpx.get(f"{base}/{altered[change]}"),
        httpx.post(f"{base}/{altered[change]}/batches/1"),
    ):
        assert (answer.status_code, "链接无效" in answer.text) == (404, True)


def test_a_holders_link_is_none_of_an_enterprise(door: Door, firm: int) -> None:
    number = approve(door, enterprise=firm)
    url = door.city.post(f"/v1/registrations/{number}/links", json={"kind": "collection"}).json()[
        "url"
    ]

    assert httpx.get(url.replace("/collect/", "/enterprise/")).status_code == 404
    assert httpx.get(link(door, firm).replace("/enterprise/", "/collect/")).status_code in {
        404,
        422,
    }


def test_a_rename_that_there_is_not_is_told_from_a_link_that_is_none(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    url = link(door, firm)

    gone = httpx.post(f"{url}/batches/999999")
    forged = httpx.post(f"{url[:-1]}{'A' if url[-1] != 'A' else 'B'}/batches/999999")

    assert (gone.status_code, "没有这项更名" in gone.text) == (404, True)
    assert (forged.status_code, "链接无效" in forged.text) == (404, True)


def test_a_link_that_has_ended_says_so(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    other = copy.copy(door.plant)
    other.settings = replace(door.plant.settings, collection_link_seconds=-1)
    url = visiting.link(other, specimen.credit_code(firm), who=WHO).url

    answer = httpx.get(url)

    assert (answer.status_code, "链接已过期" in answer.text) == (409, True)


def test_whoever_was_given_a_link_is_in_the_audit(door: Door, firm: int) -> None:
    approve(door, enterprise=firm)
    issued = door.issue(CITY)
    code = specimen.credit_code(firm)
    door.client(issued.token).post(f"/v1/enterprises/{code}/links", json=ENTERPRISE)

    with door.plant.ledger.read() as tx:
        [given] = audit.of(tx, "enterprise", code)
    assert (given.action, given.who) == ("enterprise link given", f"key:{issued.kept.key}")
