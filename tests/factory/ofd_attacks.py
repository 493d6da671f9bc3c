"""Attacks on a sealed OFD, of our own writers or small: its members, its signature, its package.

MEMBERS:  what is in the package, and what the signature says of it.
PACKAGES: ZIP in which one reader finds something else than another.
HARMLESS: other ways to say the same.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace

from factory.ofd import package as ofd_package
from factory.seals import der, sm2
from tests.factory.ofd.zipping import DEFLATED, STORED, UTF8, Entry, archive, descriptor, extra
from tests.factory.ofd_forging import Members, package
from tests.factory.ofd_tampering import BYTES, KEYLESS, Keyless
from tests.factory.scenes import Attack, Scene, of
from tests.factory.victims import SMALL

NAME_ENDS = (".xml", ".png", ".js", "", ".ofd", ".dat")
UNICODE_PATH, ZIP64 = 0x7075, 1
PARTS_SIGNED = 4  #: of a SignedValue.dat, before its time stamp

Change = Callable[[Members, Scene], Members]


def members_of(data: bytes) -> Members:
    return dict(ofd_package.opened(data))


def on_members(change: Change) -> Attack:
    """What is done to the members, if it does anything."""

    def attack(scene: Scene) -> bytes:
        members = members_of(scene.data)
        changed = change(members, scene)
        assert changed != members
        return package(changed)

    return attack


def known(tamper: Keyless) -> Attack:
    """What is always done in the same way, to a small document."""

    def attack(scene: Scene) -> bytes:
        assert scene.victim.name == SMALL
        return package(tamper(members_of(scene.data)))

    return attack


def entries_of(data: bytes) -> list[Entry]:
    return [Entry(name=name.encode(), data=each) for name, each in members_of(data).items()]


def ending(members: Members, end: str, scene: Scene) -> str:
    return scene.dice.choice([name for name in members if name.endswith(end)])


# --- members


def member_flipped(members: Members, scene: Scene) -> Members:
    name = scene.dice.choice(sorted(name for name in members if members[name]))
    data, size = bytearray(members[name]), len(members[name])
    if name.endswith("SignedValue.dat"):  # a token behind is signed by nobody
        parts = der.read(members[name]).parts()
        size -= sum(len(each.whole) for each in parts[PARTS_SIGNED:])
    data[scene.dice.randrange(size)] ^= scene.dice.randint(1, 255)
    return members | {name: bytes(data)}


def member_cut(members: Members, scene: Scene) -> Members:
    name = scene.dice.choice(sorted(name for name in members if members[name]))
    return members | {name: members[name][: scene.dice.randrange(len(members[name]))]}


def member_left_out(members: Members, scene: Scene) -> Members:
    gone = scene.dice.choice(sorted(members))
    return {name: data for name, data in members.items() if name != gone}


def member_smuggled(members: Members, scene: Scene) -> Members:
    folder = scene.dice.choice(sorted({name.rpartition("/")[0] for name in members}))
    name = scene.dice.choice(("more", "Content", "Annotations", "印", "Seal", "Signature"))
    return members | {f"{folder}/{name}9{scene.dice.choice(NAME_ENDS)}".lstrip("/"): b"<a/>"}


def members_swapped(members: Members, scene: Scene) -> Members:
    one, other = scene.dice.sample(sorted(members), 2)
    return members | {one: members[other], other: members[one]}


def member_of_another(members: Members, scene: Scene) -> Members:
    """A page, a photo, a seal of another file."""
    theirs = members_of(scene.other)
    common = sorted(name for name in members if name in theirs and members[name] != theirs[name])
    name = scene.dice.choice(common)
    return members | {name: theirs[name]}


def signature_of_another(members: Members, scene: Scene) -> Members:
    """The whole signature of another file: seal, description and value."""
    theirs = members_of(scene.other)
    signs = {name: data for name, data in theirs.items() if "/Signs/" in name}
    kept = {name: data for name, data in members.items() if "/Signs/" not in name}
    return kept | signs


def all_but_the_signature_of_another(members: Members, scene: Scene) -> Members:
    theirs = members_of(scene.other)
    kept = {name: data for name, data in members.items() if "/Signs/" in name}
    return {name: data for name, data in theirs.items() if "/Signs/" not in name} | kept


def member_renamed(members: Members, scene: Scene) -> Members:
    name = scene.dice.choice(sorted(members))
    other = scene.dice.choice((f"{name}x", name.swapcase(), f"A/{name}", name.replace("0", "1")))
    return {other if each == name else each: data for each, data in members.items()}


def changed_with_its_digest(members: Members, scene: Scene) -> Members:
    """The digest of a changed member is set right in the description."""
    signature = ending(members, "/Signature.xml", scene)
    able = [
        name
        for name in sorted(members)
        if b64encode(sm2.sm3(members[name])) in members[signature] and name != signature
    ]
    name = scene.dice.choice(able)
    new = members[name] + b"\n"
    old, told = (b64encode(sm2.sm3(each)) for each in (members[name], new))
    return members | {name: new, signature: members[signature].replace(old, told)}


def described_otherwise(members: Members, scene: Scene) -> Members:
    """The description or the list, in a word that says what is protected, how, and when."""
    name = scene.dice.choice(
        (ending(members, "/Signature.xml", scene), ending(members, "/Signatures.xml", scene))
    )
    data = members[name]
    changes: tuple[tuple[bytes, bytes], ...] = (
        (rb'CheckMethod="[^"]*"', b'CheckMethod="MD5"'),
        (rb'CheckMethod="[^"]*"', b'CheckMethod="SHA1"'),
        (rb'CheckMethod="[^"]*"', b'CheckMethod="SM3"'),
        (rb' CheckMethod="[^"]*"', b""),
        (rb"<ofd:Reference .*?</ofd:Reference>", b""),
        (rb"(<ofd:Reference .*?</ofd:Reference>)", rb"\1\1"),
        (rb'FileRef="/', b'FileRef="/./'),
        (rb'FileRef="/', b'FileRef="../../../'),
        (rb'FileRef="/', b'FileRef="'),
        (rb'FileRef="/Doc_0/', b'FileRef="/Doc_0/../Doc_0/'),
        (rb'FileRef="/Doc_0', b'FileRef="/Doc_%30'),
        (rb'FileRef="/Doc_0/', b'FileRef="\\\\Doc_0\\\\'),
        (rb"(<ofd:Reference .*?</ofd:Reference>)(\s*)(<ofd:Reference .*?</ofd:Reference>)",
         rb"\3\2\1"),
        (rb"<ofd:CheckValue>", b"<ofd:CheckValue> "),
        (rb"<ofd:StampAnnot [^>]*/>", b""),
        (rb'Boundary="\d', b'Boundary="9'),
        (rb'PageRef="', b'PageRef="0'),
        (rb"<ofd:SignatureDateTime>2", b"<ofd:SignatureDateTime>1"),
        (rb"<ofd:SignatureMethod>1", b"<ofd:SignatureMethod>2"),
        (rb"<ofd:SignedValue>", b"<ofd:SignedValue>/Doc_0/../"),
        (rb"<ofd:Seal>.*?</ofd:Seal>", b""),
        (rb'BaseLoc="/', b'BaseLoc="'),
        (rb'Type="Seal"', b'Type="Sign"'),
        (rb'Type="Seal"', b""),
        (rb"<ofd:Signature .*/>", b""),
        (rb'<ofd:Signature ID="', b'<ofd:Signature ID="1'),
        (rb"<ofd:MaxSignId>", b"<ofd:MaxSignId>1"),
        (rb"<ofd:Provider ", b'<ofd:Provider Company="a" '),
    )  # fmt: skip
    able = [each for each in changes if re.search(each[0], data, re.DOTALL)]
    pattern, new = scene.dice.choice(able)
    return members | {name: re.sub(pattern, new, data, count=1, flags=re.DOTALL)}


def protected_otherwise(members: Members, scene: Scene) -> Members:
    """One more member, and a reference to it in the description."""
    name = ending(members, "/Signature.xml", scene)
    new = "Doc_0/more.xml"
    line = (
        f'<ofd:Reference FileRef="/{new}"><ofd:CheckValue>{b64encode(sm2.sm3(b"<a/>")).decode()}'
        "</ofd:CheckValue></ofd:Reference></ofd:References>"
    )
    described = members[name].replace(b"</ofd:References>", line.encode())
    return members | {name: described, new: b"<a/>"}


def said_in_other_xml(members: Members, scene: Scene) -> Members:
    """The same words in other XML, or others that some readers do not see."""
    name = ending(members, ".xml", scene)
    data = members[name]
    other = scene.dice.choice(
        (
            data.replace(b"ofd:", b"x:").replace(b"xmlns:ofd", b"xmlns:x"),
            data.replace(b"<ofd:", b"<").replace(b"</ofd:", b"</").replace(b"xmlns:ofd", b"xmlns"),
            data.replace(b"http://www.ofdspec.org/2016", b"http://www.ofdspec.org"),
            data.replace(b"http://www.ofdspec.org/2016", b"urn:other"),
            data.replace(b"?>", b"?><!DOCTYPE a [<!ENTITY b 'c'>]>", 1),
            data.replace(b"?>", b"?><!DOCTYPE a SYSTEM 'file:///etc/hostname'>", 1),
            data.replace(b"?>", b"?><!-- a -->", 1),
            data.replace(b"?>", b"?><?a b?>", 1),
            data.replace(b"UTF-8", b"UTF-16"),
            data.replace(b'version="1.0"', b'version="1.1"'),
            b"\xef\xbb\xbf" + data,
            data + b"<!-- a -->",
            data + b"\n",
            data.replace(b"/>", b" />", 1),
            re.sub(rb'="([^"]*)"', rb"='\1'", data, count=2),
            re.sub(rb">(\w)", lambda it: b">&#%d;" % it[1][0], data, count=1),
            re.sub(rb">(\w[^<]*)<", rb"><![CDATA[\1]]><", data, count=1),
            re.sub(rb"(<ofd:\w+>)", rb'<x:a xmlns:x="urn:other"/>\1', data, count=1),
            data.decode().encode("utf-16"),
        )
    )
    return members | {name: other}


def another_entry(members: Members, scene: Scene) -> Members:
    """The entry leads to a second document, which nobody sealed."""
    copies = {
        name.replace("Doc_0", "Doc_1"): data.replace(b"Doc_0", b"Doc_1")
        for name, data in members.items()
        if name.startswith("Doc_0")
    }
    entry = members["OFD.xml"]
    bodies = re.findall(rb"<ofd:DocBody>.*</ofd:DocBody>", entry, re.DOTALL)
    second = bodies[0].replace(b"Doc_0", b"Doc_1")
    new = scene.dice.choice((second, bodies[0] + second, second + bodies[0]))
    return members | copies | {"OFD.xml": entry.replace(bodies[0], new)}


def page_annotated(members: Members, scene: Scene) -> Members:
    """An annotation over the page, of which the document is told."""
    name = "Doc_0/Document.xml"
    told = b"<ofd:Annotations>Annots/Annotations.xml</ofd:Annotations></ofd:Document>"
    space = b'xmlns:ofd="http://www.ofdspec.org/2016"'
    return members | {
        name: members[name].replace(b"</ofd:Document>", told),
        "Doc_0/Annots/Annotations.xml": b"<ofd:Annotations %s/>" % space,
    }


def value_made_anew(members: Members, scene: Scene) -> Members:
    """The parts of a signature's value in another order, of another file, or one less."""
    name = ending(members, "SignedValue.dat", scene)
    parts = [each.whole for each in der.read(members[name]).parts()]
    theirs = members_of(scene.other)
    other = [each.whole for each in der.read(theirs[ending(theirs, ".dat", scene)]).parts()]
    at = scene.dice.randrange(PARTS_SIGNED)
    new = scene.dice.choice(
        (
            parts[:at] + parts[at + 1 :],
            [*parts[:at], other[at], *parts[at + 1 :]],
            parts[::-1],
            [*parts, parts[0]],
            [*parts[:at], der.integer(5), *parts[at + 1 :]],
            [*parts[:3], der.bits(scene.dice.randbytes(71))],
            [*parts[:3], der.bits(der.sequence(der.integer(1), der.integer(1)))],
            [*parts[:3], der.bits(der.sequence(der.integer(0), der.integer(0)))],
        )
    )
    return members | {name: der.sequence(*new)}


