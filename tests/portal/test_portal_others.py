"""What is another's is not there: the same status and the same words as for what does not exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from factory import specimen
from factory.model import Party
from jobs import outsiders
from tests.portal.doors import (
    CITY,
    FIRST,
    PLATEAU,
    THIRD,
    Door,
    accepted,
    approve,
    hand_in,
    number_of,
    of,
    saved,
)

EMPLOYER, RENAMED = 71, 73  #: whom no other test names
CODE = specimen.credit_code(EMPLOYER)
NOBODY = "91310000MA0000000X"
ASKED = {"viewer": "enterprise", "credit_code": CODE}


@dataclass(frozen=True, kw_only=True)
class Theirs:
    """What an upstream system has in one register, and what is written as it and does not exist."""

    door: Door
    event: str
    registration: str
    application: str
    material: str
    token: str
    batch: int

    @property
    def names(self) -> dict[str, tuple[str, str]]:
        """By what it is: theirs, and nobody's."""
        return {
            "event": (self.event, "specimen-nobody-has"),
            "registration": (self.registration, "沪2319999202499999"),
            "application": (self.application, "W999999999999999999"),
            "material": (self.material, self.material),
            "token": (self.token, "0" * len(self.token)),
            "batch": (str(self.batch), "999999"),
            "code": (CODE, NOBODY),
        }


@pytest.fixture(scope="module")
def theirs(door: Door) -> Theirs:
    """An application, a registration and a rename of a city's register."""
    seed = next(door.seeds)
    event = saved(door, seed, EMPLOYER)
    number = number_of(event)
    signer = outsiders.party_of(door.plant, number, Party.APPLICANT)
    chain = signer.chain_pem.decode()
    prepared = door.city.post(
        f"/v1/applications/{number}/preparations",
        json={"party": "applicant", "certificate": chain},
    )
    assert prepared.status_code == 201, prepared.text
    registration = approve(door, enterprise=EMPLOYER)
    renamed = accepted(hand_in(door.city, specimen.renamed(next(door.seeds), RENAMED)))
    door.work()
    return Theirs(
        door=door,
        event=event["id"],
        registration=registration,
        application=number,
        material="identity",
        token=prepared.json()["token"],
        batch=renamed["batch"],
    )


Ask = Callable[[httpx.Client, Callable[[str], str]], httpx.Response]


def _get(path: str) -> Ask:
    return lambda client, name: client.get(path.format_map(_Names(name)))


def _post(path: str, **body: Any) -> Ask:
    return lambda client, name: client.post(path.format_map(_Names(name)), json=body)


class _Names(dict[str, str]):
    def __init__(self, name: Callable[[str], str]) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, key: str) -> str:
        return self._name(key)


CERTIFICATE, PAGE = {"kind": "certificate"}, {"kind": "collection"}
ASKS: dict[str, Ask] = {
    "event": _get("/v1/events/{event}"),
    "registration": _get("/v1/registrations/{registration}"),
    "collecting": _post("/v1/registrations/{registration}/collection"),
    "collecting for": _post("/v1/registrations/{registration}/collection", on_behalf_of=ASKED),
    "certificate": _post("/v1/registrations/{registration}/links", **CERTIFICATE),
    "certificate for": _post(
        "/v1/registrations/{registration}/links", **CERTIFICATE, on_behalf_of=ASKED
    ),
    "collection link": _post("/v1/registrations/{registration}/links", **PAGE),
    "application": _get("/v1/applications/{application}"),
    "material": _get("/v1/applications/{application}/materials/{material}"),
    "form": _post("/v1/applications/{application}/links", kind="application_form"),
    "form for": _post(
        "/v1/applications/{application}/links", kind="application_form", on_behalf_of=ASKED
    ),
    "form in": _post(
        "/v1/applications/{application}/links", kind="application_form", profile=FIRST
    ),
    "slip": _post("/v1/applications/{application}/links", kind="filing_slip"),
    "preparing": _post("/v1/applications/{application}/preparations", party="enterprise"),
    "preparing for": _post(
        "/v1/applications/{application}/preparations", party="enterprise", on_behalf_of=ASKED
    ),
    "signature": _post("/v1/preparations/{token}/signature", value="AAAA"),
    "batch": _get("/v1/batches/{batch}"),
    "preview": _get("/v1/batches/{batch}/preview"),
    "confirming": _post("/v1/batches/{batch}/confirmation", reason="x", on_behalf_of=ASKED),
    "report": _get("/v1/batches/{batch}/report"),
    "papers": _get("/v1/batches/{batch}/documents"),
    "list": _post("/v1/batches/{batch}/links", kind="rename_list"),
    "proof": _get("/v1/batches/{batch}/proofs/{registration}"),
    "enterprise": _get("/v1/enterprises/{code}"),
    "enterprise in": _get("/v1/enterprises/{code}?profile=" + FIRST),
    "uncollected": _get("/v1/enterprises/{code}/uncollected"),
    "uncollected in": _get("/v1/enterprises/{code}/uncollected?profile=" + FIRST),
    "lists": _get("/v1/enterprises/{code}/applications?which=awaiting"),
    "lists in": _get("/v1/enterprises/{code}/applications?which=awaiting&profile=" + FIRST),
}


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize("stranger", ["plateau", "narrow"])
def test_what_is_anothers_is_not_there(theirs: Theirs, stranger: str, what: str) -> None:
    client: httpx.Client = getattr(theirs.door, stranger)

    anothers = ASKS[what](client, lambda name: theirs.names[name][0])
    nobodys = ASKS[what](client, lambda name: theirs.names[name][1])

    assert anothers.status_code in ({200} if what == "lists" else {404}), anothers.text
    assert _said(anothers, theirs) == _said(nobodys, theirs)


