"""The press's check of a finished file: every byte counts, and it raises nothing but its error."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from factory.errors import SelfCheckError
from factory.pressing import Laid
from factory.seals.cms import Container
from factory.seals.pades import spliced
from factory.seals.selfcheck import BYTE_RANGE, self_check
from factory.seals.signer import SealIdentity
from factory.writers.pdf_press import PdfPress, compiled
from jobs.preview import Studio
from tests.factory.pressed import DESIGNS, by_reference, plain, sealed, worded
from tests.factory.sealing import World, new_identity

SEED = 20261121

#: what a pressed file consists of, in its order: where each part is met first
PARTS = (
    ("constant part", rb"%PDF"),
    ("content", rb"\d+ 0 obj\n<</Length \d+>>\nstream\nBT"),
    ("page's fonts", rb"\d+ 0 obj\n<</F1 "),
    ("XMP", rb"\d+ 0 obj\n<</Type/Metadata"),
    ("description", rb"\d+ 0 obj\n<</Title<FEFF"),
    ("twin", rb"\d+ 0 obj\n<</Type/EmbeddedFile"),
    ("photo", rb"\d+ 0 obj\n<</Type/XObject/Subtype/Image/Width 295"),
    ("holder's signature", rb"\d+ 0 obj\n<</Type/XObject/Subtype/Image/Width 413"),
    ("own font", rb"\d+ 0 obj\n<</Type/Font/Subtype/Type0/BaseFont/OWNAAA"),
    ("signature dictionary", rb"\d+ 0 obj\n<</(?=[^\0]*?/ByteRange)"),
    ("container", rb"<30[0-9a-f]{100}"),
    ("cross-references", rb">>>\nendobj\nxref\n"),
    ("trailer", rb"trailer\n"),
)

Change = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def order(rooms: Studio) -> Laid:
    """Of everything that a file can have; its name needs a font of the document's own."""
    return worded(rooms, plain(rooms, DESIGNS[4]), {"holder.name": "欧阳𠀁"})


@pytest.fixture(scope="module")
def press(order: Laid, world: World, rooms: Studio) -> PdfPress:
    return compiled([worded(rooms, order, {"holder.name": "工程师"})], world.p256)


@pytest.fixture(scope="module")
def file(press: PdfPress, order: Laid, world: World) -> bytes:
    return sealed(press, order, world.p256)


@pytest.fixture(scope="module")
def parts(file: bytes) -> dict[str, range]:
    """Where each part of the file is."""
    starts, at = {}, 0
    for name, words in PARTS:
        found = re.compile(words).search(file, at)
        assert found is not None, name
        starts[name] = at = found.start()
    assert [*starts.values()] == sorted(set(starts.values()))
    ends = [*starts.values(), len(file)][1:]
    return {
        name: range(start, end) for (name, start), end in zip(starts.items(), ends, strict=True)
    }


def refuses(press: PdfPress, data: bytes) -> bool:
    """Whether the check does; whatever else it raises is a fault."""
    try:
        press.check(data)
    except SelfCheckError:
        return True
    return False


def test_a_pressed_file_passes_both_checks(press: PdfPress, file: bytes, world: World) -> None:
    press.check(file)
    self_check(file, world.p256.signing_cert)


@pytest.mark.parametrize("part", [name for name, _ in PARTS])
def test_no_byte_of_a_file_can_be_another(
    press: PdfPress, file: bytes, parts: dict[str, range], part: str
) -> None:
    """Every single one of them, each time another bit."""
    chance = random.Random(SEED)  # noqa: S311 - which bit
    copy = bytearray(file)
    for place in parts[part]:
        was = copy[place]
        copy[place] ^= 1 << chance.randrange(8)
        assert refuses(press, bytes(copy)), place
        copy[place] = was
    press.check(bytes(copy))


@given(data=st.data())
def test_no_part_of_a_file_can_be_taken_out_doubled_or_replaced(
    press: PdfPress, file: bytes, parts: dict[str, range], data: st.DataObject
) -> None:
    part = parts[data.draw(st.sampled_from([name for name, _ in PARTS]))]
    first = data.draw(st.sampled_from(part))
    last = first + data.draw(st.integers(0, 40))
    put = data.draw(
        st.sampled_from([b"", file[first:last] * 2, b" ", b"0"]) | st.binary(max_size=9)
    )
    changed = file[:first] + put + file[last:]

    assert changed == file or refuses(press, changed)


