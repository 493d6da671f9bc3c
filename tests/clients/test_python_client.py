"""The Python client, against a whole factory with real workers."""

import ast
import dataclasses
import hashlib
import hmac
import json
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import certfactory_client
import httpx
import pytest
from certfactory_client import (
    Client,
    ConflictError,
    DamagedError,
    ForbiddenError,
    ForEnterprise,
    ForHolder,
    NoAnswerError,
    NotFoundError,
    NoticeError,
    ProblemError,
    RefusedError,
    Retry,
    StillWaitingError,
    TooManyError,
    UnavailableError,
    UnrecognisedError,
    answers,
    verify_notice,
)
from certfactory_client.retrying import seconds_of
from standardwebhooks import Webhook

from tests.clients.conftest import ROOT, SOURCE, JsonObject, Running, example
from tests.clients.stumbling import LOST, stumbling

PACKAGE = Path(certfactory_client.__file__).parent
QUICK = Retry(tries=4, first=0.01, most=2.0)
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()


@pytest.fixture
def client(factory: Running) -> Iterator[Client]:
    with Client(factory.address, factory.key, retry=QUICK) as found:
        yield found


@pytest.fixture
def renaming(factory: Running) -> Iterator[Client]:
    """Of a source whose register lets enterprises confirm their renames."""
    with Client(factory.address, factory.rename_key, sign=True, retry=QUICK) as found:
        yield found


def issued(client: Client, seed: int, source: str | None = None) -> str:
    """A registration whose certificate is made."""
    outcome = client.submit(example("registration.approved", seed, source))
    assert outcome.status == "accepted" and outcome.registration, outcome
    client.wait_for_event(outcome.event)
    return outcome.registration


# --- what it is made of -----------------------------------------------------------------------


def test_it_imports_httpx_and_the_standard_library_alone() -> None:
    trees = [ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}

    roots = {name.partition(".")[0] for name in names}

    assert roots - set(sys.stdlib_module_names) == {"httpx", "certfactory_client"}


