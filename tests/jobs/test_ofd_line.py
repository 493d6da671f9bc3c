"""The line with OFD: both files of an order or none, adopted, held, made once it was mended."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import urllib3
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, update

import cli
from factory import courses, making
from factory.courses import Case
from factory.errors import NotFoundError
from factory.model import ApplicationType, BatchState, ChunkId, Format, Order, OrderState
from factory.ofd.package import Member, opened, packed
from factory.pressing import Laid
from factory.seals.sm2_soft import Sm2SoftSigner
from factory.writers import ofd
from jobs import desk, doctor, laying, line, second_reader, second_reading
from jobs.bulk import confirming, progress, steering, steps
from jobs.canary import Canary
from jobs.commands import exits
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import seal_service as remote
from storage import tables as t
from storage import testca_sm2
from storage.blobs import Blob
from storage.keyring import Keyring
from storage.ofd_seals import Given, KeyFileGiven
from tests import seal_service
from tests.plants import WHO, claim, open_chunks, produce, submit
from tests.seal_service import TOKEN, Behaviour, SealService
from tests.telling import whole_factory

GANSU, ENGINEERS = "gansu-constructor", "shanghai-cost-engineer"
TITLES = {
    GANSU: "中华人民共和国二级建造师注册证书",
    ENGINEERS: "中华人民共和国二级造价工程师注册证书",
}
TYPES = {Format.OFD: "application/ofd", Format.PDF: "application/pdf"}
BOTH = ["ofd", "pdf"]
PEM = Encoding.PEM
PAGE = "Doc_0/Pages/Page_0/Content.xml"
ADVANCE = re.compile(rb'DeltaX="[^"]*"')
LAPSED = timedelta(seconds=-1)


@pytest.fixture
def plant(tmp_path: Path, s3: Settings) -> Plant:
    return whole_factory(tmp_path, s3)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path, s3: Settings) -> Plant:
    """A plant on each kind of ledger."""
    return whole_factory(tmp_path, s3, db_url=request.getfixturevalue(f"{request.param}_db_url"))


# --- saying it shortly ------------------------------------------------------------------------


def case(plant: Plant, profile: str = GANSU, seed: int = 1) -> Case:
    rules = plant.profiles[profile].all[-1]
    return Case(profile=rules, kind=ApplicationType.INITIAL, seed=seed)


def matters(event: dict[str, object]) -> bool:
    """Whether a step of a course is one that certificates follow from."""
    data = event["data"]
    assert isinstance(data, dict)
    approving = event["type"] in {"registration.approved", "enterprise.renamed"}
    return approving or data.get("outcome") == "announced"


def tell(plant: Plant, told: Sequence[dict[str, object]]) -> str:
    """What matters of it is taken in; the last registration's number."""
    numbers = [submit(plant, each).registration for each in told if matters(each)]
    return [number for number in numbers if number][-1]


def approve(plant: Plant, profile: str = GANSU, seed: int = 1) -> str:
    return tell(plant, courses.course(case(plant, profile, seed)))


def recorded(plant: Plant) -> dict[str, str]:
    """The digest of each file by its key."""
    with plant.ledger.read() as tx:
        rows = tx.run(select(t.file.c.object_key, t.file.c.sha256))
        return {row.object_key: row.sha256 for row in rows}


def formats(plant: Plant) -> list[str]:
    """Of all recorded files."""
    return sorted(key.rpartition(".")[2] for key in recorded(plant))


def stored(plant: Plant) -> list[str]:
    """Keys in the store that are of orders of this ledger."""
    with plant.ledger.read() as tx:
        stems = list(tx.run(select(t.production_order.c.key_stem)).scalars())
    return sorted(key for stem in stems for key in plant.store.list(stem))


def noted(plant: Plant, action: str) -> int:
    with plant.ledger.read() as tx:
        return len(tx.run(select(t.audit).where(t.audit.c.action == action)).all())


def states(plant: Plant) -> list[str]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.production_order.c.state)).scalars())


def reasons(plant: Plant) -> list[str]:
    return [held.reason for held in desk.open_holds(plant)]


def home(plant: Plant, profile: str = GANSU) -> Path:
    """Where the seal for OFD of a register lies."""
    return plant.settings.keyring_dir / "identities" / profile / "ofd"


def restarted(plant: Plant) -> Plant:
    """As a worker that has just started: it has read no key and asked nobody."""
    return Plant(plant.settings)


