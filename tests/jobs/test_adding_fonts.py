"""Added fonts: a name that could not be printed is printed, without a restart."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pypdf import PdfReader
from sqlalchemy import func, select, update

import cli
from factory import specimen
from factory.errors import FieldError, StoreUnavailableError
from factory.model import ChunkId
from factory.page import fontfile
from factory.page.fonts import Style
from jobs import desk, enquiry, fonts, line
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from jobs.wiring import Plant, plant_of
from storage import tables as t
from storage.ledger import fonts as ledger_fonts
from storage.ledger import holds
from tests import judges
from tests.fontmaking import EXTENSION_I, SHAPE, collection, small_font
from tests.plants import WHO, open_chunks, submit
from tests.telling import opened

PRIVATE_USE = "\ue0c5"
NAME = f"欧阳{EXTENSION_I}"
FONT = small_font({EXTENSION_I: SHAPE, PRIVATE_USE: SHAPE})


@pytest.fixture
def plant(tmp_path: Path, db_url: str, s3: Settings, fresh_bucket: str) -> Plant:
    """A plant over a real store, in a bucket of its own."""
    own = {"data_dir": tmp_path, "keyring_dir": tmp_path / "keyring", "db_url": db_url}
    return opened(plant_of(replace(s3, **own, s3_bucket=fresh_bucket)))


@pytest.fixture
def say(plant: Plant) -> Callable[..., Result]:
    """A command of this plant: ``say("fonts", "list")``."""

    def run(*words: str, stdin: str | bytes = "") -> Result:
        return CliRunner(env=dict(plant.settings.to_env())).invoke(cli.main, words, input=stdin)

    return run


def approve(plant: Plant, seed: int, name: str) -> str:
    """An approval of a holder of that name; the registration number."""
    event = specimen.approved(seed)
    event["data"]["holder"]["name"] = name
    outcome = submit(plant, event)
    assert outcome.registration is not None, outcome
    return outcome.registration


def work(plant: Plant) -> None:
    """What a worker does when every bell rings."""
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def held(plant: Plant) -> list[holds.Held]:
    return list(desk.open_holds(plant))


def document(plant: Plant, number: str) -> bytes:
    """The certificate that was made."""
    newest = enquiry.registration_status(plant, number).registration.newest
    assert newest is not None
    return plant.store.get(newest.files[0].object_key)


# --- from the hold to the certificate ---------------------------------------------------------


def test_a_name_no_face_prints_is_printed_after_its_font_was_added(
    plant: Plant, tmp_path: Path
) -> None:
    worker = plant_of(plant.settings)  # started before anybody thinks of a font
    number = approve(plant, 1, NAME)
    work(worker)
    [hold] = held(plant)
    assert (hold.reason, hold.subject_kind, hold.owner) == ("unprintable", "order", "operations")
    assert "U+2EBF0" in hold.detail and EXTENSION_I not in hold.detail

    added = fonts.add(plant, FONT, who=WHO)
    desk.retry(plant, hold.id, who=WHO, why="font added")
    work(worker)

    assert added.retriable == (hold.id,)
    assert held(plant) == []
    file = tmp_path / "certificate.pdf"
    file.write_bytes(document(plant, number))
    assert NAME in judges.text_of(file)
    assert set(judges.embedded_fonts(file)) == {"yes"}
    assert "TestHan" in judges.run("pdffonts", file)


def test_the_added_glyph_is_the_one_on_the_page(plant: Plant) -> None:
    """The font lends the shape of another character: both certificates draw the same outline."""
    number = approve(plant, 1, NAME)
    fonts.add(plant, FONT, who=WHO)

    work(plant)

    program = _font_program(document(plant, number), "TestHan")
    assert program == fontfile.examined(FONT).subset(EXTENSION_I).data


def _font_program(data: bytes, name: str) -> bytes:
    """The embedded font of that name."""
    resources = PdfReader(BytesIO(data)).pages[0]["/Resources"]["/Font"]
    [font] = [f for f in resources.values() if f.get_object()["/BaseFont"].endswith(name)]
    descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
    found: bytes = descriptor["/FontFile2"].get_data()
    return found


def test_a_name_that_was_printable_asks_nobody_for_fonts(plant: Plant) -> None:
    """Neither ledger nor store: what cannot be loaded stops only what needs it."""
    fonts.add(plant, FONT, who=WHO)
    plant.store.delete(ledger_fonts.object_key(fonts.add(plant, FONT, who=WHO).sha256))
    worker = plant_of(plant.settings)
    approve(plant, 1, "张三丰")

    work(worker)

    assert held(plant) == []
    assert worker.typefaces.book is worker.fontbook


def test_private_use_is_held_though_the_added_font_has_it(plant: Plant) -> None:
    approve(plant, 1, f"王{PRIVATE_USE}")
    work(plant)
    [hold] = held(plant)

    added = fonts.add(plant, FONT, who=WHO)
    desk.retry(plant, hold.id, who=WHO, why="font added")
    work(plant)

    assert added.cures == ()
    [again] = held(plant)
    assert (again.reason, "U+E0C5" in again.detail) == ("character", True)


def test_a_hold_of_which_one_character_is_cured_says_what_is_lacking(plant: Plant) -> None:
    approve(plant, 1, f"{NAME}\U0002ebf1")
    approve(plant, 2, NAME)
    work(plant)
    both, one = held(plant)

    added = fonts.add(plant, FONT, who=WHO)

    assert added.cures == (
        fonts.Cured(hold=both.id, code_points=("U+2EBF0", "U+2EBF1"), lacking=("U+2EBF1",)),
        fonts.Cured(hold=one.id, code_points=("U+2EBF0",), lacking=()),
    )
    assert added.retriable == (one.id,)


def test_two_fonts_together_cure_what_neither_does_alone(plant: Plant) -> None:
    approve(plant, 1, f"{NAME}\U0002ebf1")
    work(plant)
    [hold] = held(plant)

    fonts.add(plant, FONT, who=WHO)
    second = fonts.add(plant, small_font({"\U0002ebf1": SHAPE}, name="Second"), who=WHO)

    assert second.retriable == (hold.id,)


# --- adding -----------------------------------------------------------------------------------


def test_the_same_file_twice_changes_nothing(plant: Plant) -> None:
    first, second = (fonts.add(plant, FONT, who=WHO) for _ in range(2))

    assert (first.new, second.new) == (True, False)
    assert first.sha256 == second.sha256
    assert _rows(plant, t.added_font) == 1
    assert list(plant.store.list("fonts/")) == [f"fonts/{first.sha256}.ttf"]


def test_an_added_font_is_in_the_audit_log(plant: Plant) -> None:
    added = fonts.add(plant, FONT, who="cli:somebody")
    fonts.add(plant, FONT, who="cli:somebody")

    with plant.ledger.read() as tx:
        [row] = tx.run(select(t.audit).where(t.audit.c.action == "font added")).all()
    assert (row.who, row.object_kind, row.object_id) == ("cli:somebody", "font", "TestHan")
    assert row.what == {"sha256": added.sha256, "face": 0, "size_bytes": len(FONT)}


def test_two_faces_of_one_collection_share_their_object(plant: Plant) -> None:
    both = collection(small_font({"一": SHAPE}, name="One"), small_font({"丁": SHAPE}, name="Two"))

    one, two = (fonts.add(plant, both, face=face, who=WHO) for face in (0, 1))

    assert (one.new, two.new) == (True, True)
    assert len(list(plant.store.list("fonts/"))) == 1
    assert [face.name for face in plant.typefaces.renewed().kai[-2:]] == ["One", "Two"]


def test_a_font_that_may_not_be_embedded_leaves_no_trace(plant: Plant) -> None:
    with pytest.raises(FieldError, match="fsType"):
        fonts.add(plant, small_font({EXTENSION_I: SHAPE}, fs_type=2), who=WHO)

    assert _rows(plant, t.added_font) == 0
    assert list(plant.store.list("fonts/")) == []


def test_without_the_store_nothing_is_added(plant: Plant) -> None:
    away = _without_store(plant)

    with pytest.raises(StoreUnavailableError):
        fonts.add(away, FONT, who=WHO)

    assert _rows(plant, t.added_font) == 0


# --- loading ----------------------------------------------------------------------------------


@pytest.mark.on_both
def test_while_the_store_is_away_the_chunk_waits_and_nothing_is_held(plant: Plant) -> None:
    number = approve(plant, 1, NAME)
    fonts.add(plant, FONT, who=WHO)

    work(_without_store(plant))
    assert held(plant) == []
    _pause_is_over(plant)
    work(plant)

    assert held(plant) == []
    assert document(plant, number)


def test_a_font_the_store_has_lost_is_named_and_mended_by_adding_it_again(plant: Plant) -> None:
    number = approve(plant, 1, NAME)
    key = ledger_fonts.object_key(fonts.add(plant, FONT, who=WHO).sha256)
    plant.store.delete(key)
    worker = plant_of(plant.settings)

    work(worker)
    assert held(plant) == []  # somebody may be mending it
    fonts.add(plant, FONT, who=WHO)
    _pause_is_over(plant)
    work(worker)

    assert document(plant, number)


def test_every_process_prints_with_the_face_that_was_added_first(plant: Plant) -> None:
    """Also one that has loaded the first before the second was there."""
    early = plant_of(plant.settings)
    for name in ("First", "Second"):
        fonts.add(plant, small_font({EXTENSION_I: SHAPE}, name=name), who=WHO)
        early.typefaces.renewed()

    books = [early.typefaces.book, plant_of(plant.settings).typefaces.renewed()]

    faces = [book.face_for(Style.KAI, EXTENSION_I) for book in books]
    assert [face.name for face in faces if face] == ["First", "First"]


def test_a_font_is_fetched_once(plant: Plant) -> None:
    sha256 = fonts.add(plant, FONT, who=WHO).sha256
    first = plant.typefaces.renewed()
    plant.store.delete(ledger_fonts.object_key(sha256))

    assert plant.typefaces.renewed() is first


def _without_store(plant: Plant) -> Plant:
    """The same plant while its store gives no answer."""
    endpoint = f"http://{LOOPBACK}:{free_port()}"
    return plant_of(replace(plant.settings, s3_endpoint=endpoint))


def _pause_is_over(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.chunk).values(run_after=t.chunk.c.created_at))


def _rows(plant: Plant, table: object) -> int:
    with plant.ledger.read() as tx:
        count: int = tx.run(select(func.count()).select_from(table)).scalar_one()
        return count


# --- what people type -------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "rare.ttf"
    path.write_bytes(FONT)
    return str(path)


def test_the_command_says_which_holds_it_cures(
    plant: Plant, say: Callable[..., Result], file: str
) -> None:
    approve(plant, 1, NAME)
    work(plant)
    [hold] = held(plant)

    done = say("fonts", "add", file)

    assert done.exit_code == 0, done.output
    assert "TestHan" in done.stdout and "added, for every worker" in done.stdout
    assert f"hold {hold.id} (U+2EBF0): certfactory held retry {hold.id}" in done.stdout
    assert EXTENSION_I not in done.stdout


@pytest.mark.on_both
def test_the_command_retries_at_once_when_told_to(
    plant: Plant, say: Callable[..., Result], file: str
) -> None:
    number = approve(plant, 1, NAME)
    work(plant)
    [hold] = held(plant)

    found = json.loads(say("fonts", "add", file, "--retry", "--json").stdout)
    work(plant)

    assert [moved["hold"] for moved in found["retried"]] == [hold.id] == found["retriable"]
    assert document(plant, number)


def test_the_command_twice_says_that_nothing_changed(say: Callable[..., Result], file: str) -> None:
    say("fonts", "add", file)

    again = say("fonts", "add", file)

    assert again.exit_code == 0
    assert "nothing changed" in again.stdout


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"%PDF", "no TrueType font"), (FONT[:500], "broken off"), (b"OTTO", "CFF")],
)
def test_the_command_refuses_a_file_in_one_line(
    say: Callable[..., Result], tmp_path: Path, data: bytes, why: str
) -> None:
    path = tmp_path / "other.ttf"
    path.write_bytes(data)

    done = say("fonts", "add", str(path))

    assert done.exit_code == 1
    assert why in done.stderr and "Traceback" not in done.stderr


def test_a_file_too_large_is_refused_before_it_is_read(
    say: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "large.ttf"
    with path.open("wb") as file:
        file.truncate(10**12)  # sparse

    done = say("fonts", "add", str(path))

    assert done.exit_code == 1
    assert "at most 100000000 bytes" in done.stderr


def test_a_file_that_is_not_there_is_not_found(say: Callable[..., Result], tmp_path: Path) -> None:
    assert say("fonts", "add", str(tmp_path / "none.ttf")).exit_code == 4


def test_the_list_has_the_installed_faces_and_behind_them_the_added(
    say: Callable[..., Result], file: str
) -> None:
    say("fonts", "add", file)

    names = [row["name"] for row in json.loads(say("fonts", "list", "--json").stdout)]
    table = say("fonts", "list").stdout

    assert names[0] == "LXGWWenKai" and names[-1] == "TestHan"
    assert all(name in table for name in names)


def test_coverage_names_the_face_of_each_character(say: Callable[..., Result]) -> None:
    done = say("fonts", "coverage", "张e\u0301", "--json")

    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [(row["code_point"], row["face"]) for row in found] == [
        ("U+5F20", "LXGWWenKai"), ("U+00E9", "LXGWWenKai"),
    ]  # fmt: skip


def test_coverage_of_what_cannot_be_printed_says_why(say: Callable[..., Result], file: str) -> None:
    before = say("fonts", "coverage", "--text-from-stdin", stdin=f"{NAME}{PRIVATE_USE}\n")
    say("fonts", "add", file)
    after = say("fonts", "coverage", "--text-from-stdin", stdin=NAME)

    assert (before.exit_code, after.exit_code) == (1, 0)
    assert "no face has it: add a font" in before.stdout
    assert "private use" in before.stdout
    assert "TestHan" in after.stdout


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("coverage",), ""),
        (("coverage", "张", "--text-from-stdin"), "张"),
        (("coverage", "--text-from-stdin"), b"\xff\xfe"),
        (("add",), ""),
        (("add", "x.ttf", "--face", "-1"), ""),
    ],
)
def test_wrong_usage_says_so(
    say: Callable[..., Result], words: tuple[str, ...], stdin: str | bytes
) -> None:
    assert say("fonts", *words, stdin=stdin).exit_code == 2
