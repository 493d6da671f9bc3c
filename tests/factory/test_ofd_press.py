"""The OFD press beside the reference writer, which is its oracle, and before judges of others."""

import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from factory.courses import Case
from factory.errors import (
    InvalidEventError,
    LintError,
    PressUnableError,
    SelfCheckError,
    UnprintableError,
)
from factory.kinds import KINDS
from factory.making import MAKINGS
from factory.model import Format, Kind
from factory.ofd.package import Member, opened, packed
from factory.page.fonts import WEN_KAI, FontBook
from factory.page.marks import Run
from factory.page.proof import plain
from factory.page.reread import differences
from factory.page.sheet import layout
from factory.pressing import Laid
from factory.profile import OfdData, OfdRules
from factory.seals import ses
from factory.seals.signer import SesIdentity
from factory.verify import VerdictWord, verify
from factory.writers.ofd_press import OfdPress, compiled
from factory.writers.ofd_press_package import stored
from jobs import second_reading
from jobs.preview import Drawn, Studio
from tests import judges, ofd_judges, ofd_stamps
from tests.random_cases import HAN, RARE, cases, draw
from tests.seal_making import NOW, OTHER_AUTHORITY, authority_ca, identity
from tests.studios import TODAY

ORDERS = int(os.environ.get("TEST_OFD_ORDERS", "150"))
REGISTERS = ("gansu-constructor", "shanghai-cost-engineer")
SAMPLE = 30  #: documents a press is compiled from
MANY, WARM = 20_000, 5_000  #: documents of one press, and those after which it takes no more memory
SOME_MEMORY = 8 * 1024 * 1024
SIGNATURE = bytes(71)  #: any; of the size that most have
STAMPED = 4  #: documents with a time stamp that all judges see
VALUE = "Doc_0/Signs/Sign_0/SignedValue.dat"
OTHERWISE = (
    ".ttf",
    "/Signature.xml",
    "/SignedValue.dat",
)  #: the fonts, and what their digests are in