def retry_all(plant: Plant) -> None:
    for held in desk.open_holds(plant):
        desk.retry(plant, held.id, who=WHO, why="mended")
    produce(plant)


# --- both files, collected --------------------------------------------------------------------


def test_an_approval_gives_one_edition_with_an_ofd_and_a_pdf(either: Plant) -> None:
    approve(either)

    produce(either)

    assert formats(either) == BOTH
    assert states(either) == [OrderState.MADE]
    assert noted(either, "edition made") == 1


@pytest.mark.parametrize("profile", [GANSU, ENGINEERS])
@pytest.mark.parametrize("fmt", Format)
def test_a_collected_edition_is_delivered_under_its_proper_name(
    plant: Plant, profile: str, fmt: Format
) -> None:
    number = collected(plant, profile)

    link = desk.link(plant, number, who=WHO, fmt=fmt)

    answer = urllib3.request("GET", link.url, retries=False, timeout=10)
    [digest] = [found for key, found in recorded(plant).items() if key.endswith(f".{fmt}")]
    assert answer.status == 200
    assert hashlib.sha256(answer.data).hexdigest() == digest
    assert answer.headers["Content-Type"] == TYPES[fmt]
    name = quote(f"{TITLES[profile]}_{number}.{fmt}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Disposition"].endswith(f"filename*=UTF-8''{name}")


def test_a_link_leads_to_what_the_profile_names_first(plant: Plant) -> None:
    number = collected(plant)

    assert desk.link(plant, number, who=WHO).format is Format.OFD


def test_a_link_to_a_format_that_was_not_made_says_which_there_are(plant: Plant) -> None:
    make_only(plant, Format.PDF)
    number = collected(plant)

    with pytest.raises(NotFoundError, match="there is no ofd of it, but pdf"):
        desk.link(plant, number, who=WHO, fmt=Format.OFD)


def test_what_was_made_before_the_profile_had_ofd_is_delivered_as_it_is(plant: Plant) -> None:
    before = plant.profiles
    make_only(plant, Format.PDF)
    number = collected(plant)
    vars(plant)["profiles"] = before

    link = desk.link(plant, number, who=WHO)

    assert link.format is Format.PDF
    assert urllib3.request("GET", link.url, retries=False, timeout=10).data.startswith(b"%PDF")


def collected(plant: Plant, profile: str = GANSU) -> str:
    """A registration whose edition is made and collected; its number."""
    number = approve(plant, profile)
    produce(plant)
    desk.collect(plant, number, who=WHO)
    produce(plant)  # where it is made when the holder asks for it
    return number


def make_only(plant: Plant, *wanted: Format) -> None:
    """The register's certificates are of these formats."""
    last = plant.profiles[GANSU].all[-1]
    certificate = last.certificate.model_copy(update={"formats": wanted})
    changed = replace(
        plant.profiles[GANSU], all=(last.model_copy(update={"certificate": certificate}),)
    )
    vars(plant)["profiles"] = {**plant.profiles, GANSU: changed}


# --- what an earlier try left -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Left:
    """An order whose worker has died."""

    plant: Plant
    order: Order

    def sealed(self, profile: str = GANSU, **changes: object) -> bytes:
        """An OFD as that worker made it, but for what is changed in what it was made of."""
        laid = replace(laying.of_order(self.plant, self.order), **changes)
        identity = self.plant.keyring.seal(profile, Format.OFD)
        awaiting = making.MAKINGS[Format.OFD].sealed(laid, identity)
        return awaiting.finish(identity.signer.sign_digests([awaiting.digest])[0])

    def put(self, data: bytes) -> str:
        """It lies under the order's key; its digest."""
        key, digest = self.order.object_key(Format.OFD), hashlib.sha256(data).hexdigest()
        blob = Blob(key=key, data=data, content_type=TYPES[Format.OFD], sha256=digest)
        assert self.plant.store.put_new(blob)
        return digest


@pytest.fixture
def left(plant: Plant) -> Left:
    approve(plant)
    [chunk] = open_chunks(plant)
    found = claim(plant, chunk, lease=LAPSED)
    assert found is not None
    return Left(plant, found.orders[0])


def again(plant: Plant) -> None:
    """Whoever hears the bell next."""
    with plant.ledger.read() as tx:
        numbers = list(tx.run(select(t.chunk.c.id)).scalars())
    for number in numbers:
        line.produce(plant, ChunkId(number))


