"""What an upstream system does over HTTP: hand in, ask, give links, sign, rename."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest

from factory import specimen
from factory.events import EVENT_TYPES
from factory.model import Party
from jobs import outsiders
from tests.plants import JsonObject
from tests.portal.doors import (
    CITY,
    SCANS,
    Door,
    accepted,
    approve,
    hand_in,
    number_of,
    of,
    saved,
)

CHECK_PROOF = Path(__file__).parents[2] / "docs" / "check_proof.py"
BATCH, LINES = "application/cloudevents-batch+json", "application/x-ndjson"


def answered(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int) -> str:
    said = answered(answer, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert said["status"] == status and said["request"] == answer.headers["x-request-id"]
    return str(said["detail"])


def enterprise(seed: int) -> JsonObject:
    return {"viewer": "enterprise", "credit_code": specimen.credit_code(seed)}


def holder(seed: int) -> JsonObject:
    return {"viewer": "holder", **specimen.paper(seed)}


# --- events -----------------------------------------------------------------------------------


def test_an_event_is_taken_and_told_of(door: Door) -> None:
    event = specimen.approved(next(door.seeds))

    outcome = accepted(hand_in(door.city, event))

    found = answered(door.city.get(f"/v1/events/{event['id']}"))
    assert (found["source"], found["type"], found["state"]) == (CITY, event["type"], "accepted")
    assert [each["number"] for each in found["registrations"]] == [outcome["registration"]]


def test_an_event_handed_in_again_changes_nothing(door: Door) -> None:
    event = specimen.approved(next(door.seeds))
    first = accepted(hand_in(door.city, event))

    again = answered(hand_in(door.city, event), 202)

    assert again["counts"] == {"accepted": 0, "held": 0, "duplicate": 1, "refused": 0}
    assert again["outcomes"][0]["registration"] == first["registration"]


def test_the_same_id_with_other_content_is_refused(door: Door) -> None:
    event = specimen.approved(next(door.seeds))
    accepted(hand_in(door.city, event))
    event["data"]["enterprise"]["name"] = "上海示例另建设工程有限公司"

    said = refused(hand_in(door.city, event), 422)

    assert "was accepted before with other content" in said


@pytest.mark.parametrize("kind", [BATCH, LINES])
def test_of_many_events_each_is_told_for_itself(door: Door, kind: str) -> None:
    one, other = (of(CITY, specimen.approved(next(door.seeds))) for _ in range(2))
    wrong = of(CITY, specimen.approved(next(door.seeds)))
    wrong["data"]["holder"]["birth_date"] = "1990-02-30"
    events = [one, wrong, other, one]
    body = json.dumps(events) if kind == BATCH else "\n".join(map(json.dumps, events))

    said = answered(door.city.post("/v1/events", content=body, headers={"Content-Type": kind}), 202)

    assert said["counts"] == {"accepted": 2, "held": 0, "duplicate": 1, "refused": 1}
    assert [each["status"] for each in said["outcomes"]] == [
        "accepted", "refused", "accepted", "duplicate",
    ]  # fmt: skip
    assert [each["place"] for each in said["outcomes"]] == [1, 2, 3, 4]
    assert said["outcomes"][1]["problems"][0]["field"] == "data.holder.birth_date"


def test_one_event_that_is_refused_says_every_field_and_its_rule(door: Door) -> None:
    event = specimen.approved(next(door.seeds))
    event["data"]["holder"]["birth_date"] = "1990-02-30"
    del event["data"]["enterprise"]

    said = answered(hand_in(door.city, event), 422)

    assert {each["field"] for each in said["problems"]} >= {
        "data.holder.birth_date",
        "data.enterprise",
    }
    assert said["title"] and said["type"].startswith("urn:certfactory:problem:")


def test_an_event_that_waits_for_another_is_held_and_says_for_what(door: Door) -> None:
    event = specimen.cancelled(next(door.seeds))

    said = answered(hand_in(door.city, event), 202)

    assert said["counts"]["held"] == 1
    assert said["outcomes"][0]["hold"] and said["outcomes"][0]["reason"]
    found = answered(door.city.get(f"/v1/events/{event['id']}"))
    assert found["state"] == "held" and found["holds"][0]["detail"]


def test_an_event_nobody_handed_in_is_not_found(door: Door) -> None:
    said = refused(door.city.get("/v1/events/none"), 404)

    assert said == "event: there is no such event"


def test_a_signed_event_is_not_taken_on_its_word(door: Door) -> None:
    seed = next(door.seeds)
    saved(door, seed)

    assert "evidence" in refused(hand_in(door.city, specimen.signed(seed)), 422)


# --- registrations ----------------------------------------------------------------------------


def test_a_registration_is_made_collected_and_downloaded(door: Door) -> None:
    number = approve(door)
    found = answered(door.city.get(f"/v1/registrations/{number}"))
    assert found["editions"][-1]["stand"]["label"] == "未领证"

    links = f"/v1/registrations/{number}/links"
    assert "未领证" in refused(door.city.post(links, json={"kind": "certificate"}), 409)
    taken = answered(door.city.post(f"/v1/registrations/{number}/collection", json={}))
    given = answered(door.city.post(links, json={"kind": "certificate"}))

    assert taken["editions"][-1]["stand"]["label"] == "已领证"
    assert (given["edition"], given["format"]) == (1, "pdf")
    assert httpx.get(given["url"]).content.startswith(b"%PDF-")


def test_a_holder_collects_and_downloads_their_own_and_nobody_elses(door: Door) -> None:
    seed, stranger = next(door.seeds), next(door.seeds)
    number = approve(door, seed)
    collection, links = (
        f"/v1/registrations/{number}/collection",
        f"/v1/registrations/{number}/links",
    )
    own, other = ({"on_behalf_of": holder(each)} for each in (seed, stranger))

    assert refused(door.city.post(collection, json=other), 403)
    answered(door.city.post(collection, json=own))
    assert refused(door.city.post(links, json={"kind": "certificate", **other}), 403)
    answered(door.city.post(links, json={"kind": "certificate", **own}))


def test_an_enterprise_collects_for_nobody_and_gets_files_as_the_register_says(door: Door) -> None:
    number = approve(door, enterprise=2)
    asked = {"on_behalf_of": enterprise(2)}

    said = refused(door.city.post(f"/v1/registrations/{number}/collection", json=asked), 403)
    files = refused(
        door.city.post(f"/v1/registrations/{number}/links", json={"kind": "certificate", **asked}),
        403,
    )

    assert "is the holder's own affair" in said
    assert "sees whether it is collected, and gets no file" in files


def test_what_is_no_identity_paper_is_refused_without_repeating_it(door: Door) -> None:
    asked = {"on_behalf_of": {"viewer": "holder", "id_number": "11010119900101\n1237"}}

    answer = door.city.post(f"/v1/registrations/{approve(door)}/collection", json=asked)

    assert "GB/T 36903" in refused(answer, 422)
    assert "110101" not in answer.text


def test_an_edition_or_format_that_is_not_there_is_not_found(door: Door) -> None:
    number = approve(door)
    answered(door.city.post(f"/v1/registrations/{number}/collection", json={}))
    links = f"/v1/registrations/{number}/links"

    for asked in ({"edition": 7}, {"format": "ofd"}):
        assert refused(door.city.post(links, json={"kind": "certificate", **asked}), 404)


# --- applications -----------------------------------------------------------------------------


def test_an_application_is_shown_with_its_form_which_is_downloaded(door: Door) -> None:
    number = number_of(saved(door))

    [found] = answered(door.city.get(f"/v1/applications/{number}"))
    given = answered(
        door.city.post(f"/v1/applications/{number}/links", json={"kind": "application_form"})
    )

    assert found["stand"]["label"] == "待个人签名"
    assert [each["kind"] for each in found["documents"]] == ["application_form"]
    assert httpx.get(given["url"]).content.startswith(b"%PDF-")


def test_a_form_is_given_to_its_parties_and_to_no_others(door: Door) -> None:
    seed = next(door.seeds)
    number = number_of(saved(door, seed, enterprise=3))
    asked = {"kind": "application_form"}
    links = f"/v1/applications/{number}/links"

    for party in (holder(seed), enterprise(3)):
        answered(door.city.post(links, json=asked | {"on_behalf_of": party}))
    for stranger in (holder(seed + 1), enterprise(4)):
        assert refused(door.city.post(links, json=asked | {"on_behalf_of": stranger}), 403)


def test_a_material_is_given_back_as_it_was_handed_in(door: Door) -> None:
    seed = next(door.seeds)
    application = specimen.saved(seed)
    application["data"]["profile"] = SCANS
    accepted(hand_in(door.city, application))
    accepted(hand_in(door.city, specimen.attached(seed)))
    number = specimen.acceptance_number(seed)

    answer = door.city.get(f"/v1/applications/{number}/materials/signed_form")

    assert answer.status_code == 200
    assert answer.content == specimen.scan(specimen.SCAN_TEXT)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert refused(door.city.get(f"/v1/applications/{number}/materials/none"), 404)


def test_both_parties_sign_over_http_and_the_application_is_accepted(door: Door) -> None:
    seed = next(door.seeds)
    number = number_of(saved(door, seed, enterprise=5))
    parties = {Party.APPLICANT: holder(seed), Party.ENTERPRISE: enterprise(5)}

    for party, asked in parties.items():
        signer = outsiders.party_of(door.plant, number, party)
        prepared = prepare(door, number, party, signer.chain_pem.decode(), on_behalf_of=asked)
        value = b64encode(signer.sign(b64decode(prepared["signed_attributes"]))).decode()
        outcome = answered(complete(door, prepared, value=value))
        assert outcome["status"] == "accepted"
        again = answered(complete(door, prepared, value=value))
        assert again["status"] == "duplicate"

    [found] = answered(door.city.get(f"/v1/applications/{number}"))
    assert found["stand"]["label"] == "已受理"
    assert [each["party"] for each in found["signatures"]] == ["applicant", "enterprise"]
    form = next(each for each in found["documents"] if each["kind"] == "application_form")
    assert [each["signatures"] for each in form["files"]] == [0, 1, 2]


def test_a_finished_cms_is_taken_too(door: Door) -> None:
    number = number_of(saved(door))
    signer = outsiders.party_of(door.plant, number, Party.APPLICANT)
    prepared = prepare(door, number, Party.APPLICANT, content=True)

    cms = b64encode(signer.cms(b64decode(prepared["content"]))).decode()

    assert prepared["signed_attributes"] is None
    assert answered(complete(door, prepared, cms=cms))["status"] == "accepted"


def test_anothers_signature_is_not_taken_and_the_form_can_still_be_signed(door: Door) -> None:
    number = number_of(saved(door))
    signer = outsiders.party_of(door.plant, number, Party.APPLICANT)
    other = outsiders.party_of(door.plant, number, Party.APPLICANT)
    prepared = prepare(door, number, Party.APPLICANT, signer.chain_pem.decode())
    over = b64decode(prepared["signed_attributes"])

    for wrong in (other.sign(over), signer.sign(over + b" "), b"\0"):
        value = b64encode(wrong).decode()
        assert answered(complete(door, prepared, value=value), 422)["problems"]
    right = b64encode(signer.sign(over)).decode()

    assert answered(complete(door, prepared, value=right))["status"] == "accepted"


def test_a_party_prepares_for_itself_alone(door: Door) -> None:
    seed = next(door.seeds)
    number = number_of(saved(door, seed, enterprise=6))
    path = f"/v1/applications/{number}/preparations"

    for party, asked in (("enterprise", holder(seed)), ("applicant", enterprise(6)),
                         ("applicant", holder(seed + 1))):  # fmt: skip
        assert refused(door.city.post(path, json={"party": party, "on_behalf_of": asked}), 403)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 422),
        ({"value": "AAAA", "cms": "AAAA"}, 422),
        ({"value": "not base64!"}, 422),
        ({"value": "A" * 2_000_000}, 422),
    ],
)
def test_a_signature_is_one_of_both_and_in_base64(
    door: Door, asked: JsonObject, status: int
) -> None:
    assert refused(door.city.post(f"/v1/preparations/{'0' * 32}/signature", json=asked), status)


@pytest.mark.parametrize(
    "certificate", ["", "none", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_certificate_is_refused(door: Door, certificate: str) -> None:
    number = number_of(saved(door))
    asked = {"party": "applicant", "certificate": certificate}

    answer = door.city.post(f"/v1/applications/{number}/preparations", json=asked)

    assert refused(answer, 422)
    assert "AAAA" not in answer.text


def prepare(
    door: Door, number: str, party: Party, certificate: str | None = None, **how: Any
) -> JsonObject:
    asked = {"party": party.value, "certificate": certificate, **how}
    said = answered(door.city.post(f"/v1/applications/{number}/preparations", json=asked), 201)
    return dict(said)


def complete(door: Door, prepared: JsonObject, **signature: str) -> httpx.Response:
    return door.city.post(f"/v1/preparations/{prepared['token']}/signature", json=signature)


# --- batches ----------------------------------------------------------------------------------


def test_a_rename_is_previewed_confirmed_by_its_enterprise_made_and_proved(
    door: Door, tmp_path: Path
) -> None:
    seed = 81  # an enterprise of this story alone
    numbers = [approve(door, enterprise=seed) for _ in range(2)]
    answered(door.city.post(f"/v1/registrations/{numbers[0]}/collection", json={}))
    renamed = specimen.renamed(next(door.seeds), seed)

    batch = accepted(hand_in(door.city, renamed))["batch"]
    assert answered(hand_in(door.city, renamed), 202)["outcomes"][0]["batch"] == batch
    door.work()
    path = f"/v1/batches/{batch}"
    awaits = answered(door.city.get(path))
    assert (awaits["state"], awaits["owner"]) == ("awaiting_confirmation", "enterprise")

    preview = answered(door.city.get(f"{path}/preview"))
    assert (preview["to_make"], preview["to_hold"], len(preview["samples"])) == (2, 0, 1)
    assert b64decode(preview["samples"][0]["picture"]).startswith(b"\x89PNG")

    confirmation = {"reason": "法人一证通确认", "on_behalf_of": enterprise(seed)}
    stranger = confirmation | {"on_behalf_of": enterprise(seed + 1)}
    assert refused(door.city.post(f"{path}/confirmation", json=stranger), 403)
    answered(door.city.post(f"{path}/confirmation", json=confirmation))
    assert "is not waiting for confirmation" in refused(
        door.city.post(f"{path}/confirmation", json=confirmation), 409
    )
    door.work()

    made = answered(door.city.get(path))
    assert (made["state"], made["total"], made["done"]) == ("completed", 2, 2)
    report = door.city.get(f"{path}/report")
    assert report.headers["content-type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in report.text.splitlines()]
    assert sorted(row["registration"] for row in rows) == sorted(numbers)
    table = door.city.get(f"{path}/report?format=csv")
    assert len(table.text.splitlines()) == 3

    proof = tmp_path / "proof.json"
    proof.write_bytes(door.city.get(f"{path}/proofs/{numbers[0]}").content)
    words = (sys.executable, CHECK_PROOF, proof, "--root", made["merkle_root"])
    assert subprocess.run(words, check=False, capture_output=True).returncode == 0

    kinds = {each["kind"] for each in answered(door.city.get(f"{path}/documents"))}
    assert kinds == {"rename_list", "batch_report"}
    for kind in sorted(kinds):
        asked = {"kind": kind, "profile": "shanghai-constructor"}
        given = answered(door.city.post(f"{path}/links", json=asked))
        assert httpx.get(given["url"]).content.startswith(b"%PDF-")

    code = specimen.credit_code(seed)
    known = answered(door.city.get(f"/v1/enterprises/{code}?profile=shanghai-constructor"))
    [tally] = known["registers"][0]["renames"]
    assert (tally["batch"], tally["collected"], tally["due"]) == (batch, 0, 2)
    waiting = answered(door.city.get(f"/v1/enterprises/{code}/uncollected"))
    assert {each["registration"] for each in waiting} == set(numbers)
    answered(door.city.post(f"/v1/registrations/{numbers[1]}/collection", json={}))
    known = answered(door.city.get(f"/v1/enterprises/{code}?profile=shanghai-constructor"))
    assert known["registers"][0]["renames"][0]["collected"] == 1


def test_a_preview_tells_no_value_that_is_the_holders_own(door: Door) -> None:
    seed, person = 82, next(door.seeds)
    approve(door, person, enterprise=seed)
    batch = accepted(hand_in(door.city, specimen.renamed(next(door.seeds), seed)))["batch"]
    door.work()

    preview = door.city.get(f"/v1/batches/{batch}/preview")

    told = {
        **answered(preview),
        "samples": [{**s, "picture": ""} for s in preview.json()["samples"]],
    }
    known = specimen.holder(person)
    for value in (known["name"], known["id_number"], known["mobile"]):
        assert value not in json.dumps(told, ensure_ascii=False)


def test_a_batch_is_confirmed_by_nobody_but_an_enterprise(door: Door) -> None:
    path = "/v1/batches/1/confirmation"
    seed = next(door.seeds)

    for asked in ({"reason": "x"}, {"reason": "x", "on_behalf_of": holder(seed)},
                  {"reason": "", "on_behalf_of": enterprise(1)},
                  {"reason": "x\u202ey", "on_behalf_of": enterprise(1)}):  # fmt: skip
        assert refused(door.city.post(path, json=asked), 422)


def test_what_has_not_ended_has_no_proof_and_no_papers(door: Door) -> None:
    seed = 83
    number = approve(door, enterprise=seed)
    batch = accepted(hand_in(door.city, specimen.renamed(next(door.seeds), seed)))["batch"]
    door.work()
    path = f"/v1/batches/{batch}"

    assert refused(door.city.get(f"{path}/proofs/{number}"), 409)
    assert answered(door.city.get(f"{path}/documents")) == []
    assert refused(door.city.post(f"{path}/links", json={"kind": "batch_report"}), 404)


# --- enterprises ------------------------------------------------------------------------------


def test_an_enterprises_lists_follow_its_signature(door: Door) -> None:
    seed = 84
    event = saved(door, enterprise=seed)
    number, code = number_of(event), specimen.credit_code(seed)
    lists = f"/v1/enterprises/{code}/applications"
    assert answered(door.city.get(f"{lists}?which=awaiting")) == []

    sign(door, number, Party.APPLICANT)
    waiting = answered(door.city.get(f"{lists}?which=awaiting"))
    assert [each["application"] for each in waiting] == [number]
    assert answered(door.city.get(f"{lists}?which=confirmed")) == []

    sign(door, number, Party.ENTERPRISE)
    assert answered(door.city.get(f"{lists}?which=awaiting")) == []
    confirmed = answered(door.city.get(f"{lists}?which=confirmed"))
    assert [each["application"] for each in confirmed] == [number]
    assert refused(door.city.get(f"{lists}?which=other"), 422)
    assert refused(door.city.get(lists), 422)


def sign(door: Door, number: str, party: Party) -> None:
    signer = outsiders.party_of(door.plant, number, party)
    prepared = prepare(door, number, party, signer.chain_pem.decode())
    value = b64encode(signer.sign(b64decode(prepared["signed_attributes"]))).decode()
    assert answered(complete(door, prepared, value=value))["status"] == "accepted"


# --- what is open to everybody ----------------------------------------------------------------


def test_schemas_and_health_need_no_key(door: Door) -> None:
    client = door.client()

    assert answered(client.get("/livez"))["well"] is True
    ready = answered(client.get("/readyz"))
    assert ready["well"] is True and set(ready["parts"].values()) == {"well"}
    types = answered(client.get("/v1/schemas"))
    assert types == sorted(EVENT_TYPES)
    for name in types:
        schema = answered(client.get(f"/v1/schemas/{name}"))
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert answered(client.get("/v1/openapi.json"))["openapi"] == "3.1.0"
