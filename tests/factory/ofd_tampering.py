"""What can be done to a sealed OFD without a key, and what with one; and what is said of each.

KEYLESS:  changes of the members of a document that was sealed as it should be.
FORGED:   documents that somebody sealed wrongly, with a key.
BYTES:    changes of the package itself.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta

from factory.seals import der, sm2
from factory.verify import VerdictWord
from storage import testca_sm2
from tests.factory.ofd.zipping import Entry, archive
from tests.factory.ofd_forging import (
    CONTENT,
    LIST,
    NOW,
    SECOND,
    TERMS,
    Members,
    World,
    an_esl,
    der_of,
    document,
    entry,
    new_seal,
    old_seal,
    old_value,
    package,
    page,
    seal_of_version,
    seal_with_digests,
    sealed,
    xml,
)

ALTERED, UNTRUSTED = VerdictWord.ALTERED, VerdictWord.UNTRUSTED
UNVERIFIABLE, UNREADABLE = VerdictWord.UNVERIFIABLE, VerdictWord.UNREADABLE
UNSIGNED = VerdictWord.UNSIGNED

SIGNATURE, VALUE = TERMS.description, TERMS.signed_value
SEAL = f"{TERMS.folder}/Seal.esl"
CHANGED = "was changed after it was sealed"
DESCRIPTION = "the description of the signature was changed"
READ = "is no OFD that can be read"

Keyless = Callable[[Members], Members]
Forged = Callable[[World], Members]


def replaced(name: str, old: bytes, new: bytes) -> Keyless:
    def tamper(members: Members) -> Members:
        assert old in members[name]
        return members | {name: members[name].replace(old, new, 1)}

    return tamper


def added(name: str, data: bytes = b"x") -> Keyless:
    return lambda members: members | {name: data}


def removed(*names: str) -> Keyless:
    return lambda members: {name: data for name, data in members.items() if name not in names}


def renamed(name: str, other: str) -> Keyless:
    return lambda members: {other if each == name else each: data
                            for each, data in members.items()}  # fmt: skip


def both(*tampers: Keyless) -> Keyless:
    def tamper(members: Members) -> Members:
        for each in tampers:
            members = each(members)
        return members

    return tamper


def flipped(name: str, place: int) -> Keyless:
    def tamper(members: Members) -> Members:
        data = bytearray(members[name])
        data[place] ^= 1
        return members | {name: bytes(data)}

    return tamper


def redigested(name: str, data: bytes) -> Keyless:
    """A member changed, and its digest in Signature.xml too."""

    def tamper(members: Members) -> Members:
        old, new = (b64encode(sm2.sm3(each)) for each in (members[name], data))
        described = members[SIGNATURE].replace(old, new)
        return members | {name: data, SIGNATURE: described}

    return tamper


def unlisted(members: Members) -> Members:
    """A reference taken away."""
    start = members[SIGNATURE].index(b'<ofd:Reference FileRef="/Doc_0/Res/photo.jpg"')
    end = members[SIGNATURE].index(b"</ofd:Reference>", start) + len(b"</ofd:Reference>")
    described = members[SIGNATURE][:start] + members[SIGNATURE][end:]
    return members | {SIGNATURE: described}


def repeated(members: Members) -> Members:
    """A reference said twice, the second time by another spelling."""
    start = members[SIGNATURE].index(b'<ofd:Reference FileRef="/OFD.xml"')
    end = members[SIGNATURE].index(b"</ofd:Reference>", start) + len(b"</ofd:Reference>")
    line = members[SIGNATURE][start:end]
    other = line.replace(b"/OFD.xml", b"../../../OFD.xml")
    return members | {SIGNATURE: members[SIGNATURE].replace(line, line + other)}


def second_line(members: Members) -> Members:
    """A signature that nobody made, in a document that is locked."""
    line = b'<ofd:Signature ID="s005" BaseLoc="/Doc_0/Signs/Sign_5/Signature.xml"/>'
    return replaced(LIST, b"</ofd:Signatures>", line + b"</ofd:Signatures>")(members)


def raw_signature(members: Members) -> Members:
    """r || s in place of DER."""
    value = der.read(members[VALUE]).parts()
    r, s = (each.integer() for each in der.read(value[3].bits()).parts())
    bare = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return members | {VALUE: der.sequence(*(each.whole for each in value[:3]), der.bits(bare))}


def another_time(members: Members) -> Members:
    old = f"{NOW:%Y%m%d%H%M%SZ}".encode()
    new = f"{NOW + timedelta(days=1):%Y%m%d%H%M%SZ}".encode()
    return members | {VALUE: members[VALUE].replace(old, new)}


KEYLESS: dict[str, tuple[Keyless, VerdictWord, str]] = {
    # the negative set of ofd.md, section 13
    "one character of the page": (
        replaced(CONTENT, "张".encode(), "李".encode()),
        ALTERED,
        f"{CHANGED}: {CONTENT}",
    ),
    "stamp moved": (replaced(SIGNATURE, b"135 200", b"135 201"), ALTERED, DESCRIPTION),
    "byte of s": (flipped(VALUE, -1), ALTERED, "the signature does not fit the signing"),
    "byte of r": (flipped(VALUE, -40), ALTERED, "the signature does not fit the signing"),
    "seal file changed": (flipped(SEAL, -1), ALTERED, "is not the seal that was used"),
    "member added": (added("Doc_0/extra.xml", b"<a/>"), ALTERED, "no seal covers a file"),
    # members
    "character of the entry": (replaced("OFD.xml", b"3005.2.0", b"3005.2.1"),
                               ALTERED, f"{CHANGED}: OFD.xml"),
    "font exchanged": (added("Doc_0/Res/data.ttf"), ALTERED, f"{CHANGED}: Doc_0/Res/data.ttf"),
    "photo exchanged": (added("Doc_0/Res/photo.jpg"), ALTERED, CHANGED),
    "twin exchanged": (added("Doc_0/Attachs/twin.json"), ALTERED, CHANGED),
    "template emptied": (
        added("Doc_0/Tpls/Tpl_0/Content.xml", b"<Page/>"),
        ALTERED,
        CHANGED,
    ),
    "photo removed": (removed("Doc_0/Res/photo.jpg"), ALTERED, "a protected file is not there"),
    "page removed": (removed(CONTENT), ALTERED, "a protected file is not there"),
    "font in other letters": (
        renamed("Doc_0/Res/data.ttf", "Doc_0/Res/DATA.ttf"),
        ALTERED,
        "a protected file is not there",
    ),
    "member added at the root": (added("run.exe"), ALTERED, "no seal covers a file: run.exe"),
    "member added beside the seal": (
        added(f"{TERMS.folder}/Seal.png"),
        ALTERED,
        "no seal covers a file",
    ),
    "member added with another name": (
        added("印.png"),
        ALTERED,
        "no seal covers a file: a member with another name than OFD gives",
    ),
    "blank in the page": (replaced(CONTENT, b"</ofd:Page>", b" </ofd:Page>"), ALTERED, CHANGED),
    "mark before the entry": (
        lambda it: it | {"OFD.xml": b"\xef\xbb\xbf" + it["OFD.xml"]},
        ALTERED,
        CHANGED,
    ),
    "second document": (added("OFD.xml", entry(2)), ALTERED, "holds more than one document"),
    "page and digest": (redigested(CONTENT, page()), ALTERED, DESCRIPTION),
    # the list
    "list changed": (replaced(LIST, b"s009", b"s008"), ALTERED, f"{CHANGED}: {LIST}"),
    "largest id twice": (
        replaced(LIST, b"<ofd:MaxSignId>", b"<ofd:MaxSignId>1</ofd:MaxSignId><ofd:MaxSignId>"),
        ALTERED,
        "the list of signatures cannot be read: an element that stands twice",
    ),
    "largest id missing": (
        replaced(LIST, b"<ofd:MaxSignId>s009</ofd:MaxSignId>", b""),
        ALTERED,
        "the list of signatures cannot be read",
    ),
    "id twice": (
        both(second_line, replaced(LIST, b"s005", b"s001")),
        ALTERED,
        "a signature that is listed twice",
    ),
    "place twice": (
        both(second_line, replaced(LIST, b"Sign_5", b"Sign_0")),
        ALTERED,
        "a signature that is listed twice",
    ),
    "signature of nobody": (second_line, ALTERED, "signature 2: its description cannot be read"),
    "twenty signatures": (
        replaced(
            LIST,
            b"</ofd:Signatures>",
            b"".join(b'<ofd:Signature ID="a%d" BaseLoc="b%d"/>' % (n, n) for n in range(20))
            + b"</ofd:Signatures>",
        ),
        ALTERED,
        "more signatures than a package may have",
    ),
    "list is another file": (
        added(LIST, xml("Signature", "<ofd:Signature/>")),
        ALTERED,
        "the list of signatures cannot be read",
    ),
    "list emptied": (added(LIST, xml("Signatures", "")), UNSIGNED, "carries no signature"),
    "list removed": (removed(LIST), UNSIGNED, "carries no signature"),
    "type changed": (
        replaced(LIST, b'Type="Seal"', b'Type="Sign"'),
        ALTERED,
        CHANGED,
    ),
    "description elsewhere": (
        both(renamed(SIGNATURE, "Doc_0/S.xml"), replaced(LIST, SIGNATURE.encode(), b"Doc_0/S.xml")),
        ALTERED,
        "was sealed under the name of another signature",
    ),
    # the description
    "description removed": (removed(SIGNATURE), ALTERED, "a signature that is not there"),
    "value removed": (removed(VALUE), ALTERED, "its signature value is not there"),
    "seal file removed": (removed(SEAL), ALTERED, "is not the seal that was used"),
    "reference removed": (unlisted, ALTERED, "no seal covers a file: Doc_0/Res/photo.jpg"),
    "reference removed with its file": (
        both(unlisted, removed("Doc_0/Res/photo.jpg")),
        ALTERED,
        DESCRIPTION,
    ),
    "reference twice": (repeated, ALTERED, "protects a file twice"),
    "all references removed": (
        lambda it: it | {SIGNATURE: it[SIGNATURE][: it[SIGNATURE].index(b"<ofd:Reference ")]
                         + it[SIGNATURE][it[SIGNATURE].index(b"</ofd:References>"):]},
        ALTERED,
        "protects nothing",
    ),
    "digest that is no base64": (
        replaced(SIGNATURE, b"<ofd:CheckValue>", b"<ofd:CheckValue>!"),
        ALTERED,
        f"{CHANGED}: OFD.xml",
    ),
    "digest method made weaker": (
        replaced(SIGNATURE, sm2.SM3.encode(), b"MD5"),
        ALTERED,
        DESCRIPTION,
    ),
    "digest method dropped": (
        replaced(SIGNATURE, b' CheckMethod="1.2.156.10197.1.401"', b""),
        ALTERED,
        DESCRIPTION,
    ),
    "digest method unknown": (
        replaced(SIGNATURE, sm2.SM3.encode(), b"1.2.3"),
        ALTERED,
        DESCRIPTION,
    ),
    "signing time changed": (
        replaced(SIGNATURE, b"20261121040000Z", b"20261121040001Z"),
        ALTERED,
        DESCRIPTION,
    ),
    "stamp on another page": (
        replaced(SIGNATURE, b'PageRef="1"', b'PageRef="7"'),
        ALTERED,
        "the seal stands on a page that there is not",
    ),
    "two signed infos": (
        replaced(SIGNATURE, b"<ofd:SignedInfo>", b"<ofd:SignedInfo/><ofd:SignedInfo>"),
        ALTERED,
        "its description cannot be read: an element that stands twice",
    ),
    "no signed value": (
        replaced(SIGNATURE, b"ofd:SignedValue>/", b"ofd:SignedValue>../../../../"),
        ALTERED,
        "its description cannot be read: a place outside the package",
    ),
    # the value
    "value emptied": (added(VALUE, b""), ALTERED, "cannot be read"),
    "value of nobody": (added(VALUE, der.sequence(der.integer(1))), ALTERED, "cannot be read"),
    "value with a byte more": (
        lambda it: it | {VALUE: it[VALUE] + b"\0"},
        ALTERED,
        "cannot be read",
    ),
    "value cut": (lambda it: it | {VALUE: it[VALUE][:-1]}, ALTERED, "cannot be read"),
    "signature without der": (raw_signature, ALTERED, "the signature does not fit"),
    "another time": (another_time, ALTERED, "the signature does not fit"),
    # what cannot be read at all
    "no entry": (removed("OFD.xml"), UNREADABLE, READ),
    "entry in other letters": (renamed("OFD.xml", "ofd.xml"), UNREADABLE, READ),
    "no document": (removed("Doc_0/Document.xml"), UNREADABLE, READ),
    "page with a dtd": (
        replaced(CONTENT, b"<ofd:Page", b"<!DOCTYPE a><ofd:Page"),
        UNREADABLE,
        "XML with a DTD",
    ),
    "description with a dtd": (
        replaced(SIGNATURE, b"<ofd:Signature", b"<!DOCTYPE a><ofd:Signature"),
        UNREADABLE,
        "XML with a DTD",
    ),
    "unnamed xml with a dtd": (
        added("Doc_0/a.XML", b"<!DOCTYPE a><a/>"),
        UNREADABLE,
        "XML with a DTD",
    ),
    "page in utf-16": (
        added(CONTENT, page().decode().replace("UTF-8", "UTF-16").encode("utf-16")),
        UNREADABLE,
        "XML that is not UTF-8",
    ),
    "page cut": (lambda it: it | {CONTENT: it[CONTENT][:-1]}, UNREADABLE, "not well-formed"),
    "deep page": (
        added(CONTENT, b"<a>" * 100 + b"</a>" * 100),
        UNREADABLE,
        "XML that is too deep",
    ),
    "document elsewhere": (
        replaced("OFD.xml", b"Doc_0/Document.xml", b"http://localhost/"),
        UNREADABLE,
        "a place that names no member",
    ),
    "document outside": (
        replaced("OFD.xml", b"Doc_0/Document.xml", b"../Document.xml"),
        UNREADABLE,
        "a place outside the package",
    ),
    "two roots of a document": (
        replaced("OFD.xml", b"<ofd:DocRoot>", b"<DocRoot>a</DocRoot><ofd:DocRoot>"),
        UNREADABLE,
        "an element that stands twice",
    ),
}  # fmt: skip


# --- with a key


def without(*names: str) -> Callable[[list[str]], list[str]]:
    return lambda protected: [name for name in protected if name not in names]


def forged(**changes: object) -> Forged:
    return lambda world: sealed(world, document(), **changes)


def of_document(change: Keyless) -> Forged:
    """Sealed as it should be, but what is sealed is not sound."""
    return lambda world: sealed(world, change(document()))


def under(**changes: object) -> Forged:
    """With a seal that was issued otherwise."""
    return lambda world: sealed(world, document(), esl=an_esl(world, **changes))


def by_stranger(world: World) -> Members:
    """The seal of this authority, used by somebody else whom the CA knows."""
    other = new_seal(world.ca)
    return sealed(replace_seal(world, other), document(), esl=world.seal.esl)


def replace_seal(world: World, seal: testca_sm2.TestSeal) -> World:
    return World(ca=world.ca, seal=seal)


def by_stranger_under_its_name(world: World) -> Members:
    """The authority's certificate beside somebody else's signature."""
    other = replace_seal(world, new_seal(world.ca))
    return sealed(world, document(), signer=other.signer)


def under_other_ca(world: World) -> Members:
    other = testca_sm2.make_ca(NOW)
    return sealed(World(ca=other, seal=new_seal(other)), document())


def made_by_stranger(world: World) -> Members:
    """A seal that an unknown maker issued for the right certificate."""
    maker = testca_sm2.make_ca(NOW).maker
    return under(maker=der_of(maker.certificate), maker_signer=maker.signer)(world)


def made_by_signer(world: World) -> Members:
    """A seal whose maker's certificate is a CA's."""
    issuing = world.ca.issuing
    return under(maker=der_of(issuing.certificate), maker_signer=issuing.signer)(world)


def made_at(moment: datetime) -> Forged:
    """A seal whose maker had a certificate of three years from that moment."""

    def forge(world: World) -> Members:
        maker = replace_seal(world, new_seal(world.ca, moment))
        certificate = der_of(maker.seal.signing_cert)
        return under(maker=certificate, maker_signer=maker.signer)(world)

    return forge


def made_by_itself(world: World) -> Members:
    """A seal that its signer issued: the same CA certified both to sign."""
    return under(maker=der_of(world.seal.signing_cert), maker_signer=world.signer)(world)


def made_by_itself_for_a_digest(world: World) -> Members:
    """The same, where the seal lists its signer by digest."""
    own = (world.seal.signing_cert, world.signer)
    return sealed(world, document(), esl=seal_with_digests(world, own))


def made_by_another_signer(world: World) -> Members:
    """A seal whose maker is another of those who may sign with it."""
    other = replace_seal(world, new_seal(world.ca))
    certificate = der_of(other.seal.signing_cert)
    listed = (der_of(world.seal.signing_cert), certificate)
    return under(certificates=listed, maker=certificate, maker_signer=other.signer)(world)


def made_falsely(world: World) -> Members:
    """A seal that bears the maker's certificate, but not its signature."""
    return under(maker_signer=testca_sm2.make_ca(NOW).maker.signer)(world)


