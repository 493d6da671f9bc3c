"""The pages on which anybody verifies a certificate: by QR code, by number and code, by file."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificates
from sqlalchemy import delete, insert, select

from factory import specimen
from factory.making import MAKINGS
from factory.model import Format
from factory.verification import Status, Told
from jobs import desk, laying
from jobs.embedded import Embedded
from jobs.log import heads, proving
from jobs.log.sequencing import append_all
from jobs.verifying import Answer, Later
from portal.pages import page
from portal.verifying import LEAST_SECONDS, SAID
from storage import tables as t
from storage.ledger import log, promises, status
from tests.plants import WHO
from tests.portal.doors import Door, accepted, approve, hand_in
from tests.portal.served import ELSEWHERE, served

NOTHING_LIKE_IT = "0" * 20
CHECK_PROOF = Path(__file__).parents[2] / "docs" / "check_proof.py"


@pytest.fixture
def seed(door: Door) -> int:
    return next(door.seeds)


@pytest.fixture
def number(door: Door, seed: int) -> str:
    """A certificate that is made and collected; its registration number."""
    found = approve(door, seed, enterprise=seed)
    desk.collect(door.plant, found, who=WHO)
    return found


def code(door: Door, number: str, edition: int = 1) -> str:
    """What is printed beside its QR code, without spaces."""
    e, r = t.edition.c, t.registration.c
    with door.plant.ledger.read() as tx:
        wanted = select(e.code).join(t.registration, r.id == e.registration_id)
        return str(tx.run(wanted.where(r.number == number, e.number == edition)).scalar_one())


def file(door: Door, number: str) -> bytes:
    return httpx.get(desk.link(door.plant, number, who=WHO).url).content


def scan(door: Door, code: str) -> httpx.Response:
    return httpx.get(f"{door.url}/v/{code}")


def ask(door: Door, number: str, code: str) -> httpx.Response:
    return httpx.post(f"{door.url}/verify", data={"number": number, "code": code})


def hand_over(door: Door, data: bytes) -> httpx.Response:
    return httpx.post(f"{door.url}/verify/file", files={"file": ("证书.pdf", data)})


def said(answer: httpx.Response) -> str:
    """The status, which stands first."""
    assert answer.headers["content-type"].startswith("text/html")
    [found] = re.findall(r"<h1>(.*?)</h1>", answer.text)
    return str(found)


# --- what is said -----------------------------------------------------------------------------


def test_a_scanned_certificate_in_force_is_valid(door: Door, number: str) -> None:
    answer = scan(door, code(door, number))

    assert (answer.status_code, said(answer)) == (200, "有效")
    assert number in answer.text
    assert door.plant.profiles["shanghai-constructor"].all[-1].authority.name in answer.text


def test_days_are_spelled_one_way_on_a_page_and_another_for_programs(
    door: Door, number: str
) -> None:
    """``2026年01月02日`` and ISO 8601."""
    scanned = code(door, number)

    days = re.findall(r"\d+年\d+月\d+日", scan(door, scanned).text)
    program = signed(door, scanned)["answer"]

    assert len(days) >= 3
    assert all(re.fullmatch(r"\d{4}年\d\d月\d\d日", each) for each in days)
    assert date.fromisoformat(program["certificate"]["issued_on"])
    assert not re.search(r"\d{4}-\d", re.sub(r"<[^>]*>", "", scan(door, scanned).text))


def test_of_its_holder_no_more_is_told_than_the_register_allows(
    door: Door, number: str, seed: int
) -> None:
    holder = specimen.approved(seed, seed)["data"]["holder"]

    answer = scan(door, code(door, number))

    assert holder["name"][0] + "*" in answer.text
    for own in (holder["name"], holder["id_number"], holder["birth_date"]):
        assert own not in answer.text


def test_number_and_code_as_somebody_types_them_are_understood(door: Door, number: str) -> None:
    typed = " ".join(re.findall(".{5}", code(door, number).lower()))

    assert said(ask(door, f" {number} ", typed)) == "有效"


@pytest.mark.parametrize("what", ["another code", "another number", "another's code"])
def test_what_is_unknown_and_what_is_mistyped_get_one_answer(
    door: Door, number: str, what: str
) -> None:
    other = approve(door)
    asked = {
        "another code": (number, NOTHING_LIKE_IT),
        "another number": ("沪2312099999999999", code(door, number)),
        "another's code": (number, code(door, other)),
    }

    answer, nobody = ask(door, *asked[what]), ask(door, "x", NOTHING_LIKE_IT)

    times = re.compile(r"\d{1,2}:\d\d:\d\d")
    assert said(answer) == "查无此证"
    assert times.sub("", answer.text) == times.sub("", nobody.text)


def test_a_certificate_that_is_not_collected_says_so(door: Door) -> None:
    assert said(scan(door, code(door, approve(door)))) == "未领证"


def test_a_cancelled_one_says_so(door: Door, number: str, seed: int) -> None:
    accepted(hand_in(door.city, specimen.cancelled(seed)))

    assert said(scan(door, code(door, number))) == "已注销"


def test_a_suspended_one_says_so(door: Door, number: str, seed: int) -> None:
    accepted(hand_in(door.city, specimen.suspended(seed)))

    assert said(scan(door, code(door, number))) == "暂扣"


def test_an_old_code_says_which_edition_came_after_and_what_changed(
    door: Door, number: str, seed: int
) -> None:
    old = code(door, number)
    accepted(hand_in(door.city, specimen.corrected(seed)))
    door.work()

    answer = scan(door, old)

    assert said(answer) == "已作废"
    assert "第 002 版：持证人信息更正" in answer.text
    assert said(scan(door, code(door, number, 2))) == "未领证"


# --- by the file ------------------------------------------------------------------------------


def test_the_very_file_is_known_by_its_digest(door: Door, number: str) -> None:
    digest = sha256(file(door, number)).hexdigest()

    answer = httpx.post(f"{door.url}/verify/digest", data={"sha256": digest.upper()})

    assert said(answer) == "有效"
    assert "逐字节一致" in answer.text


def test_an_unknown_digest_leads_to_the_full_check(door: Door) -> None:
    answer = httpx.post(f"{door.url}/verify/digest", data={"sha256": "0" * 64})

    assert said(answer) == "登记库中没有这个文件"
    assert 'action="/verify/file"' in answer.text


def test_the_very_file_is_known_when_it_is_handed_over(door: Door, number: str) -> None:
    assert said(hand_over(door, file(door, number))) == "有效"


def test_a_changed_file_is_altered_and_nothing_of_it_is_told(door: Door, number: str) -> None:
    data = bytearray(file(door, number))
    data[len(data) // 2] ^= 1

    answer = hand_over(door, bytes(data))

    assert said(answer) == "文件已被改动"
    assert number not in answer.text


def test_a_file_that_was_sealed_here_and_is_not_on_record_is_not_taken_for_good(
    door: Door, number: str
) -> None:
    """Sealed again a second later it is another file: only the one that was recorded counts."""
    plant = door.plant
    with plant.ledger.read() as tx:
        newest = status.by_number(tx, number).newest
        assert newest is not None
        order = promises.of_edition(tx, newest.id)
    assert order is not None
    identity = plant.keyring.identity(str(order.identity))
    laid = laying.of_order(plant, order)
    later = replace(laid, created=laid.created + timedelta(seconds=1))
    awaiting = MAKINGS[Format.PDF].sealed(later, identity)
    [signature] = identity.signer.sign_digests([awaiting.digest])

    assert said(hand_over(door, awaiting.finish(signature))) == "登记库中没有这个文件"


# --- the log ----------------------------------------------------------------------------------


@pytest.fixture
def logged(door: Door, number: str) -> str:
    """The number of a certificate that is under a head of the log."""
    append_all(door.plant.ledger)
    heads.sign(door.plant, pause=timedelta(0))
    return number


def proof_of(door: Door, data: bytes) -> httpx.Response:
    return httpx.get(f"{door.url}/verify/proof/{sha256(data).hexdigest()}.json")


def test_page_and_answer_say_under_which_head_of_the_log_a_certificate_is(
    door: Door, logged: str
) -> None:
    newest = proving.newest(door.plant)

    page, answer = scan(door, code(door, logged)), signed(door, code(door, logged))["answer"]

    assert "核查日志" in page.text and newest.root in page.text
    assert (answer["log"]["size"], answer["log"]["root"]) == (newest.size, newest.root)
    assert answer["log"]["head"]["text"] == newest.text


def test_the_proof_that_a_page_links_to_is_checked_offline(
    door: Door, logged: str, tmp_path: Path
) -> None:
    data = file(door, logged)
    (tmp_path / "certificate.pdf").write_bytes(data)
    shown = hand_over(door, data).text
    [link] = re.findall(r'href="(/verify/proof/[^"]+)"', shown)

    answer = httpx.get(door.url + link)

    assert answer.headers["content-disposition"] == 'attachment; filename="proof.json"'
    (tmp_path / "proof.json").write_bytes(answer.content)
    words = [sys.executable, "-I", str(CHECK_PROOF), "proof.json", "certificate.pdf"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[1] == "certificate.pdf: issued"
    assert logged not in answer.text


def test_the_key_of_the_log_is_given_out(door: Door) -> None:
    answer = httpx.get(f"{door.url}/verify/log.pem")

    given = load_pem_x509_certificates(answer.content)
    assert tuple(given) == door.plant.keyring.log_certificates()


def test_what_is_under_no_head_yet_shows_no_proof(door: Door, number: str) -> None:
    answer = scan(door, code(door, number))

    assert said(answer) == "有效"
    assert "核查日志" not in answer.text
    assert signed(door, code(door, number))["answer"]["log"] is None
    assert proof_of(door, file(door, number)).status_code == 404


def test_of_a_file_that_is_nobodys_there_is_no_proof(door: Door) -> None:
    assert proof_of(door, b"strange").status_code == 404
    assert httpx.get(f"{door.url}/verify/proof/{'G' * 64}.json").status_code in (404, 422)


@pytest.mark.parametrize("left", [None, "zz"], ids=["gone", "no digest"])
def test_a_log_that_is_not_what_it_was_proves_nothing_and_the_answer_stands(
    door: Door, logged: str, left: str | None
) -> None:
    e = t.log_entry
    with door.plant.ledger.write(WHO) as tx:
        newest = log.newest_head(tx)
        assert newest is not None
        row = tx.run(select(e).where(e.c.seq == newest.size - 1)).one()
        tx.run(delete(e).where(e.c.seq == row.seq))
        if left is not None:
            tx.run(insert(e).values(**{**row._asdict(), "digest": left}))
    try:
        answer = scan(door, code(door, logged))
    finally:
        with door.plant.ledger.write(WHO) as tx:
            tx.run(delete(e).where(e.c.seq == row.seq))
            tx.run(insert(e).values(**row._asdict()))

    assert said(answer) == "有效"
    assert "核查日志" not in answer.text


# --- the pages --------------------------------------------------------------------------------


def test_pages_run_only_what_is_ours_and_are_neither_framed_nor_kept(
    door: Door, number: str
) -> None:
    for answer in (httpx.get(f"{door.url}/verify"), scan(door, code(door, number))):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert 'name="robots" content="noindex' in answer.text
        assert "style=" not in answer.text and "onclick" not in answer.text


def test_what_a_page_needs_is_fetched_from_here_and_may_be_kept(door: Door) -> None:
    text = httpx.get(f"{door.url}/verify").text
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', text)

    assert len(found) == 3
    for each in found:
        answer = httpx.get(door.url + each)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_what_was_typed_is_shown_again_as_text(door: Door) -> None:
    answer = ask(door, '"><script>alert(1)</script>', " ")

    assert answer.status_code == 422
    assert "请填写" in answer.text
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nosuch", 404), ("/static/nosuch.js", 404), ("/static/..%2fpages.py", 404)],
)
def test_where_nothing_is_a_page_says_what_to_do(door: Door, path: str, status: int) -> None:
    answer = httpx.get(door.url + path)

    assert (answer.status_code, said(answer)) == (status, "找不到这个页面")


@pytest.mark.parametrize("path", ["/", "/v", "/v/"])
def test_an_address_cut_short_leads_to_where_one_verifies(door: Door, path: str) -> None:
    assert httpx.get(door.url + path).headers["location"] == "/verify"


def test_programs_are_told_failures_as_before(door: Door) -> None:
    answer = door.city.get("/v1/nosuch")

    assert answer.headers["content-type"] == "application/problem+json"


def test_a_file_too_large_is_told_on_a_page(door: Door) -> None:
    answer = hand_over(door, bytes(5 * 1024 * 1024))

    assert answer.status_code == 413
    assert "文件太大" in answer.text


def test_whoever_asks_too_often_has_to_wait(tmp_path: Path, broker: Embedded) -> None:
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    with served(tmp_path, ledger, broker, http_visits=3) as door:
        asked = [door.ask("GET", f"/v/{NOTHING_LIKE_IT}") for _ in range(4)]
        form = door.ask("GET", "/verify")

    assert [each.status for each in asked] == [200, 200, 200, 429]
    assert "操作过于频繁" in asked[-1].body.decode()
    assert 1 <= int(asked[-1].headers["retry-after"]) <= 60
    assert form.status == 200


@pytest.mark.parametrize(("proxies", "last"), [(ELSEWHERE, 200), ("", 429)])
def test_behind_a_proxy_each_visitor_is_counted_and_nobody_else_can_say_who_they_are(
    tmp_path: Path, broker: Embedded, proxies: str, last: int
) -> None:
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    with served(tmp_path, ledger, broker, http_visits=1, http_proxies=proxies) as door:
        asked = [
            door.ask("GET", f"/v/{NOTHING_LIKE_IT}", **{"X-Forwarded-For": f"203.0.113.{n}"})
            for n in (7, 8)
        ]

    assert [each.status for each in asked] == [200, last]


def test_what_is_unknown_takes_as_long_as_what_is_known(door: Door, number: str) -> None:
    known = code(door, number)

    took = [scan(door, each).elapsed.total_seconds() for each in (known, NOTHING_LIKE_IT)]

    assert min(took) >= LEAST_SECONDS


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_what_would_be_html_in_a_certificate_is_shown_as_text() -> None:
    told = Told(
        title=HOSTILE,
        authority=HOSTILE,
        edition=1,
        issued_on=date(2026, 1, 1),
        rows=((HOSTILE, (HOSTILE,)),),
    )
    answer = Answer(
        status=Status.SUPERSEDED,
        at=datetime(2026, 1, 2, tzinfo=UTC),
        told=told,
        later=(Later(number=2, on=date(2026, 1, 2), cause=HOSTILE),),
        changed=(HOSTILE,),
    )

    words = {"said": SAID[answer.status], "may_send": False, "address": ""}
    drawn = page("verified.html", answer=answer, **words)

    text = bytes(drawn.body).decode()
    assert "<script" not in text and "<img" not in text
    assert text.count("&lt;script&gt;") == 6


def test_every_status_has_words_and_a_look_of_its_own() -> None:
    assert set(SAID) == set(Status)
    assert len({each.title for each in SAID.values()}) == len(SAID)
    assert [status for status, each in SAID.items() if each.weight == "good"] == [Status.VALID]


def test_no_page_sets_a_cookie(door: Door, number: str) -> None:
    """So nobody can make a visitor's browser act for them: what may be done is in the link."""
    for answer in (httpx.get(f"{door.url}/verify"), scan(door, code(door, number))):
        assert "set-cookie" not in answer.headers


