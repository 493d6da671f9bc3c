"""Packages: what we pack everybody opens; what could be read in two ways, or is too much, is not.

Each hostile package is one change of a package that is taken.
"""

import io
import shutil
import struct
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.errors import PackageError
from factory.ofd import package
from factory.ofd.package import Member, opened, packed
from tests.factory.ofd.zipping import DEFLATED, UTF8, Entry, archive, deflated, descriptor, extra

ENTRY = Entry()
OTHER = Entry(name=b"Doc_0/Document.xml", data=b"<document/>" * 20, method=DEFLATED)
DESCRIBED = 1 << 3

MEMBERS = (
    Member(name="OFD.xml", data=b"<ofd:OFD/>" * 30),
    Member(name="Doc_0/Document.xml", data=b"<ofd:Document/>" * 30),
    Member(name="Doc_0/Res/photo.jpg", data=bytes(range(256)) * 4),
    Member(name="Doc_0/Res/印章.png", data=b"\x89PNG"),
    Member(name="Doc_0/Signs/Sign_0/SignedValue.dat", data=b"\x30\x00"),
    Member(name="Doc_0/empty.xml", data=b""),
)


def refused(data: bytes) -> str:
    with pytest.raises(PackageError) as caught:
        opened(data)
    assert caught.value.reason == "package"
    return caught.value.rule


# --- what is packed


def test_what_is_packed_opens_again_in_its_order() -> None:
    found = opened(packed(MEMBERS))

    assert list(found.items()) == [(each.name, each.data) for each in MEMBERS]


def test_the_same_members_give_the_same_bytes() -> None:
    assert packed(MEMBERS) == packed(list(MEMBERS))


def test_other_readers_open_it_too(tmp_path: Path) -> None:
    path = tmp_path / "x.ofd"
    path.write_bytes(packed(MEMBERS))

    with zipfile.ZipFile(path) as archived:
        assert archived.testzip() is None
        assert {name: archived.read(name) for name in archived.namelist()} == opened(
            path.read_bytes()
        )
    for reader in (["unzip", "-tqq"], ["7z", "t"]):
        if shutil.which(reader[0]):
            subprocess.run([*reader, str(path)], check=True, capture_output=True)


def test_it_says_no_time_has_no_descriptor_and_marks_names_as_utf_8() -> None:
    with zipfile.ZipFile(io.BytesIO(packed(MEMBERS))) as archived:
        for found in archived.infolist():
            assert found.date_time == (1980, 1, 1, 0, 0, 0)
            assert found.flag_bits == UTF8
            assert found.extra == b""
            assert found.extract_version == 20


def test_what_is_compressed_already_is_stored() -> None:
    with zipfile.ZipFile(io.BytesIO(packed(MEMBERS))) as archived:
        methods = {each.filename: each.compress_type for each in archived.infolist()}

    assert methods["OFD.xml"] == zipfile.ZIP_DEFLATED
    assert methods["Doc_0/Res/photo.jpg"] == zipfile.ZIP_STORED
    assert methods["Doc_0/Signs/Sign_0/SignedValue.dat"] == zipfile.ZIP_STORED
    assert methods["Doc_0/empty.xml"] == zipfile.ZIP_STORED


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("/OFD.xml",),
        ("a\\b.xml",),
        ("../a.xml",),
        ("a/./b.xml",),
        ("a//b.xml",),
        ("C:a.xml",),
        ("a\0b",),
        ("a\ud800b",),
        ("",),
        ("a" * 256,),
        ("a.xml", "a.xml"),
        ("a.xml", "A.xml"),
        ("a", "a/b"),
    ],
)
def test_what_we_would_not_open_is_not_packed(names: tuple[str, ...]) -> None:
    with pytest.raises(PackageError):
        packed([Member(name=name, data=b"") for name in names])


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}\.xml", fullmatch=True),
                    st.binary(max_size=2000), min_size=1, max_size=8)
)  # fmt: skip
def test_any_members_come_back(members: dict[str, bytes]) -> None:
    files = [Member(name=name, data=data) for name, data in members.items()]

    assert opened(packed(files)) == members


# --- what is taken of others


def test_folders_and_dates_that_there_are_not_are_taken() -> None:
    folder = Entry(name=b"Doc_0/", data=b"")
    odd = replace(OTHER, date=0xFFFF)

    found = opened(archive([folder, ENTRY, odd]))

    assert list(found) == ["OFD.xml", "Doc_0/Document.xml"]


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("told", [True, False])
def test_data_descriptors_that_tell_the_truth_are_taken(marked: bool, told: bool) -> None:
    entry = replace(OTHER, flags=UTF8 | DESCRIBED)
    local: dict[str, object] = {} if told else {"sums": (0, 0, 0)}
    entry = replace(entry, after=descriptor(entry, marked=marked), local=local)

    assert opened(archive([ENTRY, entry]))["Doc_0/Document.xml"] == OTHER.data