def test_it_can_be_imported_where_the_product_is_not(tmp_path: Path) -> None:
    code = (
        "import sys, certfactory_client\n"
        "ours = {'factory', 'storage', 'jobs', 'portal', 'cli'} & set(sys.modules)\n"
        "assert not ours, ours"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_it_is_written_in_the_python_it_promises() -> None:
    assert 'requires-python = ">=3.10"' in (PACKAGE.parents[1] / "pyproject.toml").read_text()
    for path in PACKAGE.rglob("*.py"):
        ast.parse(path.read_text("utf-8"), feature_version=(3, 10))


def _models() -> list[tuple[str, type]]:
    return [
        (name, kind)
        for name, kind in vars(answers).items()
        if dataclasses.is_dataclass(kind) and isinstance(kind, type) and name != "Item"
    ]


@pytest.fixture(scope="module")
def described() -> JsonObject:
    from portal.app import application

    schemas: JsonObject = application().openapi()["components"]["schemas"]
    return schemas


@pytest.mark.parametrize(("name", "kind"), _models(), ids=[name for name, _ in _models()])
def test_its_answers_are_those_of_the_description(
    described: JsonObject, name: str, kind: type
) -> None:
    said = described.get(f"{name}Shown") or described[name]

    assert list(get_type_hints(kind)) == list(said["properties"])


def test_it_has_a_method_for_every_address(described: JsonObject) -> None:
    from portal.app import application

    paths = {
        path.replace("{event_id:path}", "{event_id}")
        for path in application().openapi()["paths"]
        if path.startswith("/v1/")
    }
    source = (PACKAGE / "client.py").read_text("utf-8")

    asked = {word for path in paths for word in path.split("/")[2:] if not word.startswith("{")}

    assert {word for word in asked if word not in source} == set()


# --- the first certificate --------------------------------------------------------------------


@pytest.mark.parametrize("sign", [False, True], ids=["bearer", "signed"])
def test_from_an_event_to_the_certificate(factory: Running, seed: int, sign: bool) -> None:
    with Client(factory.address, factory.key, sign=sign, retry=QUICK) as client:
        number = issued(client, seed)

        found = client.collect(number)
        file = client.download(number)

    edition = found.editions[-1]
    assert edition.state == "collected" and edition.collected_at is not None
    assert file.startswith(b"%PDF-")
    assert hashlib.sha256(file).hexdigest() == edition.files[0].sha256


def test_a_certificate_that_nobody_collected_is_refused_with_the_reason(
    client: Client, seed: int
) -> None:
    number = issued(client, seed)

    with pytest.raises(ConflictError, match="未领证") as refused:
        client.download(number)

    assert (refused.value.status, refused.value.reason) == (409, "conflict")
    assert refused.value.request


def test_submitting_again_changes_nothing(client: Client, seed: int) -> None:
    event = example("registration.approved", seed)

    first, again = client.submit(event), client.submit(event)

    assert (first.status, again.status) == ("accepted", "duplicate")
    assert first.registration == again.registration


def test_what_is_refused_says_field_and_rule(client: Client, seed: int) -> None:
    event = example("registration.approved", seed)
    del event["data"]["holder"]["name"]

    with pytest.raises(RefusedError) as refused:
        client.submit(event)

    assert refused.value.problems == (("data.holder.name", "is missing"),)


def test_of_many_each_is_told_for_itself(client: Client, seed: int) -> None:
    event = example("registration.approved", seed)

    found = client.submit_many([event, {}, event])

    assert [(each.place, each.status) for each in found] == [
        (1, "accepted"), (2, "refused"), (3, "duplicate"),
    ]  # fmt: skip
    assert [each.status for each in client.submit_many([{}])] == ["refused"]
    assert client.submit_many([]) == []


def test_more_than_a_request_may_bring_are_handed_in_by_several(client: Client) -> None:
    found = client.submit_many({"id": f"n{n}"} for n in range(1001))

    assert [each.place for each in found] == list(range(1, 1002))


def test_an_event_may_be_asked_for_whatever_its_id_holds(client: Client, seed: int) -> None:
    event = example("registration.approved", seed) | {"id": f"urn:a/b c?{seed}#号%2F"}
    client.submit(event)

    assert client.event(event["id"]).id == event["id"]


def test_what_is_not_there_is_not_found(client: Client) -> None:
    for look in (
        lambda: client.event("nobody's"),
        lambda: client.registration("沪0000"),
        lambda: client.application("W0"),
        lambda: client.batch(10**6),
    ):
        with pytest.raises(NotFoundError):
            look()


def test_waiting_ends(client: Client, seed: int) -> None:
    outcome = client.submit(example("registration.approved", seed))

    with pytest.raises(StillWaitingError):
        client.wait_for_event(outcome.event, seconds=0)  # which no worker is as fast as

    client.wait_for_event(outcome.event)
    assert client.registration(outcome.registration or "").editions[-1].state == "uncollected"


def test_what_is_held_is_not_waited_for(client: Client, seed: int) -> None:
    event = example("registration.approved", seed)
    event["data"]["photo"] = {"content": "bm8="}

    outcome = client.submit(event)
    found = client.wait_for_event(outcome.event)

    assert [each.owner for each in found.holds] == ["upstream"]


# --- holders and enterprises ------------------------------------------------------------------


def test_the_holder_is_given_a_page_to_collect_on(client: Client, seed: int) -> None:
    number = issued(client, seed)

    link = client.collection_link(number)
    page = httpx.get(link.url)
    taken = httpx.post(link.url)

    assert ">领证</a>" in page.text and taken.status_code == 303
    assert client.registration(number).editions[-1].state == "collected"
    assert link.url not in repr(link)
    with pytest.raises(ValueError, match="page"):
        client.fetch(link)


def test_a_holder_gets_their_own_and_nobody_elses(client: Client, seed: int) -> None:
    number = issued(client, seed)
    own = example("registration.approved", seed)["data"]["holder"]["id_number"]
    other = example("registration.approved", seed + 5000)["data"]["holder"]["id_number"]

    with pytest.raises(ForbiddenError):
        client.collect(number, on_behalf_of=ForHolder(other))
    client.collect(number, on_behalf_of=ForHolder(own))

    assert client.download(number, on_behalf_of=ForHolder(own))
    assert own not in repr(ForHolder(own))


# --- a rename ---------------------------------------------------------------------------------


def test_an_enterprise_previews_and_confirms_its_rename(renaming: Client, seed: int) -> None:
    number = issued(renaming, seed, SOURCE)
    renaming.collect(number)
    event = example("enterprise.renamed", seed, SOURCE)
    firm = ForEnterprise(event["data"]["enterprise"]["credit_code"])

    batch = renaming.submit(event).batch
    assert batch is not None
    waits = renaming.wait_for_batch(batch)
    preview = renaming.preview(batch)
    renaming.confirm(batch, "更名通知书 2026-117", on_behalf_of=firm)
    done = renaming.wait_for_batch(batch)

    assert (waits.state, waits.owner) == ("awaiting_confirmation", "enterprise")
    assert preview.to_make == 1 and preview.samples[0].picture is not None
    assert preview.samples[0].picture.startswith(b"\x89PNG")
    assert (done.state, done.done) == ("completed", 1)
    [item] = renaming.report(batch)
    assert (item.registration, item.state, item.edition) == (number, "done", 2)
    assert list(renaming.report(batch, failed=True)) == []
    assert {each.id for each in renaming.batches()} >= {batch}

    [register] = renaming.enterprise(firm.credit_code).registers
    assert (register.renames[0].collected, register.renames[0].due) == (0, 1)
    assert [each.registration for each in renaming.uncollected(firm.credit_code)] == [number]
    renaming.collect(number)
    [register] = renaming.enterprise(firm.credit_code).registers
    assert (register.renames[0].collected, register.renames[0].due) == (1, 1)
    new = renaming.download(number)
    assert hashlib.sha256(new).hexdigest() == item.new["pdf"]

    kinds = {each.kind for each in _documents(renaming, batch)}
    assert kinds == {"rename_list", "batch_report"}
    assert renaming.fetch(renaming.batch_link(batch, "rename_list")).startswith(b"%PDF-")
    assert renaming.proof(batch, number)


def _documents(client: Client, batch: int) -> tuple[answers.Document, ...]:
    """Once they are made."""
    limit = time.monotonic() + 60
    while True:
        found = client.batch_documents(batch)
        if found and all(each.state == "live" for each in found):
            return found
        assert time.monotonic() < limit, found
        time.sleep(0.2)


def test_another_enterprise_cannot_confirm_it(renaming: Client, seed: int) -> None:
    issued(renaming, seed, SOURCE)
    batch = renaming.submit(example("enterprise.renamed", seed, SOURCE)).batch
    assert batch is not None
    renaming.wait_for_batch(batch)

    with pytest.raises(ForbiddenError, match="its enterprise confirms it"):
        renaming.confirm(batch, "x", on_behalf_of=ForEnterprise("91310000000000000X"))

    assert renaming.batch(batch).state == "awaiting_confirmation"


def test_a_confirmation_whose_answer_was_lost_is_not_asked_twice(
    factory: Running, renaming: Client, seed: int
) -> None:
    issued(renaming, seed, SOURCE)
    event = example("enterprise.renamed", seed, SOURCE)
    batch = renaming.submit(event).batch
    assert batch is not None
    renaming.wait_for_batch(batch)
    firm = ForEnterprise(event["data"]["enterprise"]["credit_code"])

    with stumbling(_root(factory), [LOST]) as proxy:
        lossy = Client(proxy.address, factory.rename_key, retry=QUICK)
        with lossy, pytest.raises(NoAnswerError):
            lossy.confirm(batch, "x", on_behalf_of=firm)

    assert len(proxy.came) == 1
    assert renaming.batch(batch).state in {"running", "completed"}


# --- applications and signatures --------------------------------------------------------------


def test_a_person_signs_the_form_with_a_key_of_their_own(
    client: Client, factory: Running, seed: int, tmp_path: Path
) -> None:
    event = example("application.saved", seed)
    number = client.submit(event).application
    assert number is not None
    client.wait_for_event(event["id"])
    party = tmp_path / "person"
    factory.certfactory("form", "test-party", number, "--party", "applicant", "--out", str(party))
    code = event["data"]["enterprise"]["credit_code"]
    assert client.awaiting(code) == ()

    prepared = client.prepare(
        number, "applicant", certificate=(party / "certificate.pem").read_text()
    )
    assert prepared.signed_attributes is not None and prepared.content is None
    outcome = client.complete(
        prepared.token, value=_signed(party / "key.pem", prepared.signed_attributes)
    )

    assert outcome.status == "accepted"
    [application] = client.application(number)
    assert [each.party for each in application.signatures] == ["applicant"]
    assert [each.application for each in client.awaiting(code)] == [number]
    assert client.confirmed(code) == ()
    form = client.fetch(client.application_link(number, "application_form", step=1))
    assert form.startswith(b"%PDF-")


def _signed(key: Path, data: bytes) -> bytes:
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(key)],
        input=data,
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_a_signature_that_is_none_is_refused(client: Client, seed: int) -> None:
    event = example("application.saved", seed)
    number = client.submit(event).application
    assert number is not None
    client.wait_for_event(event["id"])
    prepared = client.prepare(number, "applicant", content=True)
    assert prepared.content is not None and prepared.signed_attributes is None

    with pytest.raises(ProblemError) as refused:
        client.complete(prepared.token, cms=b"no CMS")

    assert refused.value.status == 422