# --- signed, for programs ---------------------------------------------------------------------


def signed(door: Door, code: str) -> dict[str, Any]:
    answer = httpx.get(f"{door.url}/v/{code}", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def test_a_program_gets_an_answer_that_is_signed(door: Door, number: str) -> None:
    asked = code(door, number)
    found = signed(door, asked)
    [key] = jwt.PyJWKSet.from_dict(httpx.get(f"{door.url}/verify/keys.json").json()).keys

    claims = jwt.decode(found["jws"], key, algorithms=["ES256"])

    assert jwt.get_unverified_header(found["jws"])["kid"] == key.key_id
    assert claims.pop("iss") == door.url
    assert abs(claims.pop("iat") - time.time()) < 60
    assert claims.pop("sub") == sha256(asked.encode()).hexdigest()
    assert claims == found["answer"]
    assert (claims["status"], claims["certificate"]["edition"]) == ("valid", 1)


def test_every_field_of_an_answer_is_documented(door: Door, number: str, seed: int) -> None:
    old = code(door, number)
    accepted(hand_in(door.city, specimen.corrected(seed)))
    door.work()
    answer = signed(door, old)["answer"]
    told = (Path(__file__).parents[2] / "docs" / "pages.md").read_text("utf-8")
    rows = [row for row in told.splitlines() if row.startswith("|")]

    nested = (answer["certificate"], answer["certificate"]["rows"][0], answer["later"][0])

    for name in [*answer, *(each for part in nested for each in part)]:
        assert any(f"`{name}`" in row or f'"{name}"' in row for row in rows), name


def test_a_changed_answer_does_not_verify(door: Door, number: str) -> None:
    head, _, signature = signed(door, code(door, number))["jws"].split(".")
    other = signed(door, NOTHING_LIKE_IT)["jws"].split(".")[1]
    [key] = jwt.PyJWKSet.from_dict(httpx.get(f"{door.url}/verify/keys.json").json()).keys

    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(f"{head}.{other}.{signature}", key, algorithms=["ES256"])


def test_openssl_finds_the_signature_right(door: Door, number: str, tmp_path: Path) -> None:
    jws = signed(door, code(door, number))["jws"]
    [jwk] = jwt.PyJWKSet.from_dict(httpx.get(f"{door.url}/verify/keys.json").json()).keys
    text, _, value = jws.rpartition(".")
    raw = urlsafe_b64decode(value + "==")
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    (tmp_path / "said").write_text(text)
    (tmp_path / "signature").write_bytes(encode_dss_signature(r, s))
    (tmp_path / "key.pem").write_bytes(
        jwk.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )

    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "said"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.stdout == "Verified OK\n"


def test_to_programs_too_nothing_but_what_may_be_told_is_told(
    door: Door, number: str, seed: int
) -> None:
    holder = specimen.approved(seed, seed)["data"]["holder"]

    text = str(signed(door, code(door, number)))

    assert holder["name"] not in text and holder["id_number"] not in text
    assert signed(door, NOTHING_LIKE_IT)["answer"]["certificate"] is None