def test_an_ofd_that_an_earlier_try_left_is_adopted_and_the_pdf_is_made_beside_it(
    left: Left,
) -> None:
    """SM2 signs with a random number, so the bytes that are made now are others."""
    digest = left.put(left.sealed())

    for _ in range(2):
        again(left.plant)

    assert formats(left.plant) == BOTH
    assert recorded(left.plant)[left.order.object_key(Format.OFD)] == digest
    assert len(stored(left.plant)) == 2
    assert noted(left.plant, "edition made") == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda left: left.sealed(twin=b"{}"), id="another document"),
        pytest.param(lambda left: left.sealed(ENGINEERS), id="another seal"),
        pytest.param(lambda left: changed(left.sealed()), id="altered"),
        pytest.param(lambda left: left.sealed()[:-1000], id="cut off"),
        pytest.param(lambda left: flipped(left.sealed()), id="bits flipped"),
        pytest.param(lambda left: b"PK\3\4 no package", id="no package"),
        pytest.param(lambda left: b"%PDF-1.7 something else", id="a PDF"),
        pytest.param(lambda left: b"", id="nothing"),
    ],
)
def test_what_is_not_the_order_s_own_ofd_is_refused_and_stays_as_it_is(
    left: Left, other: Callable[[Left], bytes]
) -> None:
    data = other(left)
    left.put(data)

    again(left.plant)

    assert reasons(left.plant) == ["self_check"]
    assert recorded(left.plant) == {}
    assert left.plant.store.get(left.order.object_key(Format.OFD)) == data


def changed(data: bytes) -> bytes:
    """With another face on its page, packed anew."""
    members = opened(data)
    return packed(
        [
            Member(name=name, data=each + b" " if name == PAGE else each)
            for name, each in members.items()
        ]
    )


def flipped(data: bytes) -> bytes:
    """As a disk that fails gives it back: bits in the compressed data of a member."""
    middle = data.index(b"Content.xml") + 200
    return data[:middle] + bytes(each ^ 0xFF for each in data[middle : middle + 40]) + data[
        middle + 40 :
    ]  # fmt: skip


# --- a seal service ---------------------------------------------------------------------------


@pytest.fixture
def service(plant: Plant) -> Iterator[SealService]:
    """A service that holds the key of the register's seal for OFD, instead of the keyring."""
    folder = home(plant)
    key, passphrase = ((folder / name).read_bytes() for name in ("key.p8", "passphrase"))
    with seal_service.running({"seal": Sm2SoftSigner(key, passphrase)}) as running:
        point_to(folder, running.url)
        yield running


