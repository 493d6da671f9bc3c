"""Attacks on the bytes of a sealed or signed PDF: its byte range, its container, what is around.

EDITS:      bytes anywhere, and what the byte range says and leaves out.
CONTAINERS: what stands in the hole, which no digest covers: other signers, other algorithms.
HARMLESS:   what changes nothing that is said or proved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from asn1crypto import algos, cms, core
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding

from factory.model import Format
from factory.seals import late
from factory.seals.cms import Container
from factory.seals.selfcheck import BYTE_RANGE
from tests.factory import sealing, tampering
from tests.factory.scenes import Attack, Scene, of
from tests.factory.tampering import container_digits, holes, with_container
from tests.factory.trusting import with_tokens

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
WHITE = (b" ", b"\n", b"\r\n", b"\t", b"\0", b"\f")
TAILS = (
    b"%", b"\n%%EOF\n", b"startxref\n0\n%%EOF\n", b"endobj\n", b"%PDF-2.0\n", b"\xff\xfe",
    b"1 0 obj\n<<>>\nendobj\n", b"trailer\n<<>>\n", b"/ByteRange [0 1 2 3]",
)  # fmt: skip


# --- bytes anywhere


def place(scene: Scene, size: int = 1) -> int:
    """A place from which so many bytes lie outside all holes."""
    gaps = [(first, second) for first, second in holes(scene.data) if second <= len(scene.data)]
    while True:
        at = scene.dice.randrange(len(scene.data) - size)
        if all(at + size <= first or at >= second for first, second in gaps):
            return at


def flipped(scene: Scene) -> bytes:
    changed = bytearray(scene.data)
    for _ in range(scene.dice.choice((1, 1, 1, 2, 40))):
        changed[place(scene)] ^= scene.dice.randint(1, 255)
    return bytes(changed)


def taken_out(scene: Scene) -> bytes:
    size = scene.dice.choice((1, 2, 20, 500))
    at = place(scene, size)
    return scene.data[:at] + scene.data[at + size :]


def put_in(scene: Scene) -> bytes:
    at = place(scene)
    new = scene.dice.choice((*WHITE, *TAILS, scene.dice.randbytes(9)))
    return scene.data[:at] + new + scene.data[at:]


def said_twice(scene: Scene) -> bytes:
    size = scene.dice.choice((9, 100, 5000))
    at = place(scene, size)
    return scene.data[: at + size] + scene.data[at:]


def exchanged(scene: Scene) -> bytes:
    """Bytes of another file in their place."""
    size = scene.dice.choice((1, 10, 100, 1000))
    at, other = place(scene, size), scene.other
    begin = scene.dice.randrange(len(other) - size)
    return scene.data[:at] + other[begin : begin + size] + scene.data[at + size :]


def cut_off(scene: Scene) -> bytes:
    return scene.data[: scene.dice.choice((scene.dice.randrange(len(scene.data) - 40), -1, -7))]


def followed(scene: Scene) -> bytes:
    return scene.data + scene.dice.choice((*WHITE, *TAILS, scene.dice.randbytes(40), scene.other))


def preceded(scene: Scene) -> bytes:
    return scene.dice.choice((b"\n", b"%PDF-1.4\n", b"\xef\xbb\xbf", bytes(1000))) + scene.data


# --- what the byte range says


def told_otherwise(scene: Scene) -> bytes:
    """The byte range, in place; the first revision then differs too."""
    found = scene.dice.choice(list(BYTE_RANGE.finditer(scene.data)))
    _, first, second, length = (int(each) for each in found.groups())
    step = scene.dice.randint(1, 90)
    new = scene.dice.choice(
        (
            b"[0 %d %d %d]" % (first, second + step, length - step),
            b"[0 %d %d %d]" % (first - step, second, length),
            b"[0 %d %d %d]" % (first, second - step, length + step),
            b"[%d %d %d %d]" % (step, first - step, second, length),
            b"[0 %d %d %d]" % (first, second, length - step),
            b"[0 %d %d %d]" % (first, second, length + step),
            b"[0 %d]" % (second + length),
            b"[0 %d %d 0]" % (first, second + length),
            b"[0 %d 0 %d]" % (first, first),
            b"[0 -1 0 -1]",
            b"[]",
            b"null",
        )
    )
    room = found.end() - found.start() - len(b"/ByteRange")
    assert len(new) <= room
    return b"".join(
        (scene.data[: found.start()], b"/ByteRange", new.ljust(room), scene.data[found.end() :])
    )


def renamed_key(scene: Scene) -> bytes:
    """A key of the signature dictionary, in place."""
    old, new = scene.dice.choice(
        (
            (b"/ByteRange", b"/ByteRangf"), (b"/ByteRange", b"/Byterange"),
            (b"/Contents<", b"/Contentt<"), (b"/Contents <", b"/Contentt <"),
            (b"/ETSI.CAdES.detached", b"/adbe.pkcs7.detached"),
            (b"/DocMDP", b"/DocMDQ"), (b"/AcroForm", b"/AcroFora"), (b"/Fields", b"/Fieldt"),
            (b"/Perms", b"/Permt"), (b"/Sig", b"/Sih"),
        )
    )  # fmt: skip
    assert old in scene.data
    at = scene.data.rindex(old)
    return scene.data[:at] + new + scene.data[at + len(old) :]


def decoy(scene: Scene) -> bytes:
    """Another byte range behind the end, which fits the longer file."""
    first, second = holes(scene.data)[-1]
    tail = b"\n%%/ByteRange [0 %d %d %010d]\n%%%%EOF\n"
    size = len(scene.data) + len(tail % (first, second, 0)) - second
    return scene.data + tail % (first, second, size)


# --- the container


def digits_of(data: bytes) -> bytes:
    """The last container, without its padding."""
    der = bytes.fromhex(container_digits(data).decode())
    return bytes(cms.ContentInfo.load(der).dump())


def opened(data: bytes) -> Any:
    return cms.ContentInfo.load(digits_of(data)).copy()


def inside(change: Callable[[Any, Scene], object]) -> Attack:
    """What is done to the container of the last signature, and written again."""

    def attack(scene: Scene) -> bytes:
        info = opened(scene.data)
        change(info["content"], scene)
        return put(scene.data, bytes(info.dump()))

    return attack


def put(data: bytes, container: bytes) -> bytes:
    first, second = holes(data)[-1]
    assert 2 * len(container) <= second - first - 2
    return with_container(data, container.hex().encode())


def signed_part_flipped(scene: Scene) -> bytes:
    """A bit of the signature, of what it is over, or of the signer's certificate."""
    container = bytearray(digits_of(scene.data))
    data = opened(scene.data)["content"]
    signer = data["signer_infos"][0]
    own = next(each for each in data["certificates"] if names(signer, each.chosen)).chosen
    part = scene.dice.choice(
        (signer["signature"].contents, signer["signed_attrs"].contents, own.dump())
    )
    at = bytes(container).index(part) + scene.dice.randrange(len(part))
    container[at] ^= 1 << scene.dice.randrange(8)
    return put(scene.data, bytes(container))