def signed_by_ca(world: World) -> Members:
    issuing = world.ca.issuing
    certificate = der_of(issuing.certificate)
    esl = an_esl(world, certificates=(certificate,))
    return sealed(world, document(), esl=esl, certificate=certificate, signer=issuing.signer)


def expired(world: World) -> Members:
    late = NOW + timedelta(days=2000)
    return under_at(late, valid_until=late)(world)


def under_at(time: object, **changes: object) -> Forged:
    return lambda world: sealed(world, document(), time=time, esl=an_esl(world, **changes))


def of_other_algorithm(world: World) -> Members:
    """The OID beside the signature is another one's."""
    members = sealed(world, document())
    to_sign, certificate, _, signature = der.read(members[VALUE]).parts()
    value = der.sequence(to_sign.whole, certificate.whole, der.oid("1.2.3"), signature.whole)
    return members | {VALUE: value}


def old_members(world: World) -> Members:
    seal = old_seal(world)
    members = sealed(world, document(), seal_file=seal)
    told = f"{NOW + timedelta(hours=8):%Y-%m-%d %H:%M:%S}".encode()
    value = old_value(world, seal, members[SIGNATURE], f"/{SIGNATURE}", told)
    return members | {VALUE: value}


def locked_twice(world: World) -> Members:
    """A second signature on a document that was locked."""
    return sealed(world, sealed(world, document()), SECOND)