@pytest.fixture(scope="module")
def batch(rooms: Studio) -> Mapping[str, Sequence[Laid]]:
    """Random certificates of each register, on a day when the test seal is valid."""
    return {register: tuple(orders(rooms, register, ORDERS // 2)) for register in REGISTERS}


@pytest.fixture(scope="module")
def presses(batch: Mapping[str, Sequence[Laid]]) -> Mapping[str, OfdPress]:
    return {register: compiled(laid[:SAMPLE], identity()) for register, laid in batch.items()}


@pytest.fixture(params=REGISTERS)
def register(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def laid(register: str, batch: Mapping[str, Sequence[Laid]]) -> Sequence[Laid]:
    return batch[register]


@pytest.fixture
def press(register: str, presses: Mapping[str, OfdPress]) -> OfdPress:
    return presses[register]


def orders(rooms: Studio, register: str, count: int) -> list[Laid]:
    found: list[Laid] = []

    @settings(
        max_examples=3 * count,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(rooms, Kind.CERTIFICATE, register))
    def each(case: Case) -> None:
        if len(found) == count:
            return
        try:
            found.append(replace(draw(rooms, Kind.CERTIFICATE, case).laid, created=NOW))
        except (UnprintableError, LintError, InvalidEventError):
            return  # such an order is held before any writer sees it

    each()
    assert len(found) == count, "too many were held"
    return found


def pressed(press: OfdPress, laid: Laid, seal: SesIdentity) -> bytes:
    awaiting = press.sealed(laid)
    [signature] = seal.signer.sign_digests([awaiting.digest])
    return awaiting.finish(signature)


def referred(laid: Laid) -> bytes:
    return MAKINGS[Format.OFD].sealed(laid, identity()).finish(SIGNATURE)


def alike(name: str) -> bool:
    return not name.endswith(OTHERWISE)


# --- beside the reference, and before the judges ----------------------------------------------


def test_every_document_is_the_reference_writers_but_for_its_fonts(
    press: OfdPress, laid: Sequence[Laid]
) -> None:
    for each in laid:
        ours, theirs = opened(press.sealed(each).finish(SIGNATURE)), opened(referred(each))

        assert list(ours) == list(theirs)
        assert [name for name in ours if alike(name) and ours[name] != theirs[name]] == []
        sizes = [len(both["Doc_0/Signs/Sign_0/Signature.xml"]) for both in (ours, theirs)]
        assert sizes[0] == sizes[1]


def test_all_judges_accept_every_document(
    register: str,
    press: OfdPress,
    laid: Sequence[Laid],
    absent: Callable[[str], None],
    tmp_path: Path,
) -> None:
    if not judges.OFD_CLI.exists():
        absent("ofd-cli: make setup-test")
    seal, ca = identity(), authority_ca()
    made = [pressed(press, each, seal) for each in laid]

    for number, (each, data) in enumerate(zip(laid, made, strict=True)):
        (tmp_path / f"{number}.ofd").write_bytes(data)
        press.check(data)
        MAKINGS[Format.OFD].self_check(data, seal)
        verdict = verify(data, [ca.root.certificate], issuers=[ca.issuing.certificate])
        assert (verdict.verdict, verdict.reasons) == (VerdictWord.VALID, ())
        assert verdict.licence_id == each.licence_id
        assert ofd_judges.openssl_accepts(data)
        read = plain(judges.ofd_text(data))
        assert all(plain(words) in read for words in printed(each))
    assert judges.ofd_faults(*sorted(tmp_path.glob("*.ofd"))) == ""
    seen = second_reading.read(made)
    assert [differences(a.placed, b or ()) for a, b in zip(laid, seen, strict=True)] == [()] * len(
        made
    )
    shutil.rmtree(tmp_path)


def test_all_judges_accept_a_stamped_document_as_they_do_the_bare_one(
    register: str,
    press: OfdPress,
    laid: Sequence[Laid],
    absent: Callable[[str], None],
    font_files: Mapping[str, bytes],
    tmp_path: Path,
) -> None:
    """Readers of others know nothing of the stamp, or take it for what it is (openssl)."""
    if not judges.OFD_CLI.exists():
        absent("ofd-cli: make setup-test")
    making, seal = MAKINGS[Format.OFD], identity()
    for number, each in enumerate(laid[:STAMPED]):
        for way, awaiting in (("press", press.sealed(each)), ("ref", making.sealed(each, seal))):
            [signature] = seal.signer.sign_digests([awaiting.digest])
            data = awaiting.finish(signature, ofd_stamps.token(signature))
            bare = awaiting.finish(signature)
            path = tmp_path / f"{number}{way}.ofd"
            path.write_bytes(data)
            making.self_check(data, seal)
            making.proof(data, each)
            assert ofd_stamps.openssl_takes_stamps_of(path)
            assert ofd_judges.openssl_accepts(data)
            assert judges.ofd_text(data) == judges.ofd_text(bare)
            [seen] = second_reading.read([data])
            assert differences(each.placed, seen or ()) == ()
            if number == 0:
                font = font_files[WEN_KAI.file]
                drawn = [pages(second_reading.drawn(some, font)) for some in (data, bare)]
                assert drawn[0] == drawn[1]
    assert judges.ofd_faults(*sorted(tmp_path.glob("*.ofd"))) == ""


def pages(pdf: bytes) -> list[bytes]:
    """How a PDF looks, its seal too."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=0.2).to_pil().tobytes() for page in document]


def printed(laid: Laid) -> Iterator[str]:
    """Every line of the page, labels too."""
    return (m.text for page in laid.placed.pages for m in page.marks if isinstance(m, Run))


# --- time stamps ------------------------------------------------------------------------------


def test_a_stamped_document_passes_the_check_of_its_press(
    press: OfdPress, laid: Sequence[Laid]
) -> None:
    for each in laid[:STAMPED]:
        awaiting = press.sealed(each)
        [signature] = identity().signer.sign_digests([awaiting.digest])
        stamped = awaiting.finish(signature, ofd_stamps.token(signature))
        bare = awaiting.finish(signature)

        assert press.check(stamped) == sha256(stamped).hexdigest() != press.check(bare)
        with_it, without = opened(stamped), opened(bare)
        assert list(with_it) == list(without)
        assert [name for name in without if without[name] != with_it[name]] == [VALUE]


SIZES = st.one_of(st.integers(0, 70_000), st.sampled_from(ofd_stamps.LENGTHS))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(SIZES, st.integers(64, 72))
def test_a_stamp_of_any_length_gives_the_value_and_the_package_of_the_reference(
    press: OfdPress, laid: Sequence[Laid], size: int, signature_size: int
) -> None:
    signature, token = bytes(signature_size), b"\x5a" * size
    data = press.sealed(laid[0]).finish(signature, token)

    members = opened(data)
    theirs = MAKINGS[Format.OFD].sealed(laid[0], identity()).finish(signature, token)
    read = ses.read_signature(members[VALUE])
    assert members[VALUE] == ses.signature_value(read.to_sign, read.signer, signature, token)
    assert (read.signature, read.time_stamp) == (signature, token)
    assert len(members[VALUE]) == len(opened(theirs)[VALUE])
    assert list(members) == list(opened(theirs))
    listing = [Member(name=name, data=content) for name, content in members.items()]
    assert opened(packed(listing)) == members


def test_a_stamp_is_found_at_any_length_by_both_checks(
    press: OfdPress, laid: Sequence[Laid]
) -> None:
    """Taken when it is a token over the signature, refused when it is as many other bytes."""
    making = MAKINGS[Format.OFD]
    for check, awaiting in (
        (press.check, press.sealed(laid[0])),
        (lambda data: making.self_check(data, identity()), making.sealed(laid[0], identity())),
    ):
        [signature] = identity().signer.sign_digests([awaiting.digest])
        value = len(opened(awaiting.finish(signature))[VALUE])
        least = len(ofd_stamps.larger_token(signature, 60_000)) - 60_000
        edges = [65536 - taken for taken in (least, least + 5, least + 9, least + value + 9)]
        for more in (0, *[edge + less for edge in edges for less in (-1, 0, 1)]):
            check(awaiting.finish(signature, ofd_stamps.larger_token(signature, more)))
        for size in (0, 1, *ofd_stamps.LENGTHS):
            with pytest.raises(SelfCheckError, match="time stamp: is none"):
                check(awaiting.finish(signature, bytes(size)))


@pytest.mark.parametrize(("wrong", "words"), ofd_stamps.WRONG.values(), ids=ofd_stamps.WRONG)
def test_what_is_no_stamp_over_the_signature_is_seen(
    press: OfdPress, laid: Sequence[Laid], wrong: Callable[[bytes], bytes], words: str
) -> None:
    awaiting = press.sealed(laid[0])
    [signature] = identity().signer.sign_digests([awaiting.digest])
    press.check(awaiting.finish(signature, ofd_stamps.token(signature)))

    with pytest.raises(SelfCheckError, match=f"time stamp: .*{words}"):
        press.check(awaiting.finish(signature, wrong(signature)))


def test_the_stamp_of_another_document_is_seen(press: OfdPress, laid: Sequence[Laid]) -> None:
    one, other = (press.sealed(each) for each in laid[:2])
    signatures = identity().signer.sign_digests([one.digest, other.digest])
    tokens = [ofd_stamps.token(each) for each in signatures]
    press.check(one.finish(signatures[0], tokens[0]))

    with pytest.raises(SelfCheckError, match="another signature"):
        press.check(one.finish(signatures[0], tokens[1]))


def test_a_byte_around_a_stamp_or_before_it_that_is_another_is_seen(
    press: OfdPress, laid: Sequence[Laid]
) -> None:
    """Up to the imprint; what of a token is behind that was proved when it came."""
    awaiting = press.sealed(laid[0])
    [signature] = identity().signer.sign_digests([awaiting.digest])
    token = ofd_stamps.token(signature)
    shape, bodies, signed = awaiting.finish.args  # type: ignore[attr-defined]
    _, value = shape.seal.body(signed, signature, token)
    stamp = len(ses.time_stamp(token))
    start, imprint = len(value) - stamp, value.index(sha256(signature).digest())
    places = (*range(4), *range(start - 80, start + 8), *range(imprint, imprint + 32))
    flipped = [value[:at] + bytes((value[at] ^ 1,)) + value[at + 1 :] for at in places]
    press.check(shape.package.packed([*bodies, stored(value)]))

    for changed in (*flipped, value[:-1], value + b"\0", value[:-stamp], value[: 1 - stamp], b""):
        with pytest.raises(SelfCheckError):
            press.check(shape.package.packed([*bodies, stored(changed)]))


# --- what is refused --------------------------------------------------------------------------


def test_a_byte_changed_anywhere_is_seen(press: OfdPress, laid: Sequence[Laid]) -> None:
    """In each member as it stands in the package, its headers, and the directory's."""
    data = pressed(press, laid[0], identity())
    chosen = random.Random(7)  # noqa: S311 - places to look at
    places = {*range(0, len(data), 997), *range(len(data) - 2200, len(data), 13)}
    places |= {chosen.randrange(len(data)) for _ in range(100)}

    for place in sorted(places):
        changed = data[:place] + bytes((data[place] ^ 1 << place % 8,)) + data[place + 1 :]
        with pytest.raises(SelfCheckError):
            press.check(changed)


def test_a_member_changed_and_packed_again_is_seen(press: OfdPress, laid: Sequence[Laid]) -> None:
    members = opened(pressed(press, laid[0], identity()))

    for name, content in members.items():
        middle = len(content) // 2
        flipped = content[:middle] + bytes((content[middle] ^ 1,)) + content[middle + 1 :]
        for other in (flipped, content + b" ", b""):
            changed = members | {name: other}
            with pytest.raises(SelfCheckError):
                press.check(packed([Member(name=n, data=d) for n, d in changed.items()]))


def test_the_varying_members_of_another_document_are_seen(
    press: OfdPress, laid: Sequence[Laid]
) -> None:
    """Each in the place where it belongs, packed as the press does: only its digest is another."""
    one, other = (press.sealed(each) for each in laid[:2])
    bodies, others = (list(awaiting.finish.args[1]) for awaiting in (one, other))  # type: ignore[attr-defined]
    shape, _, signed = one.finish.args  # type: ignore[attr-defined]
    assert other.finish.args[0] is shape  # type: ignore[attr-defined]
    [signature] = identity().signer.sign_digests([one.digest])
    value = shape.seal.body(signed, signature)
    press.check(shape.package.packed([*bodies, value]))

    for place in range(len(bodies)):
        if bodies[place] == others[place]:
            continue  # the same at both
        mixed = [*bodies[:place], others[place], *bodies[place + 1 :], value]
        with pytest.raises(SelfCheckError):
            press.check(shape.package.packed(mixed))


def test_a_signature_of_another_document_or_none_is_seen(
    press: OfdPress, laid: Sequence[Laid]
) -> None:
    first, second = (press.sealed(each) for each in laid[:2])
    signatures = identity().signer.sign_digests([first.digest, second.digest])
    press.check(first.finish(signatures[0]))

    for wrong in (signatures[1], b"", bytes(71), bytes(80), signatures[0] + b"\0"):
        with pytest.raises(SelfCheckError):
            press.check(first.finish(wrong))


def test_a_file_of_another_press_is_seen(batch: Mapping[str, Sequence[Laid]]) -> None:
    ours, theirs = (compiled(batch[r][:5], identity()) for r in REGISTERS)
    other_seal = compiled(batch[REGISTERS[0]][:5], identity(OTHER_AUTHORITY))
    data = pressed(ours, batch[REGISTERS[0]][0], identity())
    ours.check(data)

    for press in (theirs, other_seal):
        with pytest.raises(SelfCheckError):
            press.check(data)


# --- what goes to the reference writer --------------------------------------------------------


class _Later:
    """A signer that answers when it likes."""

    patience = timedelta(days=1)

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        raise NotImplementedError

    ask = pending = withdraw = sign_digests


def test_a_seal_that_comes_later_has_no_press(laid: Sequence[Laid]) -> None:
    with pytest.raises(PressUnableError, match="later"):
        compiled(laid, replace(identity(), signer=_Later()))  # type: ignore[arg-type]


def test_a_list_of_several_pages_has_no_press(laid: Sequence[Laid]) -> None:
    placed = replace(laid[0].placed, pages=laid[0].placed.pages * 2)

    with pytest.raises(PressUnableError, match="one page"):
        compiled([replace(laid[0], placed=placed)], identity())


def test_a_sample_of_which_nothing_can_be_made_has_no_press(laid: Sequence[Laid]) -> None:
    late = [replace(each, created=NOW + timedelta(days=36500)) for each in laid[:2]]

    with pytest.raises(PressUnableError, match="valid"):
        compiled(late, identity())


def test_a_document_of_another_design_or_register_does_not_fit(
    batch: Mapping[str, Sequence[Laid]], presses: Mapping[str, OfdPress]
) -> None:
    here, there = (batch[register][0] for register in REGISTERS)
    press = presses[REGISTERS[0]]
    assert press.fits(here)
    wants = here.profile.model_copy(
        update={"ofd": OfdRules(data=(OfdData(name="x", field="title"),))}
    )
    others = (
        there,
        replace(here, title="另一种证书"),
        replace(here, licence_id=None),
        replace(here, profile=wants),
        replace(here, placed=replace(here.placed, pages=here.placed.pages * 2)),
        replace(here, placed=replace(here.placed, signatures=())),
    )

    for other in others:
        assert not press.fits(other)
        with pytest.raises(PressUnableError):
            press.sealed(other)


def test_a_document_that_cannot_be_sealed_goes_to_the_reference_which_says_why(
    press: OfdPress, laid: Sequence[Laid]
) -> None:
    one = laid[0]
    page = one.placed.pages[0]
    bold = tuple(m._replace(bold_mm=0.2) if isinstance(m, Run) else m for m in page.filled)
    others = (
        replace(one, created=NOW - timedelta(days=3650)),
        replace(one, created=NOW + timedelta(days=36500)),
        replace(one, twin=None),
        replace(one, pictures={}),
        replace(one, pictures={"photo": b"GIF89a", "signature": b"GIF89a"}),
        replace(one, placed=replace(one.placed, pages=(replace(page, filled=bold),))),
        replace(one, values={}),
    )

    for other in others:
        with pytest.raises(PressUnableError):
            press.sealed(other)


def test_a_profile_read_again_fits(press: OfdPress, laid: Sequence[Laid]) -> None:
    again = laid[0].profile.model_copy(deep=True)

    assert press.sealed(replace(laid[0], profile=again)).digest == press.sealed(laid[0]).digest


# --- one document and the next ----------------------------------------------------------------


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_document_leaves_anything_behind_in_another(
    presses: Mapping[str, OfdPress], batch: Mapping[str, Sequence[Laid]], data: st.DataObject
) -> None:
    """Before and after others, and from a press that has made none, it is the same bytes."""
    register = data.draw(st.sampled_from(REGISTERS))
    laid, press = batch[register], presses[register]
    one, *others = data.draw(st.lists(st.sampled_from(range(len(laid))), min_size=2, max_size=6))
    first = press.sealed(laid[one])
    between = [press.sealed(laid[other]).finish(SIGNATURE) for other in others]

    again = press.sealed(laid[one])
    alone = compiled(laid[:SAMPLE], identity()).sealed(laid[one])

    whole = first.finish(SIGNATURE)
    assert first.digest == again.digest == alone.digest
    assert whole == again.finish(SIGNATURE) == alone.finish(SIGNATURE)
    for other, made in zip(others, between, strict=True):
        assert (made == whole) == (laid[other] == laid[one])


def test_a_template_is_told_by_all_it_depends_on(batch: Mapping[str, Sequence[Laid]]) -> None:
    here, there = (batch[register][:SAMPLE] for register in REGISTERS)

    idents = [
        compiled(here, identity()).ident,
        compiled(there, identity()).ident,
        compiled(here, identity(OTHER_AUTHORITY)).ident,
        compiled(here[:1], identity()).ident,
    ]

    assert idents[0] == compiled(here, identity()).ident
    assert len(set(idents)) == len(idents)


def test_memory_stays_flat_over_many_documents(
    rooms: Studio, register: str, fontbook: FontBook
) -> None:
    rules = rooms.installed[register].on(TODAY)
    drawn = rooms.draw(Kind.CERTIFICATE, rooms.specimen(Kind.CERTIFICATE, rules, None))
    first = replace(drawn.laid, created=NOW)
    press, made = compiled([first], identity()), varied(drawn, first, fontbook)
    for _ in range(WARM):
        press.sealed(next(made)).finish(SIGNATURE)
    before = resident()

    for _ in range(MANY - WARM):
        press.sealed(next(made)).finish(SIGNATURE)

    assert resident() - before < SOME_MEMORY


def varied(drawn: Drawn, laid: Laid, fontbook: FontBook) -> Iterator[Laid]:
    """The same certificate for ever other people."""
    kind = KINDS[Kind.CERTIFICATE]
    chosen = random.Random(11)  # noqa: S311 - names of nobody
    sheet = kind.sheet(laid.profile, drawn.face)
    for number in count(10**9):
        name = "".join(chosen.choices(HAN + RARE[number % 50 :][:1], k=3))
        changed = {
            "holder.name": name,
            "number": f"沪{number}",
            "verification_code": f"{number} 0000",
            "code": f"https://verify.example/v/{number:020}",
        }
        values = {**laid.values, **changed}
        placed = layout(sheet, values, fontbook)
        yield replace(laid, placed=placed, values=values, twin=f"{number}".encode())


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * resource.getpagesize()