def value_followed(members: Members, scene: Scene) -> Members:
    name = ending(members, "SignedValue.dat", scene)
    return members | {name: members[name] + scene.dice.choice((b"\0", b"\x05\0", members[name]))}


# --- the package


def zipped(change: Callable[[list[Entry], Scene], bytes]) -> Attack:
    return lambda scene: change(entries_of(scene.data), scene)


def evil_twin(entry: Entry, scene: Scene) -> Entry:
    return replace(entry, data=scene.dice.choice((b"<a/>", entry.data + b" ")))


def name_twice(entries: list[Entry], scene: Scene) -> bytes:
    """Two members of one name: which one is read depends on who reads."""
    one = scene.dice.choice(entries)
    at = scene.dice.choice((0, len(entries)))
    spelt = scene.dice.choice(
        (one.name, one.name.upper(), one.name.lower(), b"./" + one.name, b"/" + one.name,
         one.name.replace(b"/", b"\\"), one.name + b" ", one.name + b".", one.name + b"\0",
         one.name.replace(b"/", b"//", 1), b"a/../" + one.name, one.name + b"/",
         one.name.replace(b"O", b"\xef\xbc\xaf", 1), b"C:" + one.name)
    )  # fmt: skip
    entries.insert(at, replace(evil_twin(one, scene), name=spelt))
    return archive(entries)