@given(places=st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=6))
def test_what_the_check_accepts_the_check_of_the_reference_accepts(
    press: PdfPress, file: bytes, world: World, places: list[tuple[int, int]]
) -> None:
    """Few bytes of what differs are others; also where two changes undo each other."""
    copy = bytearray(file)
    for place, bits in places:
        copy[-1 - place % (len(file) // 3)] ^= bits

    if not refuses(press, bytes(copy)):
        self_check(bytes(copy), world.p256.signing_cert)
        assert copy == file


@pytest.mark.parametrize("step", [1, 97])
def test_a_file_that_is_cut_short_is_refused(
    press: PdfPress, file: bytes, parts: dict[str, range], step: int
) -> None:
    first = parts["cross-references"].start if step == 1 else 0

    assert all(refuses(press, file[:size]) for size in range(first, len(file), step))


@given(more=st.binary(min_size=1, max_size=50))
@example(more=b"\n")
@example(more=b"%%EOF\n")
def test_a_file_to_which_something_is_added_is_refused(
    press: PdfPress, file: bytes, more: bytes
) -> None:
    assert refuses(press, file + more)
    assert refuses(press, more + file)


@given(data=st.binary(max_size=200))
@example(data=b"")
@example(data=b"/ByteRange[0 0000000010 0000000020 0000000030]/Contents")
@example(data=b"/ByteRange[0 9999999999 9999999999 9999999999]/Contents<>>>\nendobj\n")
def test_what_is_no_file_of_the_template_is_refused(
    press: PdfPress, file: bytes, parts: dict[str, range], data: bytes
) -> None:
    constant = file[: parts["content"].start]

    assert refuses(press, data)
    assert refuses(press, constant + data)


def test_a_file_of_another_template_is_refused(
    press: PdfPress, order: Laid, rooms: Studio, world: World
) -> None:
    """Of another design, of more shared characters, and the reference's own."""
    design, fonts = plain(rooms, DESIGNS[0]), compiled([order], world.p256)

    assert refuses(press, sealed(compiled([design], world.p256), design, world.p256))
    assert refuses(press, sealed(fonts, order, world.p256))
    assert refuses(press, by_reference(order, world.p256))


def test_a_file_of_another_certificate_is_refused(
    press: PdfPress, order: Laid, rooms: Studio, world: World
) -> None:
    """Though its page is the very same; another key of the same kind, and of another."""
    like = [worded(rooms, order, {"holder.name": "工程师"})]

    for identity in (new_identity(world.ca), world.rsa):
        assert refuses(press, sealed(compiled(like, identity), order, identity))


def test_a_file_is_accepted_by_every_press_of_the_same_template(
    press: PdfPress, file: bytes, order: Laid, rooms: Studio, world: World
) -> None:
    """Also by one that has made none yet."""
    other = compiled([worded(rooms, order, {"holder.name": "师程工"})], world.p256)

    assert other.ident == press.ident
    other.check(file)


# --- faults that are signed: whoever presses wrongly signs that too ------------------------------


def signed_again(data: bytes, identity: SealIdentity) -> bytes:
    """The file with its own signature over whatever it says now."""
    [(_, first, second, _)] = BYTE_RANGE.findall(data)
    hole = int(first), int(second)
    container = Container(signing_cert=identity.signing_cert, chain=identity.chain)
    digest = sha256(data[: hole[0]] + data[hole[1] :]).digest()
    attributes = container.signed_attributes(digest)
    [signature] = identity.signer.sign_digests([sha256(attributes).digest()])
    return spliced(data, hole, container.fill(digest, signature))


def later_entry(data: bytes) -> bytes:
    """The last object stands a byte further than the cross-references say."""
    at = data.rindex(b" 00000 n \n")
    return data[: at - 1] + bytes([data[at - 1] ^ 1]) + data[at:]


def free_entry(data: bytes) -> bytes:
    at = data.rindex(b" 00000 n \n")
    return data[: at - 10] + b"0000000000 65535 f \n" + data[at + 10 :]


def wordy_entry(data: bytes) -> bytes:
    at = data.rindex(b" 00000 n \n")
    return data[: at - 10] + b"+000000001" + data[at:]


def constant_entry(data: bytes) -> bytes:
    return data.replace(b"0000000000 65535 f \n0000000", b"0000000000 65535 f \n1000000", 1)


def start(data: bytes) -> bytes:
    at = data.rindex(b"\n%%EOF")
    return data[: at - 1] + bytes([data[at - 1] ^ 1]) + data[at:]


def unended(data: bytes) -> bytes:
    return data[:-2] + b"f\n"


def endless(data: bytes) -> bytes:
    return data[:-6] + b"%%EOF "


def signed_by_two(data: bytes) -> bytes:
    """A comment in place of the content's first words looks like a byte range."""
    at = data.index(b"stream\nBT ") + 7
    return data[:at] + b"%/ByteRange\n" + data[at + 12 :]


FAULTS = (
    *(later_entry, free_entry, wordy_entry, constant_entry),
    *(start, unended, endless, signed_by_two),
)


def test_signing_again_what_is_right_gives_the_file(file: bytes, world: World) -> None:
    assert signed_again(file, world.p256) == file


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_of_the_press_is_found_though_it_is_signed(
    press: PdfPress, file: bytes, world: World, fault: Change
) -> None:
    wrong = signed_again(fault(file), world.p256)

    assert wrong != file
    assert len(wrong) == len(file)
    assert refuses(press, wrong)


def test_a_file_that_goes_on_behind_its_end_is_refused_though_it_is_signed(
    press: PdfPress, file: bytes, world: World
) -> None:
    """An object of somebody else, which the byte range covers."""
    more = b"9 0 obj\n<<>>\nendobj\n"
    [(*_, rest)] = BYTE_RANGE.findall(file)
    longer = file.replace(b" %s]" % rest, b" %010d]" % (int(rest) + len(more)), 1) + more

    wrong = signed_again(longer, world.p256)

    self_check(wrong, world.p256.signing_cert)
    assert refuses(press, wrong)


def test_a_signature_by_another_key_is_refused_though_all_else_fits(
    press: PdfPress, file: bytes, world: World
) -> None:
    stranger = replace(world.p256, signer=new_identity(world.ca).signer)

    wrong = signed_again(file, stranger)

    with pytest.raises(SelfCheckError, match="does not fit the signing certificate's key"):
        press.check(wrong)
