"""The PDF press: which documents it is for, which it leaves to the reference writer, and that
nothing of one document comes into another."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from factory.errors import PictureError, PressUnableError, SealRefusedError
from factory.making import MAKINGS
from factory.model import Format, Kind
from factory.page.marks import Run
from factory.page.watermark import marked
from factory.pressing import Laid, shared_characters
from factory.seals.signer import LaterSigner, SealIdentity
from factory.seals.soft import SoftSigner
from factory.writers import pdf_words
from factory.writers.pdf_press import PdfPress, compiled
from jobs.preview import Studio
from storage import testca
from tests.factory.pressed import (
    DESIGNS,
    by_reference,
    grouped,
    plain,
    random_laid,
    sealed,
    signed,
    worded,
)
from tests.factory.sealing import NOW, World, new_identity, red_ring

CONSTRUCTOR, ENGINEER = DESIGNS[0], DESIGNS[4]
SECOND = timedelta(seconds=1)
ROOT = Path(__file__).parents[2]

Change = Callable[[Laid], Laid]


@pytest.fixture(scope="module")
def order(rooms: Studio) -> Laid:
    """One with a photo and a signature."""
    return plain(rooms, ENGINEER)


@pytest.fixture(scope="module")
def press(order: Laid, world: World) -> PdfPress:
    return compiled([order], world.p256)


# --- which documents it is for ------------------------------------------------------------------


def test_a_press_is_for_other_documents_of_its_design(
    press: PdfPress, order: Laid, rooms: Studio
) -> None:
    assert press.fits(order)
    assert press.fits(plain(rooms, ENGINEER, person=2))
    assert press.fits(worded(rooms, order, {"holder.name": "王𬭎"}))
    assert press.fits(replace(order, created=NOW + SECOND, licence_id="1.2.3"))


DIFFERENT: dict[str, Change] = {
    "title": lambda order: replace(order, title=f"{order.title}（副本）"),
    "no twin": lambda order: replace(order, twin=None),
    "no licence": lambda order: replace(order, licence_id=None),
    "no marks": lambda order: on_its_page(order, filled=()),
    "another page": lambda order: on_its_page(order, fixed=(*order.placed.pages[0].fixed,)[:-1]),
    "more pages": lambda order: replace(
        order, placed=replace(order.placed, pages=order.placed.pages * 2)
    ),
}


def on_its_page(order: Laid, **changed: object) -> Laid:
    [page] = order.placed.pages
    return replace(order, placed=replace(order.placed, pages=(replace(page, **changed),)))


@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT)
def test_a_press_is_for_no_document_that_differs_in_more_than_its_values(
    press: PdfPress, order: Laid, change: Change
) -> None:
    assert not press.fits(change(order))


def test_a_press_is_for_no_other_design_and_for_no_specimen(
    press: PdfPress, order: Laid, rooms: Studio
) -> None:
    specimen = replace(order, placed=marked(order.placed, rooms.fontbook))

    assert not any(press.fits(plain(rooms, each)) for each in DESIGNS[:6] if each != ENGINEER)
    assert not press.fits(specimen)


def test_a_press_is_for_no_document_with_other_pictures(
    press: PdfPress, rooms: Studio, order: Laid
) -> None:
    [page] = order.placed.pages
    without = tuple(mark for mark in page.filled if getattr(mark, "role", "") != "photo")

    assert not press.fits(on_its_page(order, filled=without))


# --- which it leaves to the reference writer ----------------------------------------------------


class Later(SoftSigner):
    """A signer who may take his time."""

    patience = timedelta(days=1)

    def ask(self, digests):
        return self.sign_digests(digests)

    def pending(self, digests):
        return {}

    def withdraw(self, digests):
        return None


def test_no_press_is_compiled_for_a_seal_that_may_come_later(order: Laid, world: World) -> None:
    later = Later(testca.new_key())
    assert isinstance(later, LaterSigner)

    with pytest.raises(PressUnableError, match="may come later"):
        compiled([order], replace(world.p256, signer=later))


def test_no_press_is_compiled_for_several_pages_or_without_a_place_for_a_seal(
    order: Laid, rooms: Studio, world: World
) -> None:
    form = rooms.draw(
        Kind.APPLICATION_FORM, rooms.specimen(Kind.APPLICATION_FORM, order.profile, None)
    ).laid
    nowhere = replace(order, placed=replace(order.placed, signatures=()))

    for each in (form, DIFFERENT["more pages"](order), nowhere):
        with pytest.raises(PressUnableError, match="place for a seal"):
            compiled([each], world.p256)


@pytest.mark.parametrize("days", [-2, 1096])
def test_a_certificate_seals_by_a_press_only_when_it_is_valid(
    press: PdfPress, order: Laid, world: World, days: int
) -> None:
    """As by the reference writer, and with the same words."""
    late = replace(order, created=NOW + timedelta(days=days))
    with pytest.raises(SealRefusedError) as expected:
        MAKINGS[Format.PDF].sealed(late, world.p256)

    for attempt in (lambda: press.sealed(late), lambda: compiled([late], world.p256)):
        with pytest.raises(SealRefusedError) as refused:
            attempt()
        assert str(refused.value) == str(expected.value)


def test_a_certificate_that_is_not_for_sealing_gets_no_press(order: Laid, world: World) -> None:
    unfit = replace(world.p256, signing_cert=world.ca.issuing.certificate)

    with pytest.raises(SealRefusedError, match="not for sealing"):
        compiled([order], unfit)


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    target = BytesIO()
    Image.new(mode, (24, 32), 90 if mode == "L" else (90, 80, 70, 60)[: len(mode)]).save(
        target, "JPEG", **options
    )
    return target.getvalue()


def with_photo(photo: bytes) -> Change:
    return lambda order: replace(order, pictures={**order.pictures, "photo": photo})


def bold(order: Laid) -> Laid:
    filled = order.placed.pages[0].filled
    changed = (each._replace(bold_mm=0.2) if isinstance(each, Run) else each for each in filled)
    return on_its_page(order, filled=tuple(changed))


def saying(name: str) -> Change:
    """A twin that says something else, as JSON does."""
    return lambda order: replace(
        order,
        twin=json.dumps({"name": name}, ensure_ascii=False).encode(),
    )


UNABLE: dict[str, tuple[Change, str]] = {
    "progressive": (with_photo(jpeg(progressive=True)), "photo: not a baseline JPEG"),
    "four colours": (with_photo(jpeg("CMYK")), "photo: not a baseline JPEG"),
    "torn": (with_photo(jpeg()[:40]), "photo: not a baseline JPEG"),
    "bold": (bold, "a value in bold"),
    "licence": (lambda order: replace(order, licence_id="1.2.<b>"), "a licence id"),
    "licence in Chinese": (lambda order: replace(order, licence_id="证1.2"), "a licence id"),
    "licence with a line end": (lambda order: replace(order, licence_id="1.2\n"), "a licence id"),
    "byte range": (saying("A/ByteRange[0 1 2 3]"), "a twin with words"),
    "stream": (saying("endstream endobj /JavaScript"), "a twin with words"),
}


@pytest.mark.parametrize(("change", "words"), UNABLE.values(), ids=UNABLE)
def test_what_a_press_cannot_make_it_leaves_to_the_reference_writer(
    press: PdfPress, order: Laid, world: World, change: Change, words: str
) -> None:
    before = sealed(press, order, world.p256)

    with pytest.raises(PressUnableError, match=words):
        press.sealed(change(order))

    assert sealed(press, order, world.p256) == before


@pytest.mark.parametrize("name", ["bold", "licence", "byte range", "stream", "progressive"])
def test_the_reference_writer_makes_it(order: Laid, world: World, name: str) -> None:
    change, _ = UNABLE[name]

    assert by_reference(change(order), world.p256)


ABLE: dict[str, Change] = {
    "grey": with_photo(jpeg("L")),
    "with all that a file can say": with_photo(
        jpeg(exif=b"Exif\0\0" + bytes(80), comment=b"words", icc_profile=bytes(300), dpi=(72, 72))
    ),
    "licence": lambda order: replace(order, licence_id="1.2.ab.C"),
    "slash": saying("/Byte Range, end stream"),
    "nothing": saying(""),
}


@pytest.mark.parametrize("change", ABLE.values(), ids=ABLE)
def test_what_comes_nearest_to_it_is_pressed(
    press: PdfPress, order: Laid, world: World, change: Change
) -> None:
    press.check(sealed(press, change(order), world.p256))


@pytest.mark.parametrize("photo", [None, b"", b"\x89PNG\r\n\x1a\n"])
def test_a_picture_that_is_missing_is_no_matter_of_the_press(
    press: PdfPress, order: Laid, world: World, photo: bytes | None
) -> None:
    """The same error as the reference writer's: the order is held."""
    pictures = {"signature": order.pictures["signature"]}
    torn = replace(order, pictures=pictures if photo is None else {**pictures, "photo": photo})

    with pytest.raises(PictureError, match="photo: the picture is missing or no JPEG"):
        press.sealed(torn)
    with pytest.raises(PictureError, match="photo: the picture is missing or no JPEG"):
        MAKINGS[Format.PDF].sealed(torn, world.p256)