def headers_differ(entries: list[Entry], scene: Scene) -> bytes:
    """What stands before a member is not what the directory says."""
    at = scene.dice.randrange(len(entries))
    one = entries[at]
    said: dict[str, object] = scene.dice.choice(
        (
            {"name": one.name[:-1] + b"X"},
            {"name": one.name.upper()},
            {"name": b"a/" + one.name},
            {"sums": (0, 0, 0)},
            {"sums": (one.sums[0], one.sums[1] + 1, one.sums[2] + 1)},
            {"sums": (one.sums[0] ^ 1, *one.sums[1:])},
            {"method": DEFLATED},
            {"flags": 0},
            {"flags": UTF8 | 1 << 3},
            {"extra": extra(UNICODE_PATH, b"\1abcdOFD.xml")},
            {"extra": extra(ZIP64, bytes(16))},
            {"version": 63},
        )
    )
    entries[at] = replace(one, local=said)
    return archive(entries)


def directory_differs(entries: list[Entry], scene: Scene) -> bytes:
    """What the directory says of a member is not so."""
    at = scene.dice.randrange(len(entries))
    one = entries[at]
    said: dict[str, object] = scene.dice.choice(
        (
            {"crc": 7}, {"size": len(one.data) + 1}, {"packed_size": len(one.data) + 1},
            {"offset": 1}, {"offset": 0xFFFFFFFF}, {"disk": 1}, {"comment": b"a"}, {"flags": 1},
            {"flags": UTF8 | 1 << 6}, {"method": 9}, {"method": 12}, {"method": 99},
            {"attributes": 0xA1FF0000, "made_by": 0x314}, {"extra": extra(ZIP64, bytes(8))},
            {"extra": extra(UNICODE_PATH, b"\1abcdOFD.xml")}, {"extra": b"\1"},
            {"before": b"PK\3\4"}, {"after": b"\0"}, {"version": 63},
        )
    )  # fmt: skip
    entries[at] = replace(one, **said)  # type: ignore[arg-type]
    return archive(entries)