# --- trying again -----------------------------------------------------------------------------


def _root(factory: Running) -> str:
    return factory.address.removesuffix("/v1")


def test_a_lost_answer_is_asked_for_again_and_nothing_happens_twice(
    factory: Running, seed: int
) -> None:
    event = example("registration.approved", seed)
    with (
        stumbling(_root(factory), [LOST]) as proxy,
        Client(proxy.address, factory.key, sign=True, retry=QUICK) as client,
    ):
        outcome = client.submit(event)

    assert outcome.status == "duplicate" and outcome.registration
    assert len({each["factory-id"] for each in proxy.came}) == 2


def test_whoever_is_told_to_wait_waits(factory: Running) -> None:
    script = [(503, {"retry-after": "1"}), (429, {}), (502, {})]
    with (
        stumbling(_root(factory), script) as proxy,
        Client(proxy.address, factory.key, retry=QUICK) as client,
    ):
        began = time.monotonic()
        client.event_types()

    assert len(proxy.came) == 4
    assert time.monotonic() - began >= 1.0


def test_tries_end(factory: Running) -> None:
    with (
        stumbling(_root(factory), [(503, {})] * 9) as proxy,
        Client(proxy.address, factory.key, retry=QUICK) as client,
        pytest.raises(UnavailableError),
    ):
        client.event_types()

    assert len(proxy.came) == QUICK.tries