def names(signer: Any, certificate: Any) -> bool:
    return bool(signer["sid"].chosen["serial_number"].native == certificate.serial_number)


def padded_with_something(scene: Scene) -> bytes:
    """Behind the container, where zeros are: what nobody signed."""
    container = digits_of(scene.data)
    first, second = holes(scene.data)[-1]
    room = (second - first - 2) // 2 - len(container)
    assert room > 0
    size = min(room, scene.dice.choice((1, 40, 4000)))
    gap = scene.dice.randrange(room - size + 1)
    return put(scene.data, container + bytes(gap) + b"\x01" * size)


def of_another_file(scene: Scene) -> bytes:
    return put(scene.data, digits_of(scene.other))


def of_an_earlier_one(scene: Scene) -> bytes:
    """The seal's own container in place of its archive stamp, the person's in the enterprise's."""
    assert len(holes(scene.data)) > 1
    return with_container(scene.data, container_digits(scene.data, 0))


def filled_at_random(scene: Scene) -> bytes:
    return put(scene.data, scene.dice.randbytes(scene.dice.choice((1, 9, 400))))


def by_an_impostor(scene: Scene) -> bytes:
    """Somebody of the same name, under a CA of the same name; the right certificates lie there."""
    impostor, ours = STRANGERS.p256, scene.court.pdf.p256
    chain = scene.dice.choice(
        (impostor.chain, (*impostor.chain, *ours.chain), (*ours.chain, ours.signing_cert), ())
    )
    container = Container(signing_cert=impostor.signing_cert, chain=chain)
    digest = sha256(covered(scene.data)).digest()
    attributes = sha256(container.signed_attributes(digest)).digest()
    [signature] = impostor.signer.sign_digests([attributes])
    return put(scene.data, container.fill(digest, signature))