def around(entries: list[Entry], scene: Scene) -> bytes:
    """Something before, between or behind; a member that the directory does not tell."""
    junk = scene.dice.choice((b"x", b"PK\5\6" + bytes(18), b"%PDF-1.7\n", archive([Entry()])))
    given: dict[str, object] = scene.dice.choice(
        (
            {"before": junk}, {"between": junk}, {"after": junk}, {"comment": junk},
            {"count": len(entries) - 1}, {"count": len(entries) + 1}, {"count": 0xFFFF},
            {"start": 0}, {"start": 0xFFFFFFFF},
            {"unlisted": [Entry(name=b"OFD.xml")]}, {"unlisted": [Entry(name=b"more.xml")]},
        )
    )  # fmt: skip
    return archive(entries, **given)  # type: ignore[arg-type]


def folder_put_in(entries: list[Entry], scene: Scene) -> bytes:
    """A folder in which nothing lies: no seal speaks of folders."""
    parts = sorted({each.name.rpartition(b"/")[0] for each in entries})
    within, name = scene.dice.choice(parts), scene.dice.choice((b"x", b"Annots", b"OFD.xml.d"))
    at = scene.dice.choice((0, len(entries)))
    entries.insert(at, Entry(name=(within + b"/" + name).lstrip(b"/") + b"/", data=b""))
    return archive(entries)