def first_incomplete(world: World) -> Members:
    """Two signatures, of which the second brings a member that the first never saw."""
    first = sealed(world, document(), locking=False)
    return sealed(world, first | {"Doc_0/later.txt": b"x"}, SECOND)


def second_open(world: World) -> Members:
    first = sealed(world, document(), locking=False)
    return sealed(world, first, SECOND, locking=False)


def second_by_stranger(world: World) -> Members:
    first = sealed(world, document(), locking=False)
    other = testca_sm2.make_ca(NOW)
    return sealed(World(ca=other, seal=new_seal(other)), first, SECOND)


def first_removed(world: World) -> Members:
    """Of two signatures the first is taken out; the second covers all that is left."""
    first = sealed(world, document(), locking=False)
    return removed(*[name for name in first if "Sign_0" in name])(sealed(world, first, SECOND))


def last_removed(world: World) -> Members:
    """Of two signatures the locking one is taken out, and the list is as it was before."""
    return sealed(world, document(), locking=False)


def digest(name: str) -> Callable[[bytes], bytes]:
    return lambda data: hashlib.new(name, data, usedforsecurity=False).digest()


NOT_ITS_PAGE = "the seal does not stand within its page"
FORGED: dict[str, tuple[Forged, VerdictWord, str]] = {
    # the negative set of ofd.md, section 13
    "seal expired": (
        under(valid_until=NOW - timedelta(seconds=1)),
        UNTRUSTED,
        "the seal was not valid when it was used",
    ),
    "seal not valid yet": (
        under(valid_from=NOW + timedelta(seconds=1)),
        UNTRUSTED,
        "the seal was not valid when it was used",
    ),
    "signer not admitted": (by_stranger, UNTRUSTED, "is not among those that the seal admits"),
    "seal admits nobody": (under(certificates=()), UNTRUSTED, "is not among those"),
    "seal file of another seal": (
        lambda world: sealed(world, document(), seal_file=an_esl(world)),
        ALTERED,
        "is not the seal that was used",
    ),
    # who
    "signed by another": (by_stranger_under_its_name, ALTERED, "does not fit the signing"),
    "another ca": (under_other_ca, UNTRUSTED, "has an unknown issuer"),
    "unknown maker": (made_by_stranger, UNTRUSTED, "the seal's maker: "),
    "made by a ca": (made_by_signer, UNTRUSTED, "the seal's maker: the certificate is a"),
    "made by an expired maker": (
        made_at(NOW - timedelta(days=1200)),
        UNTRUSTED,
        "the seal's maker: the certificate has expired",
    ),
    "made by a maker to come": (
        made_at(NOW + timedelta(days=10)),
        UNTRUSTED,
        "the seal's maker: the certificate is not valid yet",
    ),
    "made by its signer": (made_by_itself, UNTRUSTED, "the seal's maker: is one who may sign"),
    "made by its signer, by digest": (
        made_by_itself_for_a_digest,
        UNTRUSTED,
        "the seal's maker: is one who may sign",
    ),
    "made by another signer": (
        made_by_another_signer,
        UNTRUSTED,
        "the seal's maker: is one who may sign",
    ),
    "made by nobody": (made_falsely, ALTERED, "the seal does not fit its maker's certificate"),
    "signed by a ca": (signed_by_ca, UNTRUSTED, "is a CA's"),
    "certificates expired": (expired, UNTRUSTED, "has expired"),
    "certificates not valid yet": (
        under_at(NOW - timedelta(days=9), valid_from=NOW - timedelta(days=10)),
        UNTRUSTED,
        "is not valid yet",
    ),
    # when
    "two times": (forged(said="20261121040001Z"), UNTRUSTED, "names two times"),
    "local time as utc": (forged(said="20261121120000Z"), UNTRUSTED, "names two times"),
    "no time": (forged(said=""), UNTRUSTED, "names two times"),
    "no such time": (forged(said="20261341040000Z"), UNTRUSTED, "names two times"),
    "time in words": (forged(said="2026年11月21日"), UNTRUSTED, "names two times"),
    # how
    "md5": (
        forged(check=' CheckMethod="MD5"', digest=digest("md5")),
        UNTRUSTED,
        "digests that are no longer safe",
    ),
    "md5 by default": (forged(check="", digest=digest("md5")), UNTRUSTED, "no longer safe"),
    "sha-1": (
        forged(check=' CheckMethod="SHA1"', digest=digest("sha1")),
        UNTRUSTED,
        "no longer safe",
    ),
    "sha-1 by its oid": (
        forged(check=' CheckMethod="1.3.14.3.2.26"', digest=digest("sha1")),
        UNTRUSTED,
        "no longer safe",
    ),
    "sm3 said to be md5": (forged(check=' CheckMethod="MD5"'), ALTERED, CHANGED),
    "unknown digest": (
        forged(check=' CheckMethod="1.2.156.10197.1.401.2"'),
        UNVERIFIABLE,
        "of a kind unknown here (CheckMethod)",
    ),
    "sha-256": (
        forged(check=' CheckMethod="SHA256"', digest=digest("sha256")),
        UNVERIFIABLE,
        "of a kind unknown here (CheckMethod)",
    ),
    "unknown method": (
        forged(method="1.2.840.113549.1.1.11"),
        UNVERIFIABLE,
        "a method unknown here (SignatureMethod)",
    ),
    "no method": (forged(method=""), UNVERIFIABLE, "a method unknown here (SignatureMethod)"),
    "unknown algorithm": (of_other_algorithm, UNVERIFIABLE, "algorithm unknown here"),
    "unknown version": (
        lambda world: sealed(world, document(), esl=seal_of_version(world, 6), version=6),
        UNVERIFIABLE,
        "has a version that is not read here",
    ),
    "unknown type": (forged(kind="Stamp"), UNVERIFIABLE, "is not made with a seal"),
    "signature without a seal": (forged(kind="Sign"), UNVERIFIABLE, "is not made with a seal"),
    "two versions": (forged(version=5), ALTERED, "is of another version"),
    # what
    "protects nothing": (forged(protected=lambda _: []), ALTERED, "protects nothing"),
    "entry not protected": (
        forged(protected=without("OFD.xml")),
        ALTERED,
        "no seal covers a file: OFD.xml",
    ),
    "seal file not protected": (
        forged(protected=without(SEAL)),
        ALTERED,
        f"no seal covers a file: {SEAL}",
    ),
    "not locked": (forged(locking=False), UNTRUSTED, "does not protect the list of signatures"),
    "protects in other letters": (
        forged(spelt=lambda name: f"/{name.upper()}"),
        ALTERED,
        "a protected file is not there",
    ),
    "protects what there is not": (
        forged(protected=lambda names: [*names, "Doc_0/none.xml"]),
        ALTERED,
        "a protected file is not there: Doc_0/none.xml",
    ),
    "protects outside": (
        forged(spelt=lambda name: f"/../{name}"),
        ALTERED,
        "its description cannot be read: a place outside the package",
    ),
    "protects twice": (
        forged(protected=lambda names: [*names, names[0]]),
        ALTERED,
        "protects a file twice",
    ),
    "protects twice by two spellings": (
        forged(protected=lambda names: [*names, f"Doc_0/../{names[0]}"]),
        ALTERED,
        "protects a file twice",
    ),
    "another description": (forged(data_hash=lambda _: bytes(32)), ALTERED, DESCRIPTION),
    "short hash": (forged(data_hash=lambda it: sm2.sm3(it)[:20]), ALTERED, DESCRIPTION),
    "another name": (
        forged(location="/Doc_0/Signs/Sign_1/Signature.xml"),
        ALTERED,
        "was sealed under the name of another signature",
    ),
    # where
    "stamp on no page": (
        forged(stamp='<ofd:StampAnnot ID="a" PageRef="2" Boundary="1 1 42 42"/>'),
        UNTRUSTED,
        "the seal stands on a page that there is not",
    ),
    "stamp on a page by its place": (
        forged(stamp='<ofd:StampAnnot ID="a" PageRef="0" Boundary="1 1 42 42"/>'),
        UNTRUSTED,
        "the seal stands on a page that there is not",
    ),
    "stamp beside the page": (
        forged(stamp='<ofd:StampAnnot ID="a" PageRef="1" Boundary="180 200 42 42"/>'),
        UNTRUSTED,
        NOT_ITS_PAGE,
    ),
    "stamp above the page": (
        forged(stamp='<ofd:StampAnnot ID="a" PageRef="1" Boundary="1 -1 42 42"/>'),
        UNTRUSTED,
        NOT_ITS_PAGE,
    ),
    "stamp of no size": (
        forged(stamp='<ofd:StampAnnot ID="a" PageRef="1" Boundary="1 1 0 0"/>'),
        UNTRUSTED,
        NOT_ITS_PAGE,
    ),
    "stamp of no place": (
        forged(stamp='<ofd:StampAnnot ID="a" PageRef="1" Boundary="1 1 nan 1"/>'),
        UNTRUSTED,
        NOT_ITS_PAGE,
    ),
    "one stamp of two": (
        forged(stamp=TERMS.stamp + '<ofd:StampAnnot ID="a" PageRef="3" Boundary="1 1 2 2"/>'),
        UNTRUSTED,
        "the seal stands on a page that there is not",
    ),
    # what was sealed is not sound
    "medium missing": (
        of_document(removed("Doc_0/Res/photo.jpg")),
        UNTRUSTED,
        "names a file that is not there: Doc_0/Res/photo.jpg",
    ),
    "font missing": (
        of_document(removed("Doc_0/Res/data.ttf")),
        UNTRUSTED,
        "names a file that is not there: Doc_0/Res/data.ttf",
    ),
    "template missing": (
        of_document(removed("Doc_0/Tpls/Tpl_0/Content.xml")),
        UNTRUSTED,
        "names a file that is not there",
    ),
    "attachment missing": (
        of_document(removed("Doc_0/Attachs/twin.json")),
        UNTRUSTED,
        "names a file that is not there",
    ),
    "tags missing": (
        of_document(removed("Doc_0/Tags/Tag.xml")),
        UNTRUSTED,
        "names a file that is not there",
    ),
    "resource missing": (
        of_document(replaced(CONTENT, b'ResourceID="5"', b'ResourceID="6"')),
        UNTRUSTED,
        "an object uses a resource that is not there",
    ),
    "font of nobody": (
        of_document(replaced(CONTENT, b'Font="4"', b'Font="9"')),
        UNTRUSTED,
        "an object uses a resource that is not there",
    ),
    "one id twice": (
        of_document(replaced(CONTENT, b'ID="99"', b'ID="98"')),
        UNTRUSTED,
        "two of its objects have one id",
    ),
    "two documents": (
        of_document(added("OFD.xml", entry(2))),
        UNTRUSTED,
        "holds more than one document",
    ),
    # several
    "signed after it was locked": (locked_twice, ALTERED, f"signature 1: {CHANGED}: {LIST}"),
    "added with the second": (
        first_incomplete,
        ALTERED,
        "signature 1: no seal covers a file: Doc_0/later.txt",
    ),
    "second not locked": (second_open, UNTRUSTED, "signature 2: does not protect the list"),
    "second by a stranger": (second_by_stranger, UNTRUSTED, "signature 2: "),
    "first taken out": (first_removed, ALTERED, "signature 1: its description cannot be read"),
    "last taken out": (last_removed, UNTRUSTED, "does not protect the list of signatures"),
}