def under_our_certificate(scene: Scene) -> bytes:
    """The right certificate, and somebody else's signature."""
    ours = scene.court.pdf.p256
    container = Container(signing_cert=ours.signing_cert, chain=ours.chain)
    digest = sha256(covered(scene.data)).digest()
    [signature] = STRANGERS.p256.signer.sign_digests([digest])
    return put(scene.data, container.fill(digest, signature))


def covered(data: bytes) -> bytes:
    _, first, second, length = (int(each) for each in BYTE_RANGE.findall(data)[-1])
    return data[:first] + data[second : second + length]


STRANGERS = sealing.new_world()


def other_digest(data: Any, scene: Scene) -> None:
    name = scene.dice.choice(("sha512", "sha384", "sha1", "md5", "sha224"))
    data["signer_infos"][0]["digest_algorithm"] = algos.DigestAlgorithm({"algorithm": name})


def other_method(data: Any, scene: Scene) -> None:
    name = scene.dice.choice(("sha512_ecdsa", "sha1_ecdsa", "sha256_rsa", "rsassa_pkcs1v15", "dsa"))
    kind = algos.SignedDigestAlgorithm({"algorithm": name})
    data["signer_infos"][0]["signature_algorithm"] = kind


def without_attributes(data: Any, _: Scene) -> None:
    data["signer_infos"][0]["signed_attrs"] = None


def attribute_left_out(data: Any, scene: Scene) -> None:
    signer = data["signer_infos"][0]
    kept = list(signer["signed_attrs"])
    kept.pop(scene.dice.randrange(len(kept)))
    signer["signed_attrs"] = cms.CMSAttributes(kept)


def attribute_twice(data: Any, scene: Scene) -> None:
    signer = data["signer_infos"][0]
    kept = list(signer["signed_attrs"])
    signer["signed_attrs"] = cms.CMSAttributes([*kept, scene.dice.choice(kept)])


def attributes_of_another(data: Any, scene: Scene) -> None:
    other = opened(scene.other)["content"]["signer_infos"][0]
    data["signer_infos"][0]["signed_attrs"] = other["signed_attrs"]


def digest_replaced(data: Any, scene: Scene) -> None:
    for each in data["signer_infos"][0]["signed_attrs"]:
        if each["type"].native == "message_digest":
            each["values"] = cms.SetOfOctetString([scene.dice.randbytes(32)])


def signer_twice(data: Any, scene: Scene) -> None:
    other = opened(scene.dice.choice((scene.data, scene.other)))["content"]["signer_infos"][0]
    signers = [*data["signer_infos"], other]
    scene.dice.shuffle(signers)
    data["signer_infos"] = cms.SignerInfos(signers)


def nobody_signs(data: Any, _: Scene) -> None:
    data["signer_infos"] = cms.SignerInfos([])


def by_the_issuer(data: Any, _: Scene) -> None:
    """The signer is said to be the CA."""
    signer = data["signer_infos"][0]
    others = [e.chosen for e in data["certificates"] if not names(signer, e.chosen)]
    named = {"issuer": others[0].issuer, "serial_number": others[0].serial_number}
    identifier = cms.IssuerAndSerialNumber(named)
    signer["sid"] = cms.SignerIdentifier("issuer_and_serial_number", identifier)


def certificate_missing(data: Any, _: Scene) -> None:
    signer = data["signer_infos"][0]
    kept = [each for each in data["certificates"] if not names(signer, each.chosen)]
    data["certificates"] = cms.CertificateSet(kept)


def certificate_exchanged(data: Any, _: Scene) -> None:
    """A stranger's, which says the same of its owner."""
    certificate = STRANGERS.p256.signing_cert
    signer = data["signer_infos"][0]
    loaded = cms.Certificate.load(der_of(certificate))
    named = {"issuer": loaded.issuer, "serial_number": loaded.serial_number}
    identifier = cms.IssuerAndSerialNumber(named)
    signer["sid"] = cms.SignerIdentifier("issuer_and_serial_number", identifier)
    data["certificates"] = cms.CertificateSet([cms.CertificateChoices("certificate", loaded)])


def der_of(certificate: Any) -> bytes:
    return bytes(certificate.public_bytes(Encoding.DER))


def content_inside(data: Any, scene: Scene) -> None:
    """What is signed is said to lie in the container."""
    assert not scene.victim.archives
    inner = scene.dice.choice((covered(scene.data), b"approved"))[:60]
    data["encap_content_info"]["content"] = core.OctetString(inner)


def other_content_type(data: Any, scene: Scene) -> None:
    kind = scene.dice.choice(("tst_info", "signed_data", "enveloped_data", "1.2.3.4"))
    data["encap_content_info"]["content_type"] = cms.ContentType(kind)