def point_to(folder: Path, url: str) -> None:
    (folder / "identity.toml").write_text(f'test = true\n[service]\nurl = "{url}"\nkey = "seal"\n')
    for name in ("key.p8", "passphrase"):
        (folder / name).unlink(missing_ok=True)
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a seal service does not wait for long."""
    monkeypatch.setattr(remote, "Patience", partial(remote.Patience, read=0.2, whole=0.5))


def rename(plant: Plant) -> int:
    """Three colleagues whose enterprise is renamed, confirmed and not yet made; the batch."""
    for event in filter(matters, courses.renaming(case(plant))):
        batch = submit(plant, event).batch
        produce(plant)
    assert batch is not None
    steps.advance(plant, batch)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    steps.advance(plant, batch)
    return batch


def rename_begun(plant: Plant) -> None:
    """The same, whose first certificate is made; the other two are one chunk."""
    batch = rename(plant)
    produce(plant)
    steps.advance(plant, batch)


def test_a_service_is_asked_once_for_all_orders_of_a_chunk(
    plant: Plant, service: SealService
) -> None:
    rename_begun(plant)
    service.asked.clear()

    produce(plant)

    assert [len(each["digests"]) for each in service.asked] == [2]
    assert formats(plant) == ["ofd"] * 6 + ["pdf"] * 6


@pytest.mark.usefixtures("hasty")
def test_a_service_that_is_silent_is_waited_for_once_for_all_orders_of_a_chunk(
    plant: Plant, service: SealService
) -> None:
    rename_begun(plant)
    plant = restarted(plant)
    service.asked.clear()
    service.behave(seal_service.silent)

    produce(plant)

    assert len(service.asked) == 1  # its self-test
    assert states(plant).count(OrderState.READY) == 2
    produce(plant)
    assert states(plant) == [OrderState.MADE] * 6


def test_whoever_lost_the_chunk_while_drawing_has_nothing_signed(
    plant: Plant, service: SealService, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(plant)
    plant.keyring.ofd_seal(GANSU)
    service.asked.clear()
    laid = laying.of_order

    def overtaken(plant: Plant, order: Order) -> Laid:
        with plant.ledger.write(WHO) as tx:
            tx.run(update(t.chunk).values(fence=t.chunk.c.fence + 1))
        return laid(plant, order)

    monkeypatch.setattr(laying, "of_order", overtaken)
    produce(plant)

    assert service.asked == []
    assert stored(plant) == []


WRONG: dict[str, Behaviour] = {
    "busy": seal_service.busy(503, Retry_After="120"),
    "too many": seal_service.busy(429, Retry_After="120"),
    "out of order": seal_service.busy(500),
    "silent": seal_service.silent,
    "endless": seal_service.endless,
    "lost": seal_service.lost,
    "halfway": seal_service.halfway,
    "no JSON": seal_service.saying(b"<html>"),
    "another request": seal_service.changed(request="0" * 64),
    "none": seal_service.changed(signatures=[]),
    "too many signatures": seal_service.changed(signatures=lambda found: found * 2),
    "another signature": seal_service.changed(
        signatures=["MEUCIQD0" + "A" * 88]  # as long as one, and of nothing
    ),
    "no token": seal_service.busy(401),
}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("behaviour", WRONG.values(), ids=WRONG)
def test_of_what_the_service_did_not_sign_nothing_is_stored_until_it_has(
    plant: Plant, service: SealService, behaviour: Behaviour
) -> None:
    """Not the PDF either, whose own key has signed it."""
    approve(plant)
    plant.keyring.ofd_seal(GANSU)
    service.behave(behaviour)

    produce(plant)

    assert stored(plant) == []
    assert recorded(plant) == {}
    assert desk.open_holds(plant) == []
    produce(plant)
    assert formats(plant) == BOTH


def test_a_service_that_is_away_at_the_start_is_waited_for(
    plant: Plant, service: SealService
) -> None:
    point_to(home(plant), "http://127.0.0.1:1")
    approve(plant)

    produce(plant)

    assert (stored(plant), states(plant)) == ([], [OrderState.READY])
    point_to(home(plant), service.url)
    produce(plant)
    assert formats(plant) == BOTH


@pytest.mark.parametrize(
    ("behaviour", "reason", "said"),
    [
        (seal_service.busy(503, Retry_After="120"), "key_busy", "busy"),
        (seal_service.changed(signatures=[]), "key_busy", "wrong answer"),
        (seal_service.busy(401), "settings", "token"),
    ],
    ids=["busy", "wrong", "no token"],
)
def test_what_was_tried_too_often_is_held_with_its_reason_and_made_when_it_passes(
    plant: Plant, service: SealService, behaviour: Behaviour, reason: str, said: str
) -> None:
    plant.settings = replace(plant.settings, max_retries=1)
    approve(plant)
    plant.keyring.ofd_seal(GANSU)
    service.behave(behaviour, behaviour)

    for _ in range(2):
        produce(plant)

    [held] = desk.open_holds(plant)
    assert (held.reason, held.owner) == (reason, "operations")
    assert said in held.detail
    assert TOKEN not in held.detail
    assert (stored(plant), states(plant)) == ([], [OrderState.HELD])
    retry_all(plant)
    assert formats(plant) == BOTH


def test_of_two_orders_that_were_tried_too_often_each_says_why(
    plant: Plant, service: SealService
) -> None:
    """One chunk can fail in several ways."""
    assert service.url
    plant.settings = replace(plant.settings, max_retries=0)
    for profile, cause in ((GANSU, "http://127.0.0.1:1"), (ENGINEERS, None)):
        number = approve(plant, profile)
        if profile == ENGINEERS:
            desk.collect(plant, number, who=WHO)
        if cause:
            point_to(home(plant, profile), cause)
        else:
            (home(plant, profile) / "seal.esl").unlink()
    with plant.ledger.write(WHO) as tx:
        first, second = tx.run(select(t.production_order.c.chunk_id)).scalars()
        tx.run(update(t.production_order).values(chunk_id=first))
        tx.run(update(t.chunk).where(t.chunk.c.id == second).values(state="closed"))

    produce(plant)

    assert {(held.profile, held.reason) for held in desk.open_holds(plant)} == {
        (GANSU, "key_busy"),
        (ENGINEERS, "settings"),
    }


# --- the seal itself --------------------------------------------------------------------------


def seal_from(plant: Plant, now: datetime) -> None:
    """The register's seal for OFD is one that was issued then."""
    ca = testca_sm2.make_ca(now)
    picture = (home(plant).parent / "seal.png").read_bytes()
    made = testca_sm2.issue_test_seal(
        ca, "示例", picture, width_mm=42, now=now, passphrase=b"a passphrase"
    )
    root = plant.settings.keyring_dir / "roots" / f"{now:%Y%m%d%H%M%S}.pem"
    root.write_bytes(ca.root.certificate.public_bytes(PEM))
    given = Given(
        seal=made.esl,
        signing_cert=made.signing_cert,
        chain=made.chain,
        key=KeyFileGiven(key=made.key, passphrase=b"a passphrase"),
        test=True,
    )
    Keyring(plant.settings.keyring_dir).import_ofd_seal(GANSU, given, now=now, replace=True)