def test_times_in_extra_fields_are_taken() -> None:
    entry = replace(ENTRY, extra=extra(0x5455, b"\1abcd"))

    assert opened(archive([entry])) == {"OFD.xml": b"<a/>"}


def test_members_may_lie_in_another_order_than_the_directory_tells() -> None:
    first = archive([ENTRY, OTHER])
    directory = first.index(b"PK\1\2")
    end = first.index(b"PK\5\6")
    middle = first.index(b"PK\1\2", directory + 1)
    turned = first[:directory] + first[middle:end] + first[directory:middle] + first[end:]

    assert list(opened(turned)) == ["Doc_0/Document.xml", "OFD.xml"]


# --- what is refused


def with_(**changes: object) -> bytes:
    return archive([replace(ENTRY, **changes), OTHER])  # type: ignore[arg-type]


def second(**changes: object) -> bytes:
    return archive([ENTRY, replace(OTHER, **changes)])  # type: ignore[arg-type]


def zeros(size: int) -> Entry:
    return Entry(name=b"zeros.xml", data=bytes(size), method=DEFLATED)


def named(entry: Entry, count: int) -> list[Entry]:
    """So many members of one content."""
    return [replace(entry, name=b"%d" % n) for n in range(count)]


def overlapping() -> bytes:
    """Two members of the directory are one (a bomb of David Fifield's kind)."""
    twice = replace(ENTRY, name=b"twice.x")
    return archive([ENTRY, replace(twice, offset=0)])


def nested() -> bytes:
    """A member that lies within another, stored one."""
    inner = archive([replace(ENTRY, name=b"inner")])[: 30 + 5 + 4]
    outer = Entry(name=b"outer", data=inner)
    return archive([outer, replace(ENTRY, name=b"inner", offset=30 + 5)], count=2)


CHANGES = "central and local header disagree"
NAMES = "a name with"
PLACES = "bytes before, between or after the members"

HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "not a ZIP"),
    "no zip": (lambda: b"%PDF-1.7" + bytes(100), "not a ZIP"),
    "two letters": (lambda: b"PK", "not a ZIP"),
    "no members": (lambda: archive([]), "without members"),
    "too large": (lambda: bytes(package.MOST_BYTES + 1), "larger than a package may be"),
    "too many members": (
        lambda: archive([Entry(name=b"%d" % number) for number in range(1001)]),
        "more members than a package may have",
    ),
    "too large unpacked": (
        lambda: archive([replace(zeros(16), name=b"%d" % n, size=1 << 26) for n in range(2)]),
        "larger than it may be when unpacked",
    ),
    "packed too well": (lambda: archive([zeros(1 << 24)]), "a member that is packed too well"),
    "size says less": (lambda: second(size=100), "a size that is not what it says"),
    "size says more": (lambda: second(size=1000), "a size that is not what it says"),
    "stored size says more": (lambda: with_(size=1000), CHANGES),
    "overlapping": (overlapping, "members that overlap"),
    "nested": (nested, "members that overlap"),
    "packed size runs on": (lambda: second(packed_size=10_000), "members that overlap"),
    "twice": (lambda: with_(name=OTHER.name), "twice the same name"),
    "twice in capitals": (lambda: with_(name=OTHER.name.upper()), "twice the same name"),
    "twice composed": (
        lambda: archive(
            [
                replace(ENTRY, name=unicodedata.normalize(form, "é.xml").encode())
                for form in ("NFC", "NFD")
            ]
        ),
        "twice the same name",
    ),
    "twice in full width": (
        lambda: archive([replace(ENTRY, name=name.encode()) for name in ("a.xml", "ａ.xml")]),
        "twice the same name",
    ),
    "folder with nothing": (
        lambda: archive([ENTRY, Entry(name=b"Doc_0/x/", data=b"")]),
        "a folder in which nothing lies",
    ),
    "member and folder": (
        lambda: with_(name=b"Doc_0"),
        "a name that is a member and a folder",
    ),
    "other name before the member": (
        lambda: with_(local={"name": b"OFE.xml"}),
        CHANGES,
    ),
    "longer name before the member": (lambda: with_(local={"name": b"OFD.xml2"}), CHANGES),
    "other method before the member": (lambda: with_(local={"method": DEFLATED}), CHANGES),
    "other flags before the member": (lambda: with_(local={"flags": 0}), CHANGES),
    "other sums before the member": (lambda: with_(local={"sums": (1, 4, 4)}), CHANGES),
    "no sums before the member": (lambda: with_(local={"sums": (0, 0, 0)}), CHANGES),
    "parent": (lambda: with_(name=b"../a"), f"{NAMES} an empty part"),
    "parent within": (lambda: with_(name=b"a/../b"), f"{NAMES} an empty part"),
    "here": (lambda: with_(name=b"./OFD.xml"), f"{NAMES} an empty part"),
    "empty part": (lambda: with_(name=b"a//b"), f"{NAMES} an empty part"),
    "trailing dot": (lambda: with_(name=b"OFD.xml."), f"{NAMES} an empty part"),
    "trailing blank": (lambda: with_(name=b"OFD.xml "), f"{NAMES} an empty part"),
    "absolute": (lambda: with_(name=b"/OFD.xml"), "an absolute name"),
    "root": (lambda: with_(name=b"/", data=b""), "an absolute name"),
    "backslash": (lambda: with_(name=b"a\\b"), f"{NAMES} a backslash"),
    "drive": (lambda: with_(name=b"C:OFD.xml"), f"{NAMES} a backslash or a drive"),
    "stream": (lambda: with_(name=b"OFD.xml:x"), f"{NAMES} a backslash or a drive"),
    "nul": (lambda: with_(name=b"OFD.xml\0.png"), f"{NAMES} characters"),
    "line feed": (lambda: with_(name=b"a\nb"), f"{NAMES} characters"),
    "turned round": (lambda: with_(name="a\u202exml.gpj".encode()), f"{NAMES} characters"),
    "no name": (lambda: with_(name=b""), f"{NAMES} characters"),
    "long name": (lambda: with_(name=b"a" * 256), f"{NAMES} characters"),
    "name in gbk": (lambda: with_(name="印".encode("gbk"), flags=0), "unknown encoding"),
    "name is no utf-8": (lambda: with_(name=b"\xff"), "unknown encoding"),
    "encrypted": (lambda: with_(flags=UTF8 | 1), "encrypted"),
    "strongly encrypted": (lambda: with_(flags=UTF8 | 1 << 6), "encrypted"),
    "directory encrypted": (lambda: with_(flags=UTF8 | 1 << 13), "encrypted"),
    "patched": (lambda: with_(flags=UTF8 | 1 << 5), "a feature of ZIP"),
    "newer": (lambda: with_(version=63), "a feature of ZIP"),
    "deflate 64": (lambda: with_(method=9), "compression method"),
    "lzma": (lambda: with_(method=14), "compression method"),
    "link": (
        lambda: with_(made_by=3 << 8 | 20, attributes=0o120777 << 16),
        "a link or a device",
    ),
    "crc": (lambda: with_(crc=1), "CRC"),
    "crc of deflated": (lambda: second(crc=1), "CRC"),
    "no deflate": (lambda: second(body=b"\xff" * 8), "broken compressed data"),
    "cut deflate": (
        lambda: second(body=deflated(OTHER.data)[:-1]),
        "a size that is not what it says",
    ),
    "something after the deflate": (
        lambda: second(body=deflated(OTHER.data) + b"x"),
        "a size that is not what it says",
    ),
    "before": (lambda: archive([ENTRY], before=b"MZ"), "not a ZIP"),
    "before, as a member": (
        lambda: archive([replace(ENTRY, offset=4)], before=b"PK\3\4"),
        PLACES,
    ),
    "between": (lambda: archive([ENTRY, replace(OTHER, before=b"x")]), PLACES),
    "before the directory": (lambda: archive([ENTRY], between=b"x"), PLACES),
    "unlisted": (
        lambda: archive([ENTRY], unlisted=[replace(ENTRY, name=b"b")]),
        PLACES,
    ),
    "unlisted in the middle": (
        lambda: archive([ENTRY, replace(OTHER, before=archive([ENTRY])[:41])]),
        PLACES,
    ),
    "after": (lambda: archive([ENTRY], after=b"x"), "does not end with its directory"),
    "comment": (lambda: archive([ENTRY], comment=b"x"), "does not end with its directory"),
    "two packages": (
        lambda: archive([ENTRY]) + archive([ENTRY]),
        PLACES,
    ),
    "a package as comment": (
        lambda: archive([ENTRY], comment=archive([ENTRY])),
        PLACES,
    ),
    "comment of a member": (lambda: with_(comment=b"x"), "a comment"),
    "count says less": (lambda: archive([ENTRY, OTHER], count=1), PLACES),
    "count says more": (lambda: archive([ENTRY, OTHER], count=3), "a broken directory"),
    "start says more": (lambda: archive([ENTRY], start=100), PLACES),
    "zip64 in the count": (lambda: archive([ENTRY], count=0xFFFF), "ZIP64"),
    "zip64 in a member": (lambda: with_(extra=extra(1, bytes(8))), "ZIP64"),
    "zip64 in a size": (lambda: with_(size=0xFFFFFFFF), "larger than it may be"),
    "zip64 locator": (
        lambda: archive([ENTRY], between=b"PK\6\7" + bytes(16)),
        PLACES,
    ),
    "name in an extra field": (lambda: with_(extra=extra(0x7075, b"\1abcdx")), "an extra field"),
    "name in a local extra field": (
        lambda: with_(local={"extra": extra(0x7075, b"\1abcdx")}),
        "an extra field",
    ),
    "aes": (lambda: with_(extra=extra(0x9901, bytes(7))), "an extra field"),
    "cut extra field": (lambda: with_(extra=b"\x55"), "a broken extra field"),
    "extra field runs on": (
        lambda: with_(extra=struct.pack("<2H", 0x5455, 9)),
        "a broken extra field",
    ),
    "another disk": (lambda: with_(disk=1), "a comment, or a broken directory"),
    "place beyond the end": (lambda: with_(offset=1 << 30), PLACES),
    "place of no member": (
        lambda: b"PK\5\6" + archive([ENTRY])[4:],
        "a member that is not where the directory says",
    ),
    "place within another": (
        lambda: archive([ENTRY, replace(OTHER, offset=5)]),
        "members that overlap",
    ),
    "folder with content": (lambda: with_(name=b"Doc_0/"), "a folder with content"),
    "descriptor that lies": (
        lambda: second(flags=UTF8 | DESCRIBED, after=b"PK\7\x08" + bytes(12)),
        PLACES,
    ),
    "descriptor that is not announced": (lambda: second(after=descriptor(OTHER)), PLACES),
    "descriptor that is missing": (lambda: second(flags=UTF8 | DESCRIBED), PLACES),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_package_is_refused(name: str) -> None:
    build, rule = HOSTILE[name]

    assert rule in refused(build())