# --- nothing of one document in another ---------------------------------------------------------


@pytest.fixture(scope="module")
def batch(rooms: Studio) -> list[Laid]:
    """With rare characters of several faces, long names and different moments."""
    found = max(grouped(random_laid(rooms, ENGINEER, 40)), key=len)
    return [replace(each, created=NOW + n % 3 * SECOND) for n, each in enumerate(found)]


@pytest.fixture(scope="module")
def alone(batch: list[Laid], world: World) -> list[bytes]:
    """Each of the batch by a press that makes nothing else."""
    return [sealed(compiled(batch[:8], world.p256), each, world.p256) for each in batch]


@pytest.mark.parametrize("room", [pdf_words.MOST_KEPT, 3, 1], ids="keeps {}".format)
def test_a_document_is_the_same_whatever_was_pressed_before_it(
    batch: list[Laid],
    alone: list[bytes],
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    room: int,
) -> None:
    """With all that is remembered there, and while it is forgotten again and again."""
    monkeypatch.setattr(pdf_words, "MOST_KEPT", room)
    press = compiled(batch[:8], world.p256)

    @given(st.lists(st.integers(0, len(batch) - 1), min_size=1, max_size=12))
    def any_order(places: list[int]) -> None:
        for place in places:
            assert sealed(press, batch[place], world.p256) == alone[place]

    any_order()
    assert len({len(data) for data in alone}) > len(alone) // 3


