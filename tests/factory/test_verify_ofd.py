"""Verdicts on OFD: honest files are valid by every step; of everything else it is said why not."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import verify
from factory.ofd.package import opened
from factory.seals import der
from factory.verify import VerdictWord
from factory.verify_ofd import verify_ofd
from factory.verify_ofd_rules import RULES
from factory.verify_verdict import Verdict
from tests.factory.ofd.zipping import DEFLATED, UTF8, Entry, archive, descriptor
from tests.factory.ofd_forging import (
    AUTHORITY,
    CONTENT,
    LICENCE,
    LIST,
    NOW,
    SECOND,
    TERMS,
    TWIN,
    Members,
    World,
    an_esl,
    document,
    new_seal,
    new_world,
    package,
    seal_of_version,
    seal_with_digests,
    sealed,
    xml,
)
from tests.factory.ofd_tampering import BYTES, FORGED, KEYLESS, SEAL, VALUE, old_members


@pytest.fixture(scope="module")
def world() -> World:
    return new_world()


@pytest.fixture(scope="module")
def honest(world: World) -> Members:
    return sealed(world, document())


def judged(members: Members, world: World) -> Verdict:
    return verify.verify(package(members), world.roots)


def said(verdict: Verdict) -> str:
    return "\n".join(verdict.reasons)


# --- honest files


def test_an_honest_file_is_valid_by_every_step(honest: Members, world: World) -> None:
    verdict = judged(honest, world)

    assert verdict.verdict is VerdictWord.VALID, said(verdict)
    assert [check.name for check in verdict.checks] == ["package", *(rule.name for rule in RULES)]
    assert all(check.ok for check in verdict.checks)
    assert verdict.whole_file
    assert verdict.reasons == ()


def test_the_verdict_says_who_sealed_what_and_when(honest: Members, world: World) -> None:
    verdict = judged(honest, world)

    assert verdict.signer is not None
    assert AUTHORITY in verdict.signer
    assert verdict.signed_at == NOW
    assert verdict.licence_id == LICENCE
    assert verdict.signing_cert_sha256 == verify.fingerprint(world.seal.signing_cert)
    assert verdict.twin
    assert verify.twin(package(honest)) == TWIN


def test_without_roots_or_under_others_nothing_is_trusted(honest: Members, world: World) -> None:
    for roots in ((), new_world().roots):
        verdict = verify.verify(package(honest), roots)
        assert verdict.verdict is VerdictWord.UNTRUSTED
        assert [check.name for check in verdict.checks if not check.ok] == [
            "seal maker's trust",
            "trust",
        ]


def test_the_maker_may_lead_to_roots_of_its_own(honest: Members, world: World) -> None:
    data = package(honest)

    other = verify_ofd(data, world.roots, new_world().roots)

    assert verify_ofd(data, world.roots, world.roots).verdict is VerdictWord.VALID
    assert other.verdict is VerdictWord.UNTRUSTED
    assert [check.name for check in other.checks if not check.ok] == ["seal maker's trust"]


def test_a_file_before_its_seal_is_unsigned_and_still_says_what_it_is(world: World) -> None:
    verdict = judged(document(), world)

    assert verdict.verdict is VerdictWord.UNSIGNED
    assert verdict.licence_id == LICENCE
    assert verdict.twin


@pytest.mark.parametrize(
    "said",
    ["20261121040000Z", "20261121040000.763Z", "20261121040000", "20261121120000",
     "2026-11-21 04:00:00", "2026-11-21 12:00:00"],
)  # fmt: skip
def test_the_signing_time_may_be_written_as_files_have_it(world: World, said: str) -> None:
    assert judged(sealed(world, document(), said=said), world).verdict is VerdictWord.VALID


@pytest.mark.parametrize(
    "changes",
    [
        {"seal_file": None},
        {"check": ' CheckMethod="SM3"'},
        {"stamp": ""},
        {"id": "1"},
        {"spelt": lambda name: f"../../../{name}"},
        {"folder": "Doc_0/Signs/S"},
        {"stamp": '<ofd:StampAnnot ID="a" PageRef="1" Boundary="168 255 42 42"/>'},
    ],
    ids=["no seal file", "digest by name", "invisible", "bare id", "relative places", "elsewhere",
         "in the corner"],
)  # fmt: skip
def test_what_other_writers_do_otherwise_is_valid_too(
    world: World, changes: dict[str, object]
) -> None:
    verdict = judged(sealed(world, document(), **changes), world)

    assert verdict.verdict is VerdictWord.VALID, said(verdict)


def test_elements_without_the_namespace_are_read(world: World) -> None:
    old = {
        name: data.replace(b"http://www.ofdspec.org/2016", b"http://www.ofdspec.org")
        for name, data in document().items()
    }

    assert judged(sealed(world, old), world).verdict is VerdictWord.VALID


def test_a_seal_of_version_1_is_read(world: World) -> None:
    verdict = judged(old_members(world), world)

    assert verdict.verdict is VerdictWord.VALID, said(verdict)
    assert verdict.signed_at == NOW


def test_a_seal_of_version_1_is_judged_no_less(world: World) -> None:
    altered = old_members(world) | {CONTENT: document()[CONTENT] + b"\n"}

    assert judged(altered, world).verdict is VerdictWord.ALTERED


def test_a_seal_of_version_5_is_read_as_long_as_no_time_stamp_is_to_be_judged(
    world: World,
) -> None:
    stamped = der.element(der.EXPLICIT_0, der.bits(b"a token"))
    seal = seal_of_version(world, 5)
    with_stamp = der.sequence(der.read(seal).content, stamped)

    read = judged(sealed(world, document(), esl=seal, version=5), world)
    not_judged = judged(sealed(world, document(), esl=with_stamp, version=5), world)

    assert read.verdict is VerdictWord.VALID, said(read)
    assert not_judged.verdict is VerdictWord.UNVERIFIABLE
    assert [check.name for check in not_judged.checks if not check.ok] == ["time stamp"]


def test_packages_as_streaming_writers_make_them_are_valid_too(
    honest: Members, world: World
) -> None:
    """Folders, data descriptors, dates that there are not."""
    folders = [Entry(name=f"{name}/".encode(), data=b"", date=0) for name in ("Doc_0", "Doc_0/Res")]
    files = [
        Entry(name=name.encode(), data=data, method=DEFLATED, flags=UTF8 | 1 << 3, date=0xFFFF,
              local={"sums": (0, 0, 0)})
        for name, data in honest.items()
    ]  # fmt: skip
    files = [replace(each, after=descriptor(each)) for each in files]

    assert verify.verify(archive([*folders, *files]), world.roots).verdict is VerdictWord.VALID


def test_a_certificate_that_seals_may_be_listed_by_its_digest(world: World) -> None:
    """certListType 2 (GB/T 38540-2020)."""
    listed = seal_with_digests(world)

    assert judged(sealed(world, document(), esl=listed), world).verdict is VerdictWord.VALID


def test_two_signatures_are_judged_each(world: World) -> None:
    first = sealed(world, document(), locking=False)
    other = World(ca=world.ca, seal=new_seal(world.ca))
    twice = sealed(other, first, SECOND, time=NOW + timedelta(hours=1))

    verdict = judged(twice, world)

    assert verdict.verdict is VerdictWord.VALID, said(verdict)
    assert verdict.signed_at == NOW + timedelta(hours=1)


def test_the_worst_of_several_signatures_counts(world: World) -> None:
    stranger = new_world()
    first = sealed(stranger, document(), locking=False)

    verdict = judged(sealed(world, first, SECOND), world)

    assert verdict.verdict is VerdictWord.UNTRUSTED
    assert all(reason.startswith("signature 1: ") for reason in verdict.reasons)


def test_a_file_stays_valid_after_its_certificate_has_ended(world: World) -> None:
    """The chain is judged at the signing time; the day of verification plays no part."""
    last = NOW + timedelta(days=1094)
    esl = an_esl(world, valid_until=NOW + timedelta(days=1095))

    verdict = judged(sealed(world, document(), time=last, esl=esl), world)

    assert verdict.verdict is VerdictWord.VALID, said(verdict)


def test_a_visible_attachment_or_a_second_hidden_one_is_no_twin(world: World) -> None:
    name = "Doc_0/Attachs/Attachments.xml"
    line = (
        b'<ofd:Attachment ID="%s" Visible="false"><ofd:FileLoc>twin.json</ofd:FileLoc>'
        b"</ofd:Attachment>"
    )
    shown = document()[name].replace(b'Visible="false"', b"")
    twice = xml("Attachments", (line % b"a1" + line % b"a2").decode())

    for attachments in (shown, twice):
        members = sealed(world, document() | {name: attachments})
        assert verify.twin(package(members)) is None
        assert not judged(members, world).twin


# --- everything else


@pytest.mark.parametrize("name", KEYLESS)
def test_what_is_done_without_a_key_is_seen(name: str, honest: Members, world: World) -> None:
    tamper, word, reason = KEYLESS[name]

    verdict = judged(tamper(dict(honest)), world)

    assert reason in said(verdict)
    assert verdict.verdict is word
    assert not all(check.ok for check in verdict.checks)


@pytest.mark.parametrize("name", FORGED)
def test_what_is_sealed_wrongly_is_seen(name: str, world: World) -> None:
    forge, word, reason = FORGED[name]

    verdict = judged(forge(world), world)

    assert reason in said(verdict)
    assert verdict.verdict is word


@pytest.mark.parametrize("name", BYTES)
def test_what_is_no_package_is_unreadable(name: str, honest: Members, world: World) -> None:
    tamper, reason = BYTES[name]
    data = tamper(package(honest))

    verdict = verify.verify(data, world.roots)

    assert reason in said(verdict)
    assert verdict.verdict is VerdictWord.UNREADABLE
    assert verify.twin(data) is None


def test_reasons_hold_nothing_that_stands_in_the_file(honest: Members, world: World) -> None:
    """Names of members may say anything; only plain ones are told."""
    verdict = judged(honest | {"张三.png": b""}, world)

    assert "张三" not in said(verdict)


def test_one_broken_step_is_told_by_itself(honest: Members, world: World) -> None:
    changed = judged(honest | {CONTENT: honest[CONTENT] + b"\n"}, world)
    open_ = judged(sealed(world, document(), locking=False), world)

    assert [check.name for check in changed.checks if not check.ok] == ["intact"]
    assert [check.name for check in open_.checks if not check.ok] == ["locked"]


def test_a_step_that_cannot_be_asked_is_not_said_to_hold(honest: Members, world: World) -> None:
    verdict = judged(honest | {VALUE: b""}, world)

    checks = {check.name: check for check in verdict.checks}
    for name in ("seal", "signature", "trust", "admitted", "signing time"):
        assert not checks[name].ok
        assert "was not asked" in checks[name].detail


# --- fuzz


@settings(max_examples=400)
@given(data=st.data())
def test_a_changed_byte_is_never_valid_unless_no_member_changed(
    data: st.DataObject, honest: Members, world: World
) -> None:
    whole = bytearray(package(honest))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))

    verdict = verify.verify(bytes(whole), world.roots)

    if verdict.verdict is VerdictWord.VALID:
        assert opened(bytes(whole)) == honest


def test_the_first_byte_of_the_signature_counts_too(honest: Members, world: World) -> None:
    """It is covered by no signature; [0] has the same content as a SEQUENCE."""
    other = bytes((der.EXPLICIT_0,)) + honest[VALUE][1:]

    assert judged(honest | {VALUE: other}, world).verdict is VerdictWord.ALTERED


@settings(max_examples=600)
@given(data=st.data())
def test_a_changed_byte_of_a_member_is_never_valid(
    data: st.DataObject, honest: Members, world: World
) -> None:
    name = data.draw(st.sampled_from([VALUE, VALUE, SEAL, TERMS.description, LIST, *honest]))
    member = bytearray(honest[name])
    place = data.draw(st.integers(0, len(member) - 1))
    member[place] ^= data.draw(st.integers(1, 255))

    verdict = judged(honest | {name: bytes(member)}, world)

    assert verdict.verdict is not VerdictWord.VALID
    assert verdict.reasons


@settings(max_examples=200)
@given(data=st.data())
def test_a_cut_member_is_never_valid(data: st.DataObject, honest: Members, world: World) -> None:
    name = data.draw(st.sampled_from(sorted(honest)))
    length = data.draw(st.integers(0, len(honest[name]) - 1))

    verdict = judged(honest | {name: honest[name][:length]}, world)

    assert verdict.verdict is not VerdictWord.VALID


@given(value=st.binary(max_size=400))
def test_any_value_is_never_valid(value: bytes, honest: Members, world: World) -> None:
    assert judged(honest | {VALUE: value}, world).verdict is not VerdictWord.VALID


@given(st.binary(max_size=400))
def test_any_bytes_are_unreadable(data: bytes) -> None:
    assert verify.verify(b"PK" + data, ()).verdict is VerdictWord.UNREADABLE


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            ["<ofd:DocBody>", "</ofd:DocBody>", "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>",
             "<ofd:Signatures>x</ofd:Signatures>", "<ofd:DocInfo/>", "x", "<ofd:DocBody/>"]
        ),
        max_size=6,
    )
)  # fmt: skip
def test_any_entry_is_read_or_refused(parts: list[str]) -> None:
    verdict = verify.verify(package(document() | {"OFD.xml": xml("OFD", "".join(parts))}), ())

    assert verdict.verdict in {VerdictWord.UNREADABLE, VerdictWord.UNSIGNED}


# --- limits that the kernel keeps


def many(number: int, data: bytes) -> list[Entry]:
    return [Entry(name=b"%d.xml" % n, data=data, method=DEFLATED) for n in range(number)]


BOMBS: dict[str, Callable[[Members], bytes]] = {
    "elements": lambda it: package(it | {CONTENT: b"<a>" + b"<b/>" * 99_000 + b"</a>"}),
    "attributes": lambda it: package(
        it
        | {
            CONTENT: b"<a>"
            + (b"<b " + b" ".join(b"c%d=''" % n for n in range(64)) + b"/>") * 7000
            + b"</a>"
        }
    ),
    "much xml": lambda _: archive([Entry(), *many(80, b"<a>" + b"<b/>" * 20_000 + b"</a>")]),
    "a wide page": lambda it: package(it | {CONTENT: b"<a>" + b" " * 4_000_000 + b"</a>"}),
    "laughs": lambda it: package(
        it
        | {
            CONTENT: b"<!DOCTYPE a [<!ENTITY a 'ha'>"
            + b"".join(
                b"<!ENTITY %c '%s'>" % (letter + 1, b"&%c;" % letter * 10)
                for letter in b"abcdefghi"
            )
            + b"]><a>&j;</a>"
        }
    ),
    "references": lambda it: package(
        it
        | {
            TERMS.description: it[TERMS.description].replace(
                b"</ofd:References>",
                b'<ofd:Reference FileRef="/OFD.xml"/>' * 90_000 + b"</ofd:References>",
            )
        }
    ),
    "packed": lambda _: archive([Entry(data=bytes(19 << 20), method=DEFLATED)]),
}

GUARDED = """
import resource, sys
sys.path.insert(0, {root!r})
from factory import verify
data = open({path!r}, "rb").read()
here = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (here + {spare}, here + {spare}))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
print(verify.verify(data, ()).verdict)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is bounded by Linux")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_neither_memory_nor_time(name: str, honest: Members, tmp_path: Path) -> None:
    path = tmp_path / "bomb.ofd"
    path.write_bytes(BOMBS[name](dict(honest)))
    root = str(Path(verify.__file__).parents[1])
    program = GUARDED.format(root=root, path=str(path), spare=200 << 20)

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() in {"unreadable", "altered"}