def test_all_of_it_is_there_for_whose_it_is(theirs: Theirs) -> None:
    """Or the test above would say nothing."""
    looks = [what for what in ASKS if what not in {"collecting", "signature", "confirming"}]
    found = {
        what: ASKS[what](theirs.door.city, lambda name: theirs.names[name][0]).status_code
        for what in looks
    }

    nowhere = {what for what, status in found.items() if status == 404}
    assert nowhere == {"slip", "list", "material"}  # not handed in, not ended, none brought


def test_a_rename_is_not_there_for_a_key_for_some_of_its_registers(theirs: Theirs) -> None:
    event = of(CITY, specimen.renamed(next(theirs.door.seeds), 74))
    accepted(hand_in(theirs.door.city, event))

    assert theirs.door.city.get(f"/v1/events/{event['id']}").status_code == 200
    assert theirs.door.narrow.get(f"/v1/events/{event['id']}").status_code == 404


def test_no_list_of_batches_shows_anothers(theirs: Theirs) -> None:
    for client in (theirs.door.plateau, theirs.door.narrow):
        assert theirs.batch not in {each["id"] for each in client.get("/v1/batches").json()}
    assert theirs.batch in {each["id"] for each in theirs.door.city.get("/v1/batches").json()}


def test_nothing_is_handed_in_in_anothers_name(door: Door) -> None:
    event = specimen.approved(next(door.seeds))

    answer = hand_in(door.city, event, source=PLATEAU)

    assert answer.status_code == 422
    assert answer.json()["problems"][0]["field"] == "source"
    assert "is not the source that the key is for" in answer.json()["detail"]


def test_nothing_is_handed_in_for_a_register_that_is_not_granted(door: Door) -> None:
    event = specimen.approved(next(door.seeds))
    event["data"]["profile"] = THIRD

    answer = hand_in(door.city, event)

    assert answer.status_code == 422
    assert f"may not submit for {THIRD}" in answer.json()["detail"]


def test_nothing_is_handed_in_for_a_register_the_key_is_not_for(door: Door) -> None:
    answer = hand_in(door.narrow, specimen.approved(next(door.seeds)))

    assert answer.status_code == 422
    assert answer.json()["problems"] == [
        {"field": "data.profile", "rule": f"the key is not for {FIRST} (access key)"}
    ]


def test_a_key_for_some_registers_of_its_source_renames_nobody(door: Door) -> None:
    before = door.city.get("/v1/batches").json()

    answer = hand_in(door.narrow, specimen.renamed(next(door.seeds), 72))

    assert answer.status_code == 422
    assert "the access key is for some of them alone" in answer.json()["detail"]
    assert len(door.city.get("/v1/batches").json()) == len(before)


def test_two_sources_may_say_an_event_of_the_same_id_and_each_sees_its_own(door: Door) -> None:
    event = specimen.saved(next(door.seeds))
    accepted(hand_in(door.city, event))

    assert door.plateau.get(f"/v1/events/{event['id']}").status_code == 404
    assert door.city.get(f"/v1/events/{event['id']}").json()["source"] == CITY


def _said(answer: httpx.Response, theirs: Theirs) -> dict[str, Any] | list[Any]:
    """The answer, without what it repeats of the address, and its own number."""
    if answer.status_code < 400:
        return list(answer.json())
    said = dict(answer.json())
    for names in theirs.names.values():
        for name in names:
            said["detail"] = said["detail"].replace(name, "…")
    return said | {"request": ""}