def test_the_package_that_they_change_is_taken() -> None:
    assert opened(archive([ENTRY, OTHER])) == {
        "OFD.xml": ENTRY.data,
        "Doc_0/Document.xml": OTHER.data,
    }


@settings(max_examples=300)
@given(st.data())
def test_a_changed_byte_gives_the_same_members_or_a_refusal(data: st.DataObject) -> None:
    """Times and attributes are nobody's; whatever is read is what was packed."""
    whole = bytearray(packed(MEMBERS))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        found = opened(bytes(whole))
    except PackageError:
        return

    assert found == {each.name: each.data for each in MEMBERS}


@given(st.integers(0, 1200))
def test_a_cut_package_is_refused(length: int) -> None:
    whole = packed(MEMBERS)
    refused(whole[: min(length, len(whole) - 1)])


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    refused(b"PK\3\4" + data)


# --- limits that the kernel keeps

BOMBS: dict[str, Callable[[], bytes]] = {
    "well packed": lambda: archive([zeros(19 << 20)]),
    "thousands": lambda: archive(named(zeros(1 << 26), 50)),
    "lying": lambda: archive([replace(zeros(1 << 26), size=60_000)]),
    "overlapping": lambda: archive(named(replace(zeros(1 << 22), offset=0), 900)),
    "of packages": lambda: archive(
        [Entry(name=b"inner.ofd", data=archive([zeros(1 << 26)]), method=DEFLATED)]
    ),
    "as large as may be": lambda: archive(
        [
            Entry(name=b"%d.dat" % n, data=bytes((n % 256,)) * 65_000, method=DEFLATED)
            for n in range(990)
        ]
    ),
}

GUARDED = """
import resource, sys
sys.path.insert(0, {root!r})
from factory.errors import PackageError
from factory.ofd.package import opened
data = open({path!r}, "rb").read()
here = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (here + {spare}, here + {spare}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
try:
    print(sum(map(len, opened(data).values())))
except PackageError as error:
    print(error.rule)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is bounded by Linux")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_neither_memory_nor_time(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.ofd"
    path.write_bytes(BOMBS[name]())
    spare = package.MOST_BYTES + package.MOST_UNPACKED + (8 << 20)
    root = str(Path(package.__file__).parents[2])
    program = GUARDED.format(root=root, path=str(path), spare=spare, seconds=5)

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
