"""Sealed OFD packages: what is protected and how it is written; what may not be sealed."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from hashlib import new as hashed
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import ofd_judges
import outsiders
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seal_making import (
    BOX,
    DAY,
    DOCUMENT,
    ENTRY,
    MEMBERS,
    NOW,
    OTHER_AUTHORITY,
    authority_ca,
    der_of,
    identity,
    members_of,
    seal,
    sealed,
)

from factory.errors import SealRefusedError, SelfCheckError
from factory.ofd.package import Member, opened, packed
from factory.seals import der, ofd, ses
from factory.seals.ofd_selfcheck import self_check
from factory.seals.signer import SesIdentity
from tests import ofd_stamps

SIGNS = "Doc_0/Signs"
FIRST, SECOND = f"{SIGNS}/Sign_0", f"{SIGNS}/Sign_1"
LISTING = f"{SIGNS}/Signatures.xml"
O = "{http://www.ofdspec.org/2016}"  # noqa: E741 - as the prefix
SEALED = sealed()
PARTS = ("Signature.xml", "Seal.esl", "SignedValue.dat")


def refused(words: str) -> pytest.RaisesExc[SealRefusedError]:
    return pytest.raises(SealRefusedError, match=words)


def described(package: bytes, folder: str = FIRST) -> ElementTree.Element:
    return ElementTree.fromstring(opened(package)[f"{folder}/Signature.xml"])  # noqa: S314


def protected(package: bytes, folder: str = FIRST) -> dict[str, bytes]:
    """The digests of Signature.xml, by member."""
    return {
        each.attrib["FileRef"]: b64decode(each.findtext(f"{O}CheckValue", ""))
        for each in described(package, folder).iter(f"{O}Reference")
    }


def changed(name: str, text: str) -> tuple[Member, ...]:
    """The members with another text in one of them."""
    return tuple(
        Member(name=name, data=text.encode()) if each.name == name else each for each in MEMBERS
    )


def with_seal(**changes: Any) -> SesIdentity:
    return replace(identity(), seal=seal(**changes))


# What is written


def test_a_sealed_package_passes_its_own_check_and_openssls() -> None:
    package = sealed()

    self_check(package, identity())
    assert ofd_judges.openssl_accepts(package)


def test_every_member_is_protected_but_the_signatures_own_two() -> None:
    package = sealed()

    members = opened(package)
    assert protected(package) == {
        f"/{name}": hashed("sm3", data).digest()
        for name, data in members.items()
        if name not in (f"{FIRST}/Signature.xml", f"{FIRST}/SignedValue.dat")
    }
    assert f"/{LISTING}" in protected(package)
    assert f"/{FIRST}/Seal.esl" in protected(package)


def test_the_members_that_were_given_stay_as_they_were_and_where_they_were() -> None:
    assert members_of(sealed())[: len(MEMBERS)] == MEMBERS


def test_a_signature_that_does_not_lock_leaves_the_list_open() -> None:
    assert f"/{LISTING}" not in protected(sealed(locking=False))


def test_the_description_has_the_order_of_the_schema() -> None:
    root = described(sealed())

    assert [each.tag.removeprefix(O) for each in root] == ["SignedInfo", "SignedValue"]
    assert [each.tag.removeprefix(O) for each in root[0]] == [
        "Provider",
        "SignatureMethod",
        "SignatureDateTime",
        "References",
        "StampAnnot",
        "Seal",
    ]


def test_algorithms_are_named_by_their_numbers() -> None:
    root = described(sealed())

    assert root.findtext(f".//{O}SignatureMethod") == "1.2.156.10197.1.501"
    assert root.find(f".//{O}References[@CheckMethod='1.2.156.10197.1.401']") is not None


def test_both_places_say_the_same_time_in_utc_to_the_second() -> None:
    beijing = NOW.astimezone(timezone(timedelta(hours=8)))

    package = sealed(now=beijing)

    said = described(package).findtext(f".//{O}SignatureDateTime")
    value = ses.read_signature(opened(package)[f"{FIRST}/SignedValue.dat"])
    assert said == "20261121040000Z"
    assert value.time == datetime(2026, 11, 21, 4, tzinfo=UTC)


def test_the_signature_names_its_description_and_carries_the_seal() -> None:
    members = opened(sealed())

    value = ses.read_signature(members[f"{FIRST}/SignedValue.dat"])

    assert value.property == f"/{FIRST}/Signature.xml"
    assert value.data_hash == hashed("sm3", members[f"{FIRST}/Signature.xml"]).digest()
    assert value.seal.der == members[f"{FIRST}/Seal.esl"] == identity().seal
    assert value.signer == der_of(identity().signing_cert)


def test_the_list_says_one_largest_id_that_no_signature_has() -> None:
    """Both are of xs:ID, so that one value must not stand twice."""
    listing = opened(sealed())[LISTING].decode()

    assert listing.count("<ofd:MaxSignId>s002</ofd:MaxSignId>") == 1
    entry = f'<ofd:Signature ID="s001" Type="Seal" BaseLoc="/{FIRST}/Signature.xml"/>'
    assert listing.count("<ofd:Signature ") == listing.count(entry) == 1


@pytest.mark.parametrize(("page", "identifier"), [(0, "11"), (1, "7")])
def test_the_stamp_names_its_page_by_the_pages_id(page: int, identifier: str) -> None:
    stamp = described(sealed(box=replace(BOX, page=page))).find(f".//{O}StampAnnot")

    assert stamp is not None
    assert stamp.attrib["PageRef"] == identifier


@pytest.mark.parametrize(
    ("width_mm", "height_mm", "boundary"),
    [(42, 42, "132 200 42 42"), (46, 23, "130 209.5 46 23"), (30, 45, "139 200 28 42")],
)
def test_the_stamp_has_the_pictures_shape_in_the_middle_of_its_box(
    width_mm: int, height_mm: int, boundary: str
) -> None:
    package = sealed(by=with_seal(width_mm=width_mm, height_mm=height_mm))

    stamp = described(package).find(f".//{O}StampAnnot")
    assert stamp is not None
    assert stamp.attrib["Boundary"] == boundary


def test_the_same_arguments_prepare_the_same_bytes() -> None:
    once, again = (ofd.prepare(MEMBERS, BOX, identity(), now=NOW) for _ in range(2))

    assert once == again
    assert len(once.digest) == 32


# Further signatures


def test_a_second_seal_stands_on_an_open_first_and_both_hold() -> None:
    first, other = sealed(locking=False), identity(OTHER_AUTHORITY)

    both = sealed(members_of(first), other)

    self_check(both, other)
    assert ofd_judges.openssl_accepts(both)
    for part in PARTS:
        assert opened(both)[f"{FIRST}/{part}"] == opened(first)[f"{FIRST}/{part}"]
        assert f"/{FIRST}/{part}" in protected(both, SECOND)
    assert all(
        hashed("sm3", opened(both)[name[1:]]).digest() == digest
        for name, digest in protected(both).items()
    )


def test_a_second_signature_takes_the_next_ids() -> None:
    both = sealed(members_of(sealed(locking=False)), identity(OTHER_AUTHORITY))

    listing = ElementTree.fromstring(opened(both)[LISTING])  # noqa: S314
    stamp = described(both, SECOND).find(f".//{O}StampAnnot")
    assert stamp is not None
    assert [each.get("ID") for each in listing] == [None, "s001", "s003"]
    assert stamp.attrib["ID"] == listing.findtext(f"{O}MaxSignId") == "s004"


def test_a_signature_on_one_of_others_numbers_on_from_its_bare_digits() -> None:
    package = opened(sealed(locking=False))
    foreign = {
        LISTING: package[LISTING].replace(b"s001", b"17").replace(b' Type="Seal"', b""),
        f"{FIRST}/Signature.xml": package[f"{FIRST}/Signature.xml"].replace(b"s002", b"18"),
    }
    members = [Member(name=n, data=d) for n, d in (package | foreign).items()]

    both = sealed(tuple(members), identity(OTHER_AUTHORITY))

    listing = ElementTree.fromstring(opened(both)[LISTING])  # noqa: S314
    assert [each.get("ID") for each in listing] == [None, "17", "s019"]


def test_nothing_follows_a_signature_that_locks() -> None:
    with refused("locked"):
        sealed(members_of(sealed()), identity(OTHER_AUTHORITY))


def test_a_third_seal_is_as_good_as_the_second() -> None:
    package = sealed(locking=False)
    for locking in (False, True):
        package = sealed(members_of(package), identity(OTHER_AUTHORITY), locking=locking)

    self_check(package, identity(OTHER_AUTHORITY))
    assert ofd_judges.openssl_accepts(package)


# What may not be sealed


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (changed("OFD.xml", ENTRY.replace("Signatures", "Others")), "name Signatures"),
        (changed("OFD.xml", ENTRY.replace("DocRoot", "Root")), "name DocRoot"),
        (MEMBERS[1:], "lacks a member"),
        ((MEMBERS[0], *MEMBERS[2:]), "lacks a member"),
        (changed("Doc_0/Document.xml", DOCUMENT.replace(' ID="11"', "")), "no page 1"),
    ],
    ids=["no Signatures", "no DocRoot", "no OFD.xml", "no Document.xml", "page without id"],
)
def test_a_package_that_is_not_ready_is_refused(members: tuple[Member, ...], words: str) -> None:
    with refused(words):
        sealed(members)


@pytest.mark.parametrize("page", [-1, 2])
def test_a_page_that_is_not_there_is_refused(page: int) -> None:
    with refused("no page"):
        sealed(box=replace(BOX, page=page))


@pytest.mark.parametrize(
    ("now", "words"),
    [(NOW - 2 * DAY, "certificate is not valid"), (NOW + 1096 * DAY, "certificate is not valid")],
    ids=["before", "after"],
)
def test_a_certificate_that_is_not_valid_then_is_refused(now: datetime, words: str) -> None:
    with refused(words):
        sealed(now=now)


def test_a_seal_that_is_not_valid_then_is_refused() -> None:
    with refused("seal is not valid"):
        sealed(by=with_seal(valid_until=NOW - DAY / 2))
    with refused("seal is not valid"):
        sealed(by=with_seal(valid_from=NOW + timedelta(seconds=1)))


def test_a_time_without_a_zone_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="aware"):
        sealed(now=NOW.replace(tzinfo=None))


def test_a_signer_whom_the_seal_does_not_list_is_refused() -> None:
    with refused("does not list"):
        sealed(by=replace(identity(), seal=identity(OTHER_AUTHORITY).seal))


def test_a_certificate_that_is_not_for_sealing_is_refused() -> None:
    with refused("contentCommitment"):
        sealed(by=replace(identity(), signing_cert=authority_ca().issuing.certificate))


def test_a_key_of_another_kind_is_refused() -> None:
    p256 = outsiders.certify("signer").certificate

    with refused("no SM2 key"):
        sealed(by=replace(with_seal(certificates=(der_of(p256),)), signing_cert=p256))


def test_a_seal_of_version_1_is_not_put_on_documents() -> None:
    parts = [each.whole for each in der.read(identity().seal).parts()]
    old = der.sequence(old_info(parts[0]), der.sequence(*parts[1:]))

    with refused("version 1"):
        sealed(by=replace(identity(), seal=old))


def old_info(info: bytes) -> bytes:
    """SES_SealInfo of version 1 out of one of version 4."""
    _, code, described, drawn = (each.whole for each in der.read(info).parts())
    kind, name, _, *others = (each.whole for each in der.read(described).parts())
    return der.sequence(
        der.sequence(der.ia5("ES"), der.integer(1), der.ia5("TEST")),
        code,
        der.sequence(kind, name, *others),
        drawn,
    )


# The self-check


def tampered(name: str, change: Callable[[bytes], bytes]) -> bytes:
    members = members_of(sealed())
    assert any(each.name == name for each in members)
    return packed(
        [replace(each, data=change(each.data)) if each.name == name else each for each in members]
    )


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("OFD.xml", lambda data: data + b"\n", "not the member's"),
        ("Doc_0/Pages/Page_0/Content.xml", lambda data: data + b"\n", "not the member's"),
        (LISTING, lambda data: data + b"\n", "not the member's"),
        (f"{FIRST}/Seal.esl", lambda _: identity(OTHER_AUTHORITY).seal, "not the member's"),
        (f"{FIRST}/Signature.xml", lambda data: data.replace(b"132 200", b"13 200"), "dataHash"),
        (f"{FIRST}/Signature.xml", lambda data: data.replace(b"040000Z", b"050000Z"), "dataHash"),
        (f"{FIRST}/SignedValue.dat", flipped, "signature: does not fit"),
        (f"{FIRST}/SignedValue.dat", lambda data: data[:-1], "cannot be read"),
        (
            f"{FIRST}/SignedValue.dat",
            lambda data: data.replace(b"20261121040000Z", b"20261121050000Z"),
            "timeInfo",
        ),
        (
            f"{FIRST}/SignedValue.dat",
            lambda data: data.replace(b"Sign_0/", b"Sign_1/"),
            "propertyInfo",
        ),
    ],
)
def test_a_package_changed_after_sealing_does_not_pass(
    name: str, change: Callable[[bytes], bytes], words: str
) -> None:
    with pytest.raises(SelfCheckError, match=words):
        self_check(tampered(name, change), identity())


def test_a_member_that_was_smuggled_in_does_not_pass() -> None:
    package = packed((*members_of(sealed()), Member(name="Doc_0/more.xml", data=b"<more/>")))

    with pytest.raises(SelfCheckError, match="do not cover"):
        self_check(package, identity())


def test_a_member_that_is_missing_does_not_pass() -> None:
    members = [each for each in members_of(sealed()) if "Page_1" not in each.name]

    with pytest.raises(SelfCheckError, match="cannot be read"):
        self_check(packed(members), identity())


def test_the_signature_of_another_does_not_pass() -> None:
    with pytest.raises(SelfCheckError, match="is another one"):
        self_check(sealed(), identity(OTHER_AUTHORITY))


def test_the_signature_of_another_key_does_not_pass() -> None:
    prepared = ofd.prepare(MEMBERS, BOX, identity(), now=NOW)
    [signature] = identity(OTHER_AUTHORITY).signer.sign_digests([prepared.digest])

    with pytest.raises(SelfCheckError, match="does not fit"):
        self_check(ofd.complete(prepared, signature), identity())


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.7", packed(MEMBERS)], ids=["nothing", "PDF", "bare"]
)
def test_what_is_no_sealed_package_does_not_pass(data: bytes) -> None:
    with pytest.raises(SelfCheckError, match="cannot be read"):
        self_check(data, identity())


# Time stamps


def stamped(token: Callable[[bytes], bytes] = ofd_stamps.token, *, locking: bool = True) -> bytes:
    """A sealed package with what stands for a time stamp over its signature."""
    prepared = ofd.prepare(MEMBERS, BOX, identity(), now=NOW, locking=locking)
    [signature] = identity().signer.sign_digests([prepared.digest])
    return ofd.complete(prepared, signature, token(signature))


def test_a_stamped_package_passes_its_own_check_and_openssls(tmp_path: Path) -> None:
    package = stamped()

    self_check(package, identity())
    assert ofd_judges.openssl_accepts(package)
    (tmp_path / "stamped.ofd").write_bytes(package)
    assert ofd_stamps.openssl_takes_stamps_of(tmp_path / "stamped.ofd")


def test_openssl_refuses_the_stamp_of_another_package() -> None:
    value, other = (opened(stamped())[f"{FIRST}/SignedValue.dat"] for _ in range(2))
    (token, signature), (_, another) = ofd_stamps.slices(value), ofd_stamps.slices(other)

    assert ofd_stamps.openssl_takes(token, signature)
    assert not ofd_stamps.openssl_takes(token, another)


def test_a_stamp_changes_the_signature_value_alone_and_that_at_its_end() -> None:
    prepared = ofd.prepare(MEMBERS, BOX, identity(), now=NOW)
    [signature] = identity().signer.sign_digests([prepared.digest])
    token = ofd_stamps.token(signature)

    bare, with_it = (
        opened(ofd.complete(prepared, signature, *tokens)) for tokens in ((), (token,))
    )

    place = f"{FIRST}/SignedValue.dat"
    assert [name for name in bare if bare[name] != with_it[name]] == [place]
    plain, longer = (ses.read_signature(members[place]) for members in (bare, with_it))
    assert plain == replace(longer, time_stamp=None)
    assert longer.time_stamp == token
    assert opened(ofd.complete(prepared, signature, None)) == bare


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512", "sm3"])
def test_a_stamp_over_any_strong_digest_passes(digest: str) -> None:
    self_check(stamped(partial(ofd_stamps.token_by, digest)), identity())


@pytest.mark.parametrize(("wrong", "words"), ofd_stamps.WRONG.values(), ids=ofd_stamps.WRONG)
def test_what_is_no_stamp_over_the_signature_does_not_pass(
    wrong: Callable[[bytes], bytes], words: str
) -> None:
    with pytest.raises(SelfCheckError, match=f"time stamp: .*{words}"):
        self_check(stamped(wrong), identity())


@pytest.mark.parametrize(
    "change",
    [
        lambda stamp: stamp[:-1],
        lambda stamp: stamp + b"\0",
        lambda stamp: stamp * 2,
        lambda stamp: der.read(stamp).content,
        lambda stamp: b"\xa1" + stamp[1:],
        lambda stamp: b"\xa0\x80" + der.read(stamp).content + b"\0\0",
        lambda stamp: b"\xa0\x84\0\0" + stamp[2:],
        lambda stamp: der.element(0xA0, der.read(stamp).content * 2),
        lambda stamp: der.element(0xA0, der.octets(der.read(stamp).parts()[0].content)),
        lambda stamp: der.element(0xA0, b""),
    ],
    ids=[
        *("cut off", "more behind", "twice", "not explicit", "[1]", "without end"),
        *("a longer length", "two inside", "octets", "nothing inside"),
    ],
)
def test_a_stamp_in_another_form_does_not_pass(change: Callable[[bytes], bytes]) -> None:
    members = dict(opened(stamped()))
    place = f"{FIRST}/SignedValue.dat"
    parts = [each.whole for each in der.read(members[place]).parts()]
    members[place] = der.sequence(*parts[:-1], change(parts[-1]))
    package = packed([Member(name=name, data=data) for name, data in members.items()])

    with pytest.raises(SelfCheckError):
        self_check(package, identity())


def test_a_second_seal_protects_the_stamp_of_the_first() -> None:
    first, other = stamped(locking=False), identity(OTHER_AUTHORITY)

    both = sealed(members_of(first), other)

    self_check(both, other)
    value = opened(both)[f"{FIRST}/SignedValue.dat"]
    assert ses.read_signature(value).time_stamp is not None
    assert protected(both, SECOND)[f"/{FIRST}/SignedValue.dat"] == hashed("sm3", value).digest()


@given(st.data())
def test_no_byte_of_a_member_can_change_unnoticed(data: st.DataObject) -> None:
    members = list(members_of(SEALED))
    place = data.draw(st.integers(0, len(members) - 1))
    old = members[place].data
    at, bit = data.draw(st.integers(0, len(old) - 1)), data.draw(st.integers(0, 7))
    new = old[:at] + bytes((old[at] ^ 1 << bit,)) + old[at + 1 :]
    members[place] = replace(members[place], data=new)

    with pytest.raises(SelfCheckError):
        self_check(packed(members), identity())
