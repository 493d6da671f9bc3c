"""Previews: documents as they would be, marked, never sealed; all of them on one picture."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from pypdf import PdfReader

import cli
from factory import courses, events, verify
from factory.courses import Case
from factory.errors import AwaitsError, ConflictError, FieldError, NotFoundError
from factory.events import Event
from factory.kinds import KINDS
from factory.model import ApplicationType, Kind
from factory.page import extract
from factory.page.fonts import FontBook
from factory.page.proof import plain
from jobs import intake
from jobs.contact import WIDTH_PX, Specimen, contact_sheet
from jobs.preview import Preview, Studio
from jobs.settings import Settings
from jobs.wiring import font_files, load_fonts
from tests.plants import new_plant
from tests.studios import TODAY, studio

FONTS = Settings.from_env({}).font_dirs
SHANGHAI, GANSU = "shanghai-constructor", "gansu-constructor"
OK, REFUSED, USAGE, NOT_FOUND, CONFLICT = 0, 1, 2, 4, 5


@pytest.fixture(scope="module")
def fontbook() -> FontBook:
    return load_fonts(FONTS)


@pytest.fixture(scope="module")
def rooms(fontbook: FontBook) -> Studio:
    return studio(fontbook)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command on a machine that has fonts and nothing else."""
    monkeypatch.setenv("FACTORY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(cli.main, ["preview", *words])


def told(name: str, kind: ApplicationType, **also: object) -> list[Event]:
    rules = studio().installed[name].on(TODAY)
    case = replace(Case(profile=rules, kind=kind), **also)  # type: ignore[arg-type]
    return [events.parse(json.dumps(each).encode()) for each in courses.course(case)]


def life(name: str) -> list[dict[str, object]]:
    rules = studio().installed[name].on(TODAY)
    return list(courses.life(Case(profile=rules, kind=ApplicationType.INITIAL)))


def as_lines(told: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in told)


def text_of(preview: Preview) -> str:
    return plain("".join(extract.texts(preview.pdf)))


# --- what events would lead to ----------------------------------------------------------------


def test_an_approval_leads_to_a_certificate_with_its_data(rooms: Studio) -> None:
    history = told(SHANGHAI, ApplicationType.INITIAL, also={"name": "王小明"})

    text = text_of(rooms.of_events(Kind.CERTIFICATE, history, None))

    assert "王小明" in text and "建筑工程（有效期：2024-3-8至2027-3-7）" in text


def test_lines_before_the_event_are_its_history(rooms: Studio) -> None:
    history = told(GANSU, ApplicationType.RENEWAL)

    text = text_of(rooms.of_events(Kind.CERTIFICATE, history, None))

    assert "有效期：2024-7-3至2027-7-2" in text  # after the old end


def test_without_its_history_the_same_event_leads_to_nothing(rooms: Studio) -> None:
    last = told(GANSU, ApplicationType.RENEWAL)[-1:]

    with pytest.raises(AwaitsError, match="acceptance_number"):
        rooms.of_events(Kind.CERTIFICATE, last, None)


def test_an_event_that_changes_nothing_printed_leads_to_no_certificate(rooms: Studio) -> None:
    signed = told(GANSU, ApplicationType.RENEWAL)[:3]

    with pytest.raises(ConflictError, match=r"none follows from application\.signed"):
        rooms.of_events(Kind.CERTIFICATE, signed, None)


def test_a_rename_leads_to_a_certificate_with_the_new_name(rooms: Studio) -> None:
    whole = life(SHANGHAI)
    place = next(n for n, each in enumerate(whole) if each["type"] == "enterprise.renamed")
    history = [events.parse(json.dumps(each).encode()) for each in whole[: place + 1]]
    names = history[-1].data.enterprise  # type: ignore[union-attr]

    text = text_of(rooms.of_events(Kind.CERTIFICATE, history, None))

    assert names.new_name in text  # type: ignore[union-attr]
    assert names.old_name not in text  # type: ignore[union-attr]


def test_a_rename_of_an_enterprise_nobody_is_registered_at_leads_to_nothing(
    rooms: Studio,
) -> None:
    whole = life(SHANGHAI)
    only = [each for each in whole if each["type"] == "enterprise.renamed"]
    history = [events.parse(json.dumps(each).encode()) for each in only]

    with pytest.raises(NotFoundError, match="give --profile"):
        rooms.of_events(Kind.CERTIFICATE, history, None)
    with pytest.raises(NotFoundError, match="nobody is registered there"):
        rooms.of_events(Kind.CERTIFICATE, history, SHANGHAI)


def test_other_people_s_events_do_not_matter(rooms: Studio) -> None:
    mine = told(SHANGHAI, ApplicationType.INITIAL)
    others = told(SHANGHAI, ApplicationType.INITIAL, seed=2)

    alone = rooms.of_events(Kind.CERTIFICATE, mine, None)

    assert rooms.of_events(Kind.CERTIFICATE, others + mine, None).pdf == alone.pdf


def test_an_event_of_the_future_is_refused(rooms: Studio) -> None:
    early = replace(rooms, today=TODAY.replace(year=2023))

    with pytest.raises(FieldError, match="lies in the future"):
        early.of_events(Kind.CERTIFICATE, told(SHANGHAI, ApplicationType.INITIAL), None)


def test_what_would_be_held_for_a_check_character_is_drawn_and_told(rooms: Studio) -> None:
    wrong = told(SHANGHAI, ApplicationType.INITIAL, also={"id_number": "319900199001010011"})

    assert any("GB 11643" in note for note in rooms.of_events(Kind.CERTIFICATE, wrong, None).notes)
    right = told(SHANGHAI, ApplicationType.INITIAL)
    assert rooms.of_events(Kind.CERTIFICATE, right, None).notes == ()


# --- what a preview is not --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_preview_has_no_signature_and_is_nobody_s_genuine_document(
    rooms: Studio, kind: Kind, tmp_path: Path
) -> None:
    plant = new_plant(tmp_path, f"sqlite:///{tmp_path / 'ledger.sqlite3'}")

    shown = rooms.of_specimens(kind, None, None)

    assert "/AcroForm" not in PdfReader(io.BytesIO(shown.pdf)).trailer["/Root"]
    verdict = verify.verify_pdf(shown.pdf, plant.keyring.trust_roots())
    assert verdict.verdict is verify.VerdictWord.UNSIGNED


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_of_a_preview_is_marked(rooms: Studio, kind: Kind) -> None:
    name = next(n for n in rooms.installed if _has(rooms, kind, n))
    rules = rooms.installed[name].on(TODAY)
    unmarked = rooms.draw(kind, rooms.specimen(kind, rules, None)).document
    marked = rooms.of_specimens(kind, name, None)

    pages = zip(extract.pictures(unmarked, 40), marked.pictures(40), strict=True)

    assert all(one.tobytes() != other.tobytes() for one, other in pages)
    assert extract.texts(unmarked) == extract.texts(marked.pdf)