# --- the package


BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "byte before": (lambda data: b"x" + data, "is neither a PDF nor an OFD"),
    "byte after": (lambda data: data + b"x", "does not end with its directory"),
    "cut": (lambda data: data[:-1], "does not end with its directory"),
    "first half": (lambda data: data[: len(data) // 2], "does not end with its directory"),
    "twice": (lambda data: data + data, "bytes before, between or after"),
    "a package before": (
        lambda data: archive([Entry()]) + data,
        "bytes before, between or after",
    ),
    "member twice": (
        lambda _: archive([Entry(), Entry()]),
        "twice the same name",
    ),
    "names that differ in case": (
        lambda _: archive([Entry(), Entry(name=b"ofd.xml")]),
        "twice the same name",
    ),
    "member outside": (lambda _: archive([Entry(name=b"../OFD.xml")]), "a name with"),
    "absolute member": (lambda _: archive([Entry(name=b"/OFD.xml")]), "an absolute name"),
    "folder with nothing": (
        lambda _: archive([Entry(), Entry(name=b"Doc_0/x/", data=b"")]),
        "a folder in which nothing lies",
    ),
    "encrypted": (lambda _: archive([Entry(flags=1)]), "encrypted"),
    "bad sum": (lambda _: archive([Entry(crc=7)]), "CRC"),
    "bomb": (
        lambda _: archive([Entry(data=bytes(1 << 24), method=8)]),
        "a member that is packed too well",
    ),
    "empty": (lambda _: b"PK\5\6" + bytes(18), "without members"),
    "nothing": (lambda _: b"", "is neither a PDF nor an OFD"),
    "letters": (lambda _: b"hello", "is neither a PDF nor an OFD"),
    "another zip": (lambda _: package({"word/document.xml": b"<a/>"}), "no OFD document"),
}
