"""What a bulk event will do, shown before it is confirmed: counts, samples, changes, time."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageChops
from sqlalchemy import func, select, update

import cli
from factory import courses
from factory.contrast import Sort, of_sort
from factory.courses import Case
from factory.errors import ConflictError, NotFoundError, SettingsError
from factory.estimate import Basis, Bottleneck
from factory.model import ApplicationType, BatchId, ChunkId, Format
from factory.profile import Profile
from factory.sampling import Why
from jobs import line
from jobs.beside import Words, beside
from jobs.bulk import confirming, expecting, scopes, steering, steps
from jobs.bulk.preview import Outline, keep_private, preview
from jobs.bulk.samples import Now, sample, subject
from jobs.settings import Settings
from jobs.wiring import Plant, font_files
from storage import tables as t
from storage.ledger import Tx, batches, people, registers
from storage.ledger.batches import Batch
from storage.ledger.registers import RegistrationRow
from tests.plants import WHO, open_chunks, submit
from tests.telling import whole_factory

CONSTRUCTORS, ENGINEERS, GANSU = (
    "shanghai-constructor",
    "shanghai-cost-engineer",
    "gansu-constructor",
)
LONG_NAME = "阿卜杜热合曼·买买提吐尔逊"
RENAMED = BatchId(1)
FORCE = "force"
REAL = (Sort.PRINTED, Sort.TWIN, Sort.DESIGN)


@pytest.fixture
def plant(tmp_path: Path, s3: Settings) -> Plant:
    return whole_factory(tmp_path / "plant", s3)


def case(plant: Plant, profile: str, seed: int = 1, **how: object) -> Case:
    rules = plant.profiles[profile].all[-1]
    return Case(profile=rules, kind=ApplicationType.INITIAL, seed=seed, **how)  # type: ignore[arg-type]


def tell(plant: Plant, told: tuple[dict[str, object], ...]) -> None:
    for each in told:
        data = each["data"]
        assert isinstance(data, dict)
        if each["type"] in {"registration.approved", "enterprise.renamed"} or (
            data.get("outcome") == "announced"
        ):
            submit(plant, each)


def work(plant: Plant) -> None:
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def renamed(plant: Plant, *profiles: str, people: int = 2, made: bool = True) -> BatchId:
    """An enterprise with people in these registers, whose rename waits for confirmation."""
    first = case(plant, profiles[0])
    for profile in profiles:
        for seed in range(1, people + 1):
            also = {"name": LONG_NAME} if seed == people else {}
            who = case(plant, profile, seed, firm=first.enterprise, also=also)
            tell(plant, courses.course(who))
    if made:
        work(plant)
    tell(plant, courses.renaming(first)[-1:])
    for _ in range(4):
        steps.advance(plant, RENAMED)
    return RENAMED


def outline(plant: Plant, folder: Path, batch: BatchId = RENAMED, **how: object) -> Outline:
    given = {"most": 3} | how
    return preview(plant, batch, folder, **given)  # type: ignore[arg-type]


def rename_again(plant: Plant) -> BatchId:
    """The same enterprise once more; that batch, prepared."""
    told = courses.renaming(case(plant, CONSTRUCTORS))[-1]
    names = told["data"]["enterprise"]
    names |= {"old_name": names["new_name"], "new_name": "上海示例又更名建设有限公司"}
    batch = submit(plant, told | {"id": "again"}).batch
    assert batch is not None
    for _ in range(3):
        steps.advance(plant, BatchId(batch))
    return BatchId(batch)


def befall(plant: Plant, *what: str) -> list[str]:
    """Since it was prepared the first registrations lost that; their registration numbers."""
    with plant.ledger.write(WHO) as tx:
        found = registers.load(tx, range(1, len(what) + 1))
        for ident, lost in enumerate(what, start=1):
            view = dict(tx.run(select(t.registration.c.view).filter_by(id=ident)).scalar_one())
            values = {"state": "cancelled"} if lost == FORCE else {"view": view | {lost: None}}
            tx.run(update(t.registration).where(t.registration.c.id == ident).values(values))
        return [row.value.number for row in found.values()]


def rows(plant: Plant) -> dict[str, int]:
    """How many rows each table has."""
    with plant.ledger.read() as tx:
        return {
            name: tx.run(select(func.count()).select_from(table)).scalar_one()
            for name, table in t.metadata.tables.items()
        }


def test_a_rename_is_shown_beside_the_present_certificates(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=2)

    found = outline(plant, tmp_path)

    assert (found.total, found.to_make, found.to_skip, found.to_hold) == (2, 2, 0, 0)
    assert [each.why for each in found.samples] == [Why.PROFILE, Why.SPREAD]
    for each in found.samples:
        assert (each.known, each.edition) == (Now.FILE, 2)
        [change] = of_sort(each.changes, *REAL)
        assert change.field == "enterprise.name"
        assert each.picture is not None
        with Image.open(each.picture) as picture:
            assert picture.width > picture.height


def test_every_register_is_shown(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, GANSU, people=2)

    found = outline(plant, tmp_path)

    assert {each.profile for each in found.samples[:2]} == {CONSTRUCTORS, GANSU}
    assert {(each.profile, each.items) for each in found.counts} == {(CONSTRUCTORS, 2), (GANSU, 2)}


def test_what_is_made_when_it_is_collected_is_skipped(plant: Plant, tmp_path: Path) -> None:
    """As cost engineers of Shanghai have it."""
    renamed(plant, ENGINEERS, people=1)

    found = outline(plant, tmp_path)

    assert (found.samples, found.to_skip, found.to_make) == ((), 1, 0)


def test_before_it_is_made_the_order_is_shown(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=1, made=False)

    [found] = outline(plant, tmp_path).samples

    assert found.known is Now.ORDERED
    assert found.picture is not None


def test_an_ofd_alone_is_drawn_anew(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=1)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.file).values(format=Format.OFD.value))

    [found] = outline(plant, tmp_path).samples

    assert found.known is Now.FACE


def test_what_was_made_elsewhere_is_compared_with_what_the_register_has(
    plant: Plant, tmp_path: Path
) -> None:
    renamed(plant, CONSTRUCTORS, people=1)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.production_order).values(edition_id=None))
        tx.run(update(t.edition).values(medium="paper"))
        subject = batches.get(tx, RENAMED).subject
    old_name, new_name = subject["old_name"], subject["new_name"]

    [found] = outline(plant, tmp_path).samples

    [change] = found.changes
    assert (found.known, change.field) == (Now.PAPER, "enterprise.name")
    assert (change.now, change.then) == (old_name, new_name)
    assert found.picture is not None


def test_a_new_design_is_told(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed(plant, CONSTRUCTORS, people=1)

    renames = scopes.Rename.then

    def in_ofd(
        scope: scopes.Rename, plant: Plant, tx: Tx, batch: Batch, row: RegistrationRow
    ) -> tuple[Profile, RegistrationRow]:
        profile, later = renames(scope, plant, tx, batch, row)
        rules = profile.certificate.model_copy(update={"formats": (Format.PDF, Format.OFD)})
        return profile.model_copy(update={"certificate": rules, "version": "next"}), later

    monkeypatch.setattr(scopes.Rename, "then", in_ofd)

    found = outline(plant, tmp_path)

    [shown] = found.samples
    changed = [each.field for each in of_sort(shown.changes, *REAL)]
    assert changed == ["enterprise.name", "formats", "version"]
    assert found.counts[0].formats == (Format.PDF, Format.OFD)


def test_a_sample_that_cannot_be_drawn_says_why(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed(plant, CONSTRUCTORS, people=1)

    def too_long(
        _: object, plant: Plant, tx: Tx, batch: Batch, row: RegistrationRow
    ) -> tuple[Profile, RegistrationRow]:
        employer = replace(row.value.enterprise, name="示例" * 200 + "公司")
        value = replace(row.value, enterprise=employer)
        return plant.profile(tx, row.profile), replace(row, value=value)

    monkeypatch.setattr(scopes.Rename, "then", too_long)

    [found] = outline(plant, tmp_path).samples

    assert found.picture is None
    assert found.problem is not None
    assert "enterprise" in found.problem


def test_nothing_is_written_and_everybody_sees_the_same(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=3)
    before = rows(plant)

    first, again = (outline(plant, tmp_path / name, most=2) for name in ("one", "two"))

    assert rows(plant) == before
    assert [e.registration for e in first.samples] == [e.registration for e in again.samples]


def test_who_would_be_held_is_listed_and_not_drawn(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=4)
    first, second = befall(plant, "photo", FORCE)

    found = outline(plant, tmp_path, most=9)

    assert (found.total, found.to_make, found.to_skip, found.to_hold) == (4, 2, 1, 1)
    assert [(each.registration, each.reason) for each in found.held] == [(first, "picture")]
    assert len(found.samples) == 2
    assert not {first, second} & {each.registration for each in found.samples}


def test_what_another_batch_has_made_since_is_not_to_be_made(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed(plant, CONSTRUCTORS, people=2)
    first = outline(plant, tmp_path)
    monkeypatch.setattr(scopes.Rename, "is_done", lambda *_: scopes.RIGHT_ALREADY)

    found = outline(plant, tmp_path)

    assert (first.to_make, first.as_of) == (2, None)
    assert (found.total, found.to_make, found.to_skip, found.samples) == (2, 0, 2, ())


def test_whoever_came_since_is_counted(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=2)
    first = case(plant, CONSTRUCTORS)
    tell(plant, courses.course(case(plant, CONSTRUCTORS, 3, firm=first.enterprise)))

    found = outline(plant, tmp_path, most=9)

    assert (found.total, found.to_make, len(found.samples)) == (3, 3, 3)


def test_a_large_batch_is_told_as_it_was_prepared_but_for_its_samples(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expecting, "LOOKED_AGAIN", 3)
    renamed(plant, CONSTRUCTORS, people=4)
    lost = befall(plant, "photo", FORCE)

    found = outline(plant, tmp_path, most=9)

    assert found.as_of is not None
    assert (found.total, found.to_make, found.held) == (4, 4, ())
    assert len(found.samples) == 2
    assert not {*lost} & {each.registration for each in found.samples}


def test_of_many_an_even_spread_is_chosen_from(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expecting, "CANDIDATES", 2)
    monkeypatch.setattr(expecting, "SLICE", 2)
    renamed(plant, CONSTRUCTORS, people=4)

    found = outline(plant, tmp_path, most=9)

    assert (found.total, found.to_make, len(found.samples)) == (4, 4, 2)


def test_without_samples_there_is_no_folder(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=1)

    found = outline(plant, tmp_path / "none", most=0)

    assert found.samples == ()
    assert found.expects is None
    assert not (tmp_path / "none").exists()


def test_samples_tell_how_long_it_takes_until_something_was_measured(
    plant: Plant, tmp_path: Path
) -> None:
    renamed(plant, CONSTRUCTORS, people=2)
    guessed = outline(plant, tmp_path).expects
    assert guessed is not None
    assert guessed.basis is Basis.DRAWN

    confirming.confirm(plant, RENAMED, who=WHO, why="notice")
    for _ in range(4):
        steps.advance(plant, RENAMED)
        work(plant)
    later = rename_again(plant)
    known = outline(plant, tmp_path, later).expects

    assert known is not None
    assert known.basis is Basis.MEASURED


def test_a_rate_and_a_signer_are_reckoned_with(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=2)

    plant.settings = replace(plant.settings, signer_per_second=1)

    signed = outline(plant, tmp_path).expects
    steering.set_rate(plant, RENAMED, 1, who=WHO, why="slowly")
    paced = outline(plant, tmp_path).expects

    assert signed is not None and paced is not None
    assert (signed.least, signed.bottleneck) == (2, Bottleneck.SIGNER)
    assert (paced.least, paced.bottleneck) == (120, Bottleneck.RATE)


def test_a_batch_that_is_not_there_has_no_preview(plant: Plant, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        outline(plant, tmp_path, BatchId(99))


def test_a_batch_that_is_confirmed_has_no_preview(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=1)
    confirming.confirm(plant, RENAMED, who=WHO, why="notice")

    with pytest.raises(ConflictError, match="running already"):
        outline(plant, tmp_path)


# --- pictures ---------------------------------------------------------------------------------


def test_pictures_are_for_one_account(plant: Plant, tmp_path: Path) -> None:
    renamed(plant, CONSTRUCTORS, people=1)
    folder = tmp_path / "shown"

    [found] = outline(plant, folder).samples

    assert found.picture is not None
    assert Path(found.picture).stem == found.registration
    assert stat.S_IMODE(Path(found.picture).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_picture_that_was_there_before_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.touch(mode=0o644)

    keep_private(Image.new("RGB", (2, 2)), path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_in_place_of_a_picture_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "one.png").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SettingsError):
        keep_private(Image.new("RGB", (2, 2)), tmp_path / "one.png")
    assert not (tmp_path / "elsewhere").exists()


def test_the_changed_value_is_framed_on_both_pages(plant: Plant) -> None:
    renamed(plant, CONSTRUCTORS, people=1)
    with plant.ledger.read() as tx:
        batch = batches.get(tx, RENAMED)
        [row] = registers.load(tx, [1]).values()
        given = subject(plant, tx, *scopes.scope_of(batch).then(plant, tx, batch, row), now=row)
    found = sample(plant, given)
    words = Words(font_files(plant.settings.font_dirs), plant.typefaces.book)

    framed = beside(found, words)
    plain = beside(replace(found, changes=()), words)

    height = min(framed.height, plain.height)
    box = (0, 0, framed.width, height - 200)
    changed = ImageChops.difference(framed.crop(box), plain.crop(box)).getbbox()
    assert changed is not None
    assert changed[0] < framed.width / 2 < changed[2]


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def run(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name, value in plant.settings.to_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(cli.main, ["bulk", "preview", *words])


def test_the_command_says_what_will_happen_and_what_to_type(
    plant: Plant, run: Callable[..., Result], tmp_path: Path
) -> None:
    renamed(plant, CONSTRUCTORS, people=3)
    [held] = befall(plant, "photo")

    done = run("1")

    assert done.exit_code == 0, done.output
    for words in (CONSTRUCTORS, "聘用企业", held, "picture", "nothing is sealed",
                  "certfactory bulk confirm 1 --reason"):  # fmt: skip
        assert words in done.output
    assert len(list((tmp_path / "preview-batch-1").iterdir())) == 2


def test_no_holder_is_named_on_the_terminal(plant: Plant, run: Callable[..., Result]) -> None:
    renamed(plant, CONSTRUCTORS, people=2)
    with plant.ledger.write(WHO) as tx:  # somebody's name is corrected between
        holder = people.row(tx, 2)
        person = registers.load(tx, [2])[2].value.holder
        people.describe(tx, holder, replace(person, name="欧阳建造"))

    for words in (("1",), ("1", "--json")):
        done = run(*words)

        assert done.exit_code == 0, done.output
        assert "holder.name" in done.output or "姓名" in done.output
        assert LONG_NAME not in done.output
        assert "欧阳建造" not in done.output


def test_programs_get_the_whole(plant: Plant, run: Callable[..., Result]) -> None:
    renamed(plant, CONSTRUCTORS, people=1)

    told = json.loads(run("1", "--json", "-o", "there").output)

    assert told["total"] == told["to_make"] == 1
    [shown] = told["samples"]
    assert shown["picture"].startswith("there/")
    assert {each["field"] for each in shown["changes"] if each["sort"] == "printed"} == {
        "enterprise.name"
    }
    assert told["expects"]["least"] <= told["expects"]["usual"] <= told["expects"]["most"]


@pytest.mark.parametrize(("batch", "code"), [("99", 4), ("0", 2)])
def test_no_such_batch_is_refused(run: Callable[..., Result], batch: str, code: int) -> None:
    assert run(batch).exit_code == code