def _has(rooms: Studio, kind: Kind, name: str) -> bool:
    return kind in rooms.kinds_of(rooms.installed[name].on(TODAY))


# --- the command ------------------------------------------------------------------------------


def test_the_command_writes_a_document_and_its_pages(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    done = run("certificate", "--profile", GANSU, "--dpi", "50", "--json")

    [kept] = json.loads(done.stdout)["documents"]
    assert done.exit_code == OK
    assert kept["pdf"] == f"preview/certificate-{GANSU}.pdf"
    assert (tmp_path / kept["pdf"]).read_bytes().startswith(b"%PDF-1.7")
    assert Image.open(tmp_path / kept["pictures"][0]).size == (414, 585)


def test_the_command_makes_nothing_but_the_files(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    run("certificate", "--out", "there")

    assert {path.name for path in tmp_path.iterdir()} == {"there"}


def test_the_command_draws_what_a_file_leads_to(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(as_lines(life(SHANGHAI)[:5]))

    done = run("certificate", "--event", "events.jsonl")

    assert done.exit_code == OK, done.output
    assert f"certificate-{SHANGHAI}.pdf" in done.stdout


@pytest.mark.parametrize("change", [{"id": ""}, {"data": {}}, {"type": "nothing.known"}])
def test_a_wrong_event_is_refused_with_the_words_of_submit(
    run: Callable[..., Result], tmp_path: Path, change: dict[str, object]
) -> None:
    event = life(SHANGHAI)[0] | change
    plant = new_plant(tmp_path, f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    said = intake.submit(plant, json.dumps(event).encode(), who="test").problems
    (tmp_path / "wrong.json").write_text(json.dumps(event))

    done = run("certificate", "--event", "wrong.json")

    told = " ".join(done.stderr.split())
    assert done.exit_code == REFUSED
    assert said and all(f"line 1: {field}: {rule}" in told for field, rule in said)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("certificate --profile nowhere", NOT_FOUND, "installed are gansu-constructor"),
        ("certificate --profile zhejiang-constructor --type reregistration", NOT_FOUND,
         "has no reregistration, but initial"),
        ("certificate --profile shanghai-cost-engineer --type cancellation", NOT_FOUND,
         "no certificate follows from cancellation"),
        ("diploma", USAGE, "certificate"),
        ("", USAGE, "give one KIND"),
        ("certificate --all", USAGE, "or --all"),
        ("--all --profile gansu-constructor", USAGE, "not with --profile"),
        ("certificate --event there-is-none", USAGE, "there-is-none"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_said(
    run: Callable[..., Result], words: str, code: int, told: str
) -> None:
    done = run(*words.split())

    assert done.exit_code == code
    assert told in " ".join(done.stderr.split())


def test_a_kind_that_a_register_does_not_have_is_told_with_those_it_has(rooms: Studio) -> None:
    there = "certificate, application_form, rename_list, batch_report"

    with pytest.raises(NotFoundError, match=f"has no filing_slip; its documents are {there}"):
        rooms.of_specimens(Kind.FILING_SLIP, GANSU, None)


def test_an_empty_file_is_no_event(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")

    assert run("certificate", "--event", "empty").exit_code == REFUSED


def test_all_kinds_of_all_registers_come_on_one_picture(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    done = run("--all", "--out", "all", "--dpi", "20", "--json")

    found = json.loads(done.stdout)
    assert {each["profile"] for each in found["documents"]} == set(studio().installed)
    assert Image.open(tmp_path / found["contact_sheet"]).width == WIDTH_PX


# --- the contact sheet ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 12, 25])
def test_every_page_has_its_place_on_the_sheet(count: int) -> None:
    font = font_files(FONTS)["LXGWWenKai-Regular.ttf"]
    shades = [(10 + 9 * n, 200, 30) for n in range(count)]
    pages = [
        Specimen(picture=Image.new("RGB", (210, 297), each), title="注册证书", caption="上海")
        for each in shades
    ]

    sheet = contact_sheet(pages, font)

    seen = {colour for _, colour in sheet.getcolors(1 << 24) or []}
    assert set(shades) <= seen
    assert sheet.width == WIDTH_PX


def test_a_long_title_stays_under_its_page() -> None:
    font = font_files(FONTS)["LXGWWenKai-Regular.ttf"]
    page = Image.new("RGB", (210, 297), (255, 255, 255))
    long = Specimen(picture=page, title="很长的文书名称" * 12, caption="")

    sheet = contact_sheet([long], font)

    edge = [sheet.getpixel((8, y)) for y in range(sheet.height)]
    assert set(edge) == {sheet.getpixel((0, 0))}