def test_documents_that_wait_for_signatures_do_not_disturb_each_other(
    batch: list[Laid], alone: list[bytes], world: World
) -> None:
    """A chunk is drawn whole, then signed, then closed, here in another order."""
    press = compiled(batch[:8], world.p256)
    waiting = [press.sealed(each) for each in batch]
    signatures = world.p256.signer.sign_digests([each.digest for each in waiting])

    closed = [each.finish(its) for each, its in reversed([*zip(waiting, signatures, strict=True)])]

    assert closed[::-1] == alone


def test_a_document_by_rsa_is_the_same_file_each_time(order: Laid, world: World) -> None:
    first, second = (sealed(compiled([order], world.rsa), order, world.rsa) for _ in range(2))

    assert first == second


def test_another_value_gives_another_digest(press: PdfPress, order: Laid, rooms: Studio) -> None:
    same, other = worded(rooms, order, {}), worded(rooms, order, {"holder.name": "王小朋"})

    assert press.sealed(same).digest == press.sealed(order).digest
    assert press.sealed(other).digest != press.sealed(order).digest


def test_each_signature_closes_its_own_document_only(
    press: PdfPress, order: Laid, rooms: Studio, world: World
) -> None:
    mine, other = press.sealed(order), press.sealed(worded(rooms, order, {"holder.name": "王小朋"}))
    [signature] = world.p256.signer.sign_digests([other.digest])

    press.check(signed(mine, world.p256))
    with pytest.raises(Exception, match="does not fit"):
        press.check(mine.finish(signature))