def other_container_type(scene: Scene) -> bytes:
    """The container is said to be of another kind than SignedData."""
    whole = digits_of(scene.data)
    old = bytes(cms.ContentType("signed_data").dump())
    at = whole.index(old)
    new = bytes(cms.ContentType(scene.dice.choice(("data", "enveloped_data"))).dump())
    return put(scene.data, whole[:at] + new + whole[at + len(old) :])


def indefinite(scene: Scene) -> bytes:
    """The container in BER, with its end said by two zeros, which the padding has."""
    whole = digits_of(scene.data)
    body = cms.ContentInfo.load(whole).contents
    return put(scene.data, b"\x30\x80" + body + b"\0\0")


# --- what changes nothing


def capitals(scene: Scene) -> bytes:
    """The same digits in the other letters."""
    [_] = holes(scene.data)
    return with_container(scene.data, container_digits(scene.data).upper())


def without_a_stamp(data: Any, _: Scene) -> None:
    assert not isinstance(data["signer_infos"][0]["unsigned_attrs"], core.Void)
    data["signer_infos"][0]["unsigned_attrs"] = None


def with_useless_stamp(scene: Scene) -> bytes:
    """What somebody laid beside the signature proves nothing, and takes nothing."""
    signer = opened(scene.data)["content"]["signer_infos"][0]
    assert isinstance(signer["unsigned_attrs"], core.Void)
    token = scene.dice.choice((b"\x30\x03\x02\x01\x05", b"\x04\x01a"))
    return put(scene.data, with_tokens(digits_of(scene.data), [token]))


def with_more_certificates(data: Any, _: Scene) -> None:
    for each in STRANGERS.p256.chain:
        loaded = cms.Certificate.load(der_of(each))
        data["certificates"].append(cms.CertificateChoices("certificate", loaded))


def of_the_other_root(data: Any, _: Scene) -> None:
    """With each ECDSA signature (r, s) goes (r, n - s): whoever sees one can write the other."""
    signer = data["signer_infos"][0]
    r, s = decode_dss_signature(signer["signature"].native)
    signer["signature"] = encode_dss_signature(r, P256_ORDER - s)


def alone(attack: Attack) -> Attack:
    """Of files with one signature: what covers the container is no longer right otherwise."""

    def only(scene: Scene) -> bytes:
        [_] = holes(scene.data)
        return attack(scene)

    return only


def stamped_by_anybody(scene: Scene) -> bytes:
    """With a token of an authority that nobody knows here."""
    assert scene.victim.name.endswith("with room")
    value = late.signature_of(scene.data, Format.PDF)
    return late.stamped(scene.data, Format.PDF, scene.court.authorities[0].token(value + b"x"))


def unarchived(scene: Scene) -> bytes:
    """Without its last archive stamp: the file as it was before."""
    assert scene.victim.archives
    first, second, length = (int(each) for each in BYTE_RANGE.findall(scene.data)[-2][1:])
    assert first < second
    return scene.data[: second + length]


EDITS: Mapping[str, Attack] = {
    **{
        each.__name__: each
        for each in (
            flipped, taken_out, put_in, said_twice, exchanged, cut_off, followed, preceded,
            told_otherwise, renamed_key, decoy,
        )
    },
    **{name: of(each) for name, each in tampering.EDITS.items()},
}  # fmt: skip

CONTAINERS: Mapping[str, Attack] = {
    **{
        each.__name__: each
        for each in (
            signed_part_flipped, padded_with_something, of_another_file, of_an_earlier_one,
            filled_at_random, by_an_impostor, under_our_certificate, other_container_type,
            indefinite,
        )
    },
    **{
        each.__name__: inside(each)
        for each in (
            other_digest, other_method, without_attributes, attribute_left_out, attribute_twice,
            attributes_of_another, digest_replaced, signer_twice, nobody_signs, by_the_issuer,
            certificate_missing, certificate_exchanged, content_inside, other_content_type,
        )
    },
}  # fmt: skip

HARMLESS: Mapping[str, Attack] = {
    "nothing": lambda scene: scene.data,
    "capitals": capitals,
    "unarchived": unarchived,
    "stamped_by_anybody": alone(stamped_by_anybody),
    "with_useless_stamp": alone(with_useless_stamp),
    **{
        each.__name__: alone(inside(each))
        for each in (
            without_a_stamp, with_more_certificates, of_the_other_root,
        )
    },
}  # fmt: skip