def one_place_twice(entries: list[Entry], scene: Scene) -> bytes:
    """Two lines of the directory lead to one member."""
    return archive([*entries, replace(scene.dice.choice(entries), name=b"more.xml", offset=0)])


def package_flipped(scene: Scene) -> bytes:
    """A byte of the package that changes a member, a name, a sum or a place."""
    data = bytearray(scene.data)
    at = scene.dice.randrange(len(data))
    data[at] ^= scene.dice.randint(1, 255)
    try:
        same = ofd_package.opened(bytes(data)) == members_of(scene.data)
    except Exception:
        return bytes(data)
    assert not same
    value = [name for name in members_of(scene.data) if name.endswith("SignedValue.dat")]
    changed = ofd_package.opened(bytes(data))
    assert all(changed.get(name) == members_of(scene.data)[name] for name in value)
    return bytes(data)


def package_cut(scene: Scene) -> bytes:
    return scene.data[: scene.dice.randrange(len(scene.data) - 1)]


def package_of_another_behind(scene: Scene) -> bytes:
    return scene.dice.choice((scene.data + scene.other, scene.other[:-22] + scene.data))


# --- what changes nothing


def packed_otherwise(entries: list[Entry], scene: Scene) -> bytes:
    """Other order, other compression, other dates; folders told, sums told behind."""
    scene.dice.shuffle(entries)
    streamed = scene.dice.random() < 0.3
    made = []
    for each in entries:
        method = scene.dice.choice((STORED, DEFLATED))
        other = replace(each, method=method, date=scene.dice.randrange(0x21, 0xFFFF))
        if streamed:
            other = replace(other, flags=UTF8 | 1 << 3, local={"sums": (0, 0, 0)})
            other = replace(other, after=descriptor(other))
        made.append(other)
    folders = sorted({each.name.rpartition(b"/")[0] for each in entries} - {b""})
    told = [Entry(name=name + b"/", data=b"") for name in folders]
    return archive([*(told if scene.dice.random() < 0.5 else []), *made])


def without_its_stamp(members: Members, scene: Scene) -> Members:
    name = ending(members, "SignedValue.dat", scene)
    parts = der.read(members[name]).parts()
    return members | {name: der.sequence(*(each.whole for each in parts[:PARTS_SIGNED]))}


def with_a_useless_stamp(members: Members, scene: Scene) -> Members:
    """Beside the last seal's value, which no other seal is over."""
    name = max(name for name in members if name.endswith("/SignedValue.dat"))
    parts = der.read(members[name]).parts()[:PARTS_SIGNED]
    token = der.element(der.EXPLICIT_0, der.bits(scene.dice.randbytes(30)))
    return members | {name: der.sequence(*(each.whole for each in parts), token)}


MEMBERS: Mapping[str, Attack] = {
    **{
        each.__name__: on_members(each)
        for each in (
            member_flipped, member_cut, member_left_out, member_smuggled, members_swapped,
            member_of_another, signature_of_another, all_but_the_signature_of_another,
            member_renamed, changed_with_its_digest, described_otherwise, protected_otherwise,
            said_in_other_xml, another_entry, page_annotated, value_made_anew, value_followed,
        )
    },
    **{
        name: known(tamper) for name, (tamper, _, _) in KEYLESS.items()
    },
}  # fmt: skip

PACKAGES: Mapping[str, Attack] = {
    **{
        each.__name__: zipped(each)
        for each in (
            name_twice, headers_differ, directory_differs, around, folder_put_in, one_place_twice,
        )
    },
    **{
        each.__name__: each
        for each in (package_flipped, package_cut, package_of_another_behind)
    },
    **{
        f"package {name}": of(tamper) for name, (tamper, _) in BYTES.items()
    },
}  # fmt: skip

HARMLESS: Mapping[str, Attack] = {
    "nothing in a package": lambda scene: scene.data,
    "packed_otherwise": zipped(packed_otherwise),
    "without_its_stamp": on_members(without_its_stamp),
    "with_a_useless_stamp": on_members(with_a_useless_stamp),
}