def test_under_a_seal_that_has_ended_nothing_is_made_until_its_successor_is_there(
    plant: Plant,
) -> None:
    """The successor is valid only from a day after the order was given."""
    today = datetime.now(UTC)
    seal_from(plant, today - 4 * timedelta(days=365))
    approve(plant)

    produce(plant)

    [held] = desk.open_holds(plant)
    assert held.reason == "seal_refused"
    assert "valid" in held.detail
    assert (stored(plant), recorded(plant)) == ([], {})
    order_was_given(plant, today - timedelta(days=9))
    seal_from(plant, today)
    retry_all(restarted(plant))
    assert formats(plant) == BOTH


def order_was_given(plant: Plant, moment: datetime) -> None:
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.production_order).values(signed_at=moment))


@pytest.mark.parametrize("missing", ["", "key.p8", "seal.esl", "identity.toml"])
def test_without_its_seal_an_order_waits_and_is_held_at_last(plant: Plant, missing: str) -> None:
    """``keys import-seal`` cures it; the PDF does not go out alone."""
    plant.settings = replace(plant.settings, max_retries=1)
    approve(plant)
    away = plant.settings.data_dir / "away"
    (home(plant) / missing).rename(away)

    produce(plant)
    waiting = states(plant)
    produce(plant)

    assert waiting == [OrderState.READY]
    [held] = desk.open_holds(plant)
    assert (held.reason, held.owner) == ("settings", "operations")
    assert (stored(plant), recorded(plant)) == ([], {})
    away.rename(home(plant) / missing)
    retry_all(plant)
    assert formats(plant) == BOTH


# --- the canary -------------------------------------------------------------------------------