def test_whoever_is_told_to_wait_too_long_is_told_so_at_once(factory: Running) -> None:
    with (
        stumbling(_root(factory), [(429, {"retry-after": "3600"})]) as proxy,
        Client(proxy.address, factory.key, retry=QUICK) as client,
        pytest.raises(TooManyError) as refused,
    ):
        client.event_types()

    assert refused.value.retry_after == 3600
    assert len(proxy.came) == 1


def test_what_is_refused_is_not_tried_again(factory: Running) -> None:
    with (
        stumbling(_root(factory), []) as proxy,
        Client(proxy.address, factory.key, retry=QUICK) as client,
        pytest.raises(RefusedError),
    ):
        client.submit({})

    assert len(proxy.came) == 1


def test_where_nobody_listens_there_is_no_answer() -> None:
    key = "cfk_" + "0" * 16 + "_" + "0" * 72
    with Client("http://127.0.0.1:9", key, retry=QUICK) as client, pytest.raises(NoAnswerError):
        client.batches()


def test_a_date_to_wait_until_is_understood() -> None:
    assert seconds_of("Fri, 01 Jan 2100 00:00:00 GMT") is not None
    assert seconds_of("Sat, 01 Jan 2000 00:00:00 GMT") == 0
    assert (seconds_of("7"), seconds_of("soon"), seconds_of(None)) == (7.0, None, None)


# --- keys, links ------------------------------------------------------------------------------


def test_a_wrong_key_is_not_recognised(factory: Running) -> None:
    wrong = Client(factory.address, factory.key, sign=True)
    wrong._door._factory.auth._signing_key = bytes(32)  # type: ignore[union-attr]

    with wrong, pytest.raises(UnrecognisedError) as refused:
        wrong.batches()

    assert refused.value.status == 401