# --- what a template depends on -----------------------------------------------------------------


def test_a_template_has_the_characters_that_its_documents_share(rooms: Studio) -> None:
    names = ("王𠀁", "李𠀁", "张三", "陈㐀")
    orders = [plain(rooms, CONSTRUCTOR, also={"name": name}) for name in names]

    [kai, rare] = shared_characters(orders, one_in=4, most=160).values()

    assert "工" in kai
    assert not set("王李张") & set(kai)
    assert rare == "𠀁"


def test_of_too_many_shared_characters_always_the_same_are_taken(
    order: Laid,
) -> None:
    [few] = shared_characters([order], one_in=4, most=5).values()

    printed = {
        ch for mark in order.placed.pages[0].filled if isinstance(mark, Run) for ch in mark.text
    }
    assert few == "".join(sorted(printed)[:5])


def ident(orders: list[Laid], identity: SealIdentity) -> str:
    return compiled(orders, identity).ident


def test_a_template_is_known_by_what_it_is_made_of_and_by_nothing_else(
    order: Laid, rooms: Studio, world: World
) -> None:
    """The values of its first document are not in it, but for the characters they share."""
    rearranged = worded(rooms, order, {"holder.name": order.values["holder.name"][::-1]})
    later = replace(order, created=NOW + SECOND, twin=b"{}", licence_id="1.2.3", pictures={})

    same = {ident([each], world.p256) for each in (order, rearranged, later)}

    assert len(same) == 1
    assert len(same.pop()) == 64


def test_a_template_is_another_where_anything_in_it_is(
    order: Laid, rooms: Studio, world: World
) -> None:
    its = world.p256
    orders: list[Laid] = [
        order,
        plain(rooms, CONSTRUCTOR),
        worded(rooms, order, {"holder.name": "魏"}),
        *(change(order) for name, change in DIFFERENT.items() if name != "more pages"),
    ]
    picture = Image.open(BytesIO(red_ring()))
    picture.putpixel((30, 30), (1, 2, 3, 4))
    target = BytesIO()
    picture.save(target, "PNG")
    identities = [
        replace(its, picture=target.getvalue()),
        replace(its, chain=()),
        new_identity(world.ca),
        world.rsa,
    ]

    found = [ident([each], its) for each in orders] + [ident([order], i) for i in identities]

    assert len(set(found)) == len(found)


IN_ANOTHER_PROCESS = """
import sys
from dataclasses import replace
from pathlib import Path
from cryptography import x509
from factory.writers import pdf_press
from jobs.settings import Settings
from jobs.wiring import load_fonts
from tests.factory.pressed import DESIGNS, random_laid
from tests.factory.sealing import new_world
from tests.studios import studio
import os

pdf_press.MOST_SHARED = 30
certificate, issuer = x509.load_pem_x509_certificates(Path(sys.argv[1]).read_bytes())
rooms = studio(load_fonts(Settings.from_env(os.environ).font_dirs))
orders = [each for each in random_laid(rooms, DESIGNS[4], 12) if each.twin is not None]
seal = replace(new_world().p256, signing_cert=certificate, chain=(issuer,))
press = pdf_press.compiled(orders, seal)
print(press.ident, *(press.sealed(each).digest.hex() for each in orders if press.fits(each)))
"""


def test_a_template_is_the_same_in_another_process(world: World, tmp_path: Path) -> None:
    """And so are its documents, whatever the order in which sets come there."""
    path = tmp_path / "certificates.pem"
    certificates = (world.p256.signing_cert, world.ca.issuing.certificate)
    path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))

    said = [
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS, str(path)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]

    assert said[0] == said[1]
    assert len(said[0]) > 3