@pytest.fixture
def broken_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Characters stand too far apart: the proof asks where a line begins and what it says."""
    right = ofd.draw

    def wrong(*args: object, **kwargs: object) -> tuple[Member, ...]:
        return tuple(
            replace(each, data=ADVANCE.sub(b'DeltaX="g 2 9.5"', each.data))
            if each.name == PAGE
            else each
            for each in right(*args, **kwargs)  # type: ignore[arg-type]
        )

    monkeypatch.setattr(ofd, "draw", wrong)


def test_a_rename_whose_ofd_is_read_otherwise_is_stopped_and_made_once_it_was_mended(
    plant: Plant, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = rename(plant)
    before = stored(plant)
    request.getfixturevalue("broken_writer")
    plant = restarted(plant)

    produce(plant)

    assert reasons(plant) == ["second_reading"]  # of the first certificate
    assert {held.owner for held in desk.open_holds(plant)} == {"operations"}
    [shown] = progress.all_progress(plant)
    assert (shown.id, shown.held, shown.done) == (batch, 1, 0)
    assert (shown.state, shown.owner) == (BatchState.STOPPED, "operations")
    assert stored(plant) == before
    monkeypatch.undo()
    steering.retry_failed(plant, batch, who=WHO, why="mended")
    for _ in range(3):
        steps.advance(plant, batch)
        produce(plant)
    assert formats(plant).count("ofd") == 6
    [shown] = progress.all_progress(plant)
    assert (shown.held, shown.done) == (0, 3)


@pytest.mark.usefixtures("broken_writer")
def test_what_is_retried_before_it_was_mended_is_held_again(plant: Plant) -> None:
    approve(plant)
    produce(plant)

    retry_all(plant)

    assert reasons(plant) == ["second_reading"]
    assert stored(plant) == []


@pytest.mark.usefixtures("broken_writer")
def test_switched_off_nobody_reads_again(tmp_path: Path, s3: Settings) -> None:
    plant = whole_factory(tmp_path, s3, second_reading_sample=0)
    approve(plant)

    produce(plant)

    assert formats(plant) == BOTH


def without_easyofd(plant: Plant) -> None:
    """The second reader finds that what it needs is not installed."""
    program = plant.settings.data_dir / "reader.py"
    program.write_text(f"raise SystemExit({second_reader.UNINSTALLED})")
    read = partial(second_reading.read, program=program)
    vars(plant)["canary"] = Canary(sample=1, read=read)


def test_without_easyofd_an_order_waits_and_says_what_to_do(plant: Plant) -> None:
    plant.settings = replace(plant.settings, max_retries=1)
    without_easyofd(plant)
    approve(plant)

    produce(plant)
    waiting = (states(plant), stored(plant))
    produce(plant)

    assert waiting == ([OrderState.READY], [])
    [held] = desk.open_holds(plant)
    assert held.reason == "settings"
    assert "pip install easyofd" in held.detail
    assert "FACTORY_SECOND_READING_SAMPLE=0" in held.detail


def test_the_doctor_tells_that_easyofd_is_missing(plant: Plant) -> None:
    well = second_look(plant)
    without_easyofd(plant)

    ill = second_look(plant)

    assert (well.well, ill.well) == (True, False)
    assert "pip install easyofd" in ill.detail


def test_the_doctor_asks_for_easyofd_only_where_it_is_wanted(plant: Plant) -> None:
    without_easyofd(plant)
    plant.settings = replace(plant.settings, second_reading_sample=0)

    assert second_look(plant).well


def second_look(plant: Plant) -> doctor.Finding:
    return next(each for each in doctor.examine(plant) if each.name == "second reading")


# --- verifying --------------------------------------------------------------------------------


@pytest.fixture
def verify(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[bytes], Result]:
    """The command, of a file of these bytes."""
    for name, value in plant.settings.to_env().items():
        monkeypatch.setenv(name, value)

    def run(data: bytes) -> Result:
        (tmp_path / "x.ofd").write_bytes(data)
        return CliRunner().invoke(cli.main, ["verify", str(tmp_path / "x.ofd")])

    return run


def ofd_of(plant: Plant) -> bytes:
    """The first OFD in the store."""
    return plant.store.get(next(key for key in stored(plant) if key.endswith(".ofd")))


def test_an_ofd_of_ours_is_valid_and_says_which_edition_it_is(plant: Plant) -> None:
    number = collected(plant)

    found = desk.examine(plant, ofd_of(plant))

    assert (found.word, found.state) == ("valid", "collected")
    assert (found.registration, found.edition, found.in_force) == (number, 1, True)
    assert all(check.ok for check in found.verdict.checks)


def test_an_ofd_is_superseded_after_a_rename(
    plant: Plant, verify: Callable[[bytes], Result]
) -> None:
    batch = rename(plant)
    old = plant.store.get(
        next(key for key in stored(plant) if key.endswith("/001/certificate.ofd"))
    )
    outdated = desk.examine(plant, old)

    for _ in range(2):  # the first certificate, then the others
        produce(plant)
        steps.advance(plant, batch)

    found = desk.examine(plant, old)
    assert (outdated.word, outdated.state) == ("valid", "outdated")
    assert (found.word, found.state, found.in_force) == ("valid", "superseded", False)
    told = verify(old)
    assert told.exit_code == exits.NOT_IN_FORCE
    assert "valid superseded" in told.stdout


def test_an_altered_ofd_is_none_of_ours_though_it_names_an_edition(
    plant: Plant, verify: Callable[[bytes], Result]
) -> None:
    number = collected(plant)

    data = changed(ofd_of(plant))

    found = desk.examine(plant, data)
    assert (found.word, found.genuine, found.registration) == ("altered", False, number)
    assert not found.on_record
    told = verify(data)
    assert told.exit_code == exits.REFUSED
    assert "altered collected" not in told.stdout
    assert "it is NOT the file on record; the certificate on record is: collected" in told.stdout


@pytest.mark.parametrize("kind", ["roots", "issuers"])
def test_an_ofd_of_somebody_else_is_untrusted_and_says_where_their_cas_go(
    plant: Plant, verify: Callable[[bytes], Result], kind: str
) -> None:
    """As it is where nobody has put the other authority's CAs into the keyring."""
    collected(plant)
    data = ofd_of(plant)
    for each in (plant.settings.keyring_dir / kind).glob("*sm2*"):
        each.unlink()

    told = verify(data)

    assert told.exit_code == exits.REFUSED
    assert told.stdout.startswith("untrusted")
    assert f"{kind}/" in told.stderr