@pytest.mark.parametrize("key", ["", "cfk_1_2", "Bearer cfk_"])
def test_what_is_no_key_is_told_before_anything_is_sent(key: str) -> None:
    with pytest.raises(ValueError, match="cfk_<16>"):
        Client("https://factory.example", key)


def test_the_key_is_not_shown_to_the_store(factory: Running, seed: int) -> None:
    with Client(factory.address, factory.key, retry=QUICK) as client:
        number = issued(client, seed)
        client.collect(number)
        link = client.certificate_link(number)
        store, path = link.url.split("/certificates/", 1)
        with stumbling(store, []) as proxy:
            moved = dataclasses.replace(link, url=f"{proxy.address}/certificates/{path}")
            assert client.fetch(moved).startswith(b"%PDF-")

    assert proxy.came and all("authorization" not in each for each in proxy.came)


def test_other_bytes_than_the_factory_made_are_refused(client: Client, seed: int) -> None:
    number = issued(client, seed)
    client.collect(number)
    link = client.certificate_link(number)

    with pytest.raises(DamagedError):
        client.fetch(dataclasses.replace(link, sha256="0" * 64))

    assert client.fetch(link)


# --- notices ----------------------------------------------------------------------------------


def test_notices_are_read_from_a_cursor_on(client: Client, seed: int) -> None:
    before = [each.cursor for each in client.notices()]
    last = before[-1] if before else 0
    number = issued(client, seed)

    found = list(client.notices(after=last))

    assert ("certificate.made", number) in {(each.type, each.subject) for each in found}
    assert list(client.notices(after=found[-1].cursor)) == []


def told(**other: Any) -> bytes:
    said = {
        "specversion": "1.0",
        "id": "7",
        "source": "urn:certfactory",
        "type": "certificate.made",
        "subject": "沪1",
        "time": "2026-11-22T03:04:30.234016+00:00",
        "data": {"profile": "p"},
    }
    return json.dumps(said | other, ensure_ascii=False).encode()


def sent(body: bytes, moment: int | None = None) -> dict[str, str]:
    """The headers of a notice: a foreign implementation of the standard agrees with them."""
    seconds = int(time.time()) if moment is None else moment
    mac = hmac.digest(bytes(range(32)), f"7.{seconds}.".encode() + body, "sha256")
    headers = {
        "webhook-id": "7",
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,AAAA v1,{b64encode(mac).decode()}",
    }
    if moment is None:
        Webhook(SECRET).verify(body, headers)
    return headers


def test_a_notice_that_was_signed_is_believed() -> None:
    body = told()
    headers = {name.title(): value for name, value in sent(body).items()}
    former = "whsec_" + b64encode(bytes(32)).decode()

    notice = verify_notice(SECRET, headers, body)

    assert (notice.cursor, notice.type, notice.subject) == (7, "certificate.made", "沪1")
    assert verify_notice([former, SECRET], headers, body) == notice


def test_a_notice_that_was_not_signed_so_is_not_believed() -> None:
    body = told()
    headers = sent(body)
    now = float(headers["webhook-timestamp"])
    other = "whsec_" + b64encode(bytes(32)).decode()

    for secret, said, content, moment in (
        (other, headers, body, now),
        (SECRET, headers, told(subject="沪2"), now),
        (SECRET, headers | {"webhook-id": "8"}, body, now),
        (SECRET, headers | {"webhook-timestamp": str(int(now) + 1)}, body, now),
        (SECRET, headers | {"webhook-timestamp": "٣"}, body, now),
        (SECRET, headers | {"webhook-signature": "v1,é"}, body, now),
        (SECRET, {}, body, now),
        (SECRET, headers, body, now + 301),
        (SECRET, headers, body, now - 301),
        ([], headers, body, now),
    ):
        with pytest.raises(NoticeError):
            verify_notice(secret, said, content, now=moment)


def test_the_readme_of_the_client_runs(factory: Running, seed: int, tmp_path: Path) -> None:
    text = (ROOT / "clients" / "python" / "README.md").read_text("utf-8")
    code = text.split("```python", 1)[1].split("```", 1)[0]
    event = example("registration.approved", seed)
    (tmp_path / "event.json").write_text(json.dumps(event), "utf-8")

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(PACKAGE.parent),
            "API": factory.address,
            "KEY": factory.key,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "certificate.pdf").read_bytes().startswith(b"%PDF-")
