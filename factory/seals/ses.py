"""Electronic seals (电子印章) and what is signed with them: the SES structures, read and written.

GB/T 38540-2020 (version 4, read and written), GM/T 0031-2014 (version 1) and GM/T 0031-2025
(version 5), both read only.  DER throughout; every signature is judged over the bytes as they
lie in the file.  Whatever the bytes are, reading gives a value or a SealRefusedError.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from asn1crypto import cms
from cryptography import x509

from factory.errors import SealRefusedError, SignatureRefusedError, UnknownSealError
from factory.seals import der, keys, sm2
from factory.seals.der import Element
from factory.seals.signer import Signer

OLD, CURRENT, STAMPED = 1, 4, 5  #: GM/T 0031-2014, GB/T 38540-2020, GM/T 0031-2025
MOST_BYTES = 4 * 1024 * 1024
ALGORITHMS = frozenset({sm2.SM2_WITH_SM3, sm2.SIGNATURE})
MARK = "ES"  #: SES_Header.id
UNIT = 1  #: SES_ESPropertyInfo.type: a unit's seal (单位印章)
LISTS_CERTIFICATES, LISTS_DIGESTS = 1, 2  #: certListType
BEIJING = timezone(timedelta(hours=8))
LOCAL_TIME = "%Y-%m-%d %H:%M:%S"  #: a timeInfo of version 1 that is text


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """An electronic seal (SESeal) as its maker (制章者) issued it.

    der:          the whole seal.
    version:      1, 4 or 5.
    code:         esID, which names this seal alone.
    certificates: DER of those who may sign with it; digests: SM3 of them, where it lists these.
    valid_from, valid_until: aware, both included.
    maker:        the maker's certificate, DER.
    info:         SES_SealInfo as it lies there.
    signed:       what the maker signed: info alone, or in version 1 more than that.
    time_stamp:   a token over the maker's signature (version 5); not judged here.
    """

    der: bytes = field(repr=False)
    version: int
    code: str
    name: str
    picture: bytes = field(repr=False)
    picture_type: str
    width_mm: int
    height_mm: int
    valid_from: datetime
    valid_until: datetime
    certificates: tuple[bytes, ...] = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    maker: bytes = field(repr=False)
    info: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    algorithm: str
    signature: bytes = field(repr=False)
    time_stamp: bytes | None = field(default=None, repr=False)

    def lists(self, certificate: bytes) -> bool:
        """Whether the holder of a certificate (DER) may sign with this seal."""
        return certificate in self.certificates or sm2.sm3(certificate) in self.digests


@dataclass(frozen=True, slots=True, kw_only=True)
class SesSignature:
    """A signature with a seal (SES_Signature), the content of SignedValue.dat.

    to_sign:    TBS_Sign as it lies there: what the signer signed.
    time:       aware; what the signer says (timeInfo).
    data_hash:  SM3 of Signature.xml.
    property:   which Signature.xml, by its absolute name in the package.
    signer:     the signer's certificate, DER.
    time_stamp: a token (RFC 3161) over the octets of ``signature``; in version 1 one that stands
                for timeInfo, and so was there before the signature.  Bytes as they lie there:
                neither read nor judged here, but for the time of version 1.
    """

    version: int
    seal: Seal
    to_sign: bytes = field(repr=False)
    time: datetime
    data_hash: bytes
    property: str
    signer: bytes = field(repr=False)
    algorithm: str
    signature: bytes = field(repr=False)
    time_stamp: bytes | None = field(default=None, repr=False)


def read_seal(data: bytes) -> Seal:
    """The seal these bytes are, nothing of it judged yet.

    UnknownSealError: of a version that is not read here.  SealRefusedError: no seal.
    """
    with foreign("seal"):
        return _seal(_sole(data))


def read_signature(data: bytes) -> SesSignature:
    """The seal signature these bytes are, nothing of it judged yet.

    UnknownSealError: of a version that is not read here.  SealRefusedError: no such thing.
    """
    with foreign("seal signature"):
        return _signature(_sole(data))


def maker_fits(seal: Seal) -> bool:
    """Whether the maker's signature fits the seal and the maker's certificate.

    UnknownSealError: signed with an algorithm that is not known here.
    """
    return _fits(seal.maker, seal.algorithm, seal.signed, seal.signature)


def maker_signs(seal: Seal, signer: bytes) -> bool:
    """Whether the maker's key is also that of one who may sign with the seal.

    signer: DER of the certificate it is used with, which a list of digests does not hold.
    UnknownSealError: the maker's key is not of SM2.
    """
    key = _point(seal.maker)  # stands in each certificate as it is (RFC 5280, 4.1.2.7)
    return seal.lists(seal.maker) or any(key in each for each in (signer, *seal.certificates))


def signer_fits(signature: SesSignature) -> bool:
    """Whether the signer's signature fits what it signs and the certificate beside it.

    UnknownSealError: signed with an algorithm that is not known here.
    """
    algorithm, to_sign = signature.algorithm, signature.to_sign
    return _fits(signature.signer, algorithm, to_sign, signature.signature)


def certificate(data: bytes) -> x509.Certificate:
    """A certificate out of a seal or a seal signature; SealRefusedError: it is none."""
    with foreign("certificate in the seal"):
        return keys.certificate_of(data)


def make_seal(
    *,
    code: str,
    name: str,
    picture: bytes,
    picture_type: str,
    width_mm: int,
    height_mm: int,
    certificates: Sequence[bytes],
    valid_from: datetime,
    valid_until: datetime,
    vendor: str,
    maker: bytes,
    maker_signer: Signer,
) -> bytes:
    """A seal of version 4, signed by its maker; it is created when it becomes valid.

    certificates: DER of those who may sign with it.
    maker, maker_signer: the maker's certificate (DER) and the key that belongs to it.
    """
    info = der.sequence(
        der.sequence(der.ia5(MARK), der.integer(CURRENT), der.ia5(vendor)),
        der.ia5(code),
        _property(name, certificates, valid_from, valid_until),
        der.sequence(
            der.ia5(picture_type),
            der.octets(picture),
            der.integer(width_mm),
            der.integer(height_mm),
        ),
    )
    [signature] = maker_signer.sign_digests([sm2.message_digest(_point(maker), info)])
    return der.sequence(info, der.octets(maker), der.oid(sm2.SM2_WITH_SM3), der.bits(signature))


def to_be_signed(
    seal: bytes, *, time: datetime, data_hash: bytes, location: str, version: int = CURRENT
) -> bytes:
    """TBS_Sign: what a signer signs.

    version:   the seal's.
    data_hash: SM3 of Signature.xml.
    location:  its absolute name in the package (propertyInfo).
    """
    return der.sequence(
        der.integer(version),
        seal,
        der.generalized_time(time),
        der.bits(data_hash),
        der.ia5(location),
    )


def signature_value(
    to_sign: bytes, certificate: bytes, signature: bytes, token: bytes | None = None
) -> bytes:
    """SES_Signature: the content of SignedValue.dat.  GB/T 38540-2020, 7.1.

    certificate: the signer's, DER.  signature: DER of r and s.
    token:       a time stamp (RFC 3161) over the signature's octets; None: there is none.
    """
    signed = (to_sign, der.octets(certificate), der.oid(sm2.SM2_WITH_SM3), der.bits(signature))
    return der.sequence(*signed, *([] if token is None else [time_stamp(token)]))


def time_stamp(token: bytes) -> bytes:
    """The last part of SES_Signature: timeStamp [0] EXPLICIT BIT STRING."""
    return der.element(der.EXPLICIT_0, der.bits(token))


@contextmanager
def foreign(what: str) -> Iterator[None]:
    """The one edge at which bytes of others may raise whatever a parser raises."""
    try:
        yield
    except (SealRefusedError, SignatureRefusedError, MemoryError):
        raise
    except Exception as error:
        raise SealRefusedError(f"the {what} cannot be read") from error


def _sole(data: bytes) -> Element:
    _refuse_unless(len(data) <= MOST_BYTES, f"is larger than {MOST_BYTES} bytes")
    found = der.read(data)
    _refuse_unless(found.tag == der.SEQUENCE, "is no SEQUENCE")
    return found


def _refuse_unless(holds: object, otherwise: str) -> None:
    if not holds:
        raise SealRefusedError(f"the electronic seal {otherwise}")


# Reading: a seal


def _seal(element: Element) -> Seal:
    """Two elements are version 1; of more the header tells (GB/T 38540-2020, GM/T 0031)."""
    parts = element.parts()
    if len(parts) == 2:  # noqa: PLR2004 - esealInfo, signInfo
        return _old_seal(element, parts[0], parts[1].parts())
    return _current_seal(element, *parts)


def _old_seal(element: Element, info: Element, signed: Sequence[Element]) -> Seal:
    """The maker signed SEQUENCE { esealInfo, cert, signatureAlgorithm }."""
    maker, algorithm, signature = signed
    version = _header_version(info)
    if not 0 < version < CURRENT:
        raise UnknownSealError("the electronic seal contradicts itself about its version")
    return Seal(
        der=element.whole,
        version=OLD,
        info=info.whole,
        signed=der.sequence(info.whole, maker.whole, algorithm.whole),
        maker=maker.octets(),
        algorithm=algorithm.oid(),
        signature=_bits_or_octets(signature),
        **_described(info, _old_property),
    )


def _current_seal(
    element: Element,
    info: Element,
    maker: Element,
    algorithm: Element,
    signature: Element,
    stamp: Element | None = None,
) -> Seal:
    version = _header_version(info)
    if version not in (CURRENT, STAMPED):
        raise UnknownSealError("the electronic seal has a version that is not read here")
    _refuse_unless(stamp is None or version == STAMPED, "has more parts than its version")
    return Seal(
        der=element.whole,
        version=version,
        info=info.whole,
        signed=info.whole,
        maker=maker.octets(),
        algorithm=algorithm.oid(),
        signature=signature.bits(),
        time_stamp=None if stamp is None else _explicit(stamp).bits(),
        **_described(info, _current_property),
    )


def _header_version(info: Element) -> int:
    mark, version, _vendor = info.parts()[0].parts()
    _refuse_unless(mark.text() == MARK, f"does not begin with {MARK}")
    return version.integer()


def _described(info: Element, read_property: Any) -> dict[str, Any]:
    """What SES_SealInfo says; extDatas may follow and say nothing that counts here."""
    _header, code, described, picture, *_further = info.parts()
    kind, data, width, height = picture.parts()
    return {
        "code": code.text(),
        "picture_type": kind.text(),
        "picture": data.octets(),
        "width_mm": width.integer(),
        "height_mm": height.integer(),
        **read_property(*described.parts()),
    }


def _old_property(
    _kind: Element,
    name: Element,
    listed: Element,
    _created: Element,
    first: Element,
    last: Element,
) -> dict[str, Any]:
    return {
        "name": name.text(),
        "certificates": tuple(each.octets() for each in listed.parts()),
        "digests": (),
        "valid_from": first.time(),
        "valid_until": last.time(),
    }


def _current_property(
    kind: Element, name: Element, list_type: Element, listed: Element, *times: Element
) -> dict[str, Any]:
    if list_type.integer() == LISTS_CERTIFICATES:
        return _old_property(kind, name, listed, *times)
    _refuse_unless(list_type.integer() == LISTS_DIGESTS, "lists its signers in an unknown way")
    pairs = [each.parts() for each in listed.parts()]
    digests = tuple(value.octets() for _type, value in pairs)
    nobody = der.read(der.sequence())
    return _old_property(kind, name, nobody, *times) | {"digests": digests}


# Reading: a signature


def _signature(element: Element) -> SesSignature:
    parts = element.parts()
    if len(parts) == 2:  # noqa: PLR2004 - toSign, signature
        return _old_signature(*parts)
    return _current_signature(*parts)


def _old_signature(to_sign: Element, signature: Element) -> SesSignature:
    _version, seal, said, data_hash, location, signer, algorithm = to_sign.parts()
    time, stamp = _old_time(_bits_or_octets(said))
    read = _seal(seal)
    _refuse_unless(read.version == OLD, "is of another version than its signature")
    return SesSignature(
        version=OLD,
        seal=read,
        to_sign=to_sign.whole,
        time=time,
        data_hash=_bits_or_octets(data_hash),
        property=location.text(),
        signer=signer.octets(),
        algorithm=algorithm.oid(),
        signature=_bits_or_octets(signature),
        time_stamp=stamp,
    )


def _current_signature(
    to_sign: Element,
    signer: Element,
    algorithm: Element,
    signature: Element,
    stamp: Element | None = None,
) -> SesSignature:
    version, seal, said, data_hash, location, *further = to_sign.parts()
    read = _seal(seal)
    _refuse_unless(version.integer() == read.version, "is of another version than its signature")
    _refuse_unless(all(each.tag == der.EXPLICIT_0 for each in further[:1]), "has unknown parts")
    _refuse_unless(len(further) <= 1, "has more parts than its version")
    return SesSignature(
        version=read.version,
        seal=read,
        to_sign=to_sign.whole,
        time=said.time(),
        data_hash=data_hash.bits(),
        property=location.text(),
        signer=signer.octets(),
        algorithm=algorithm.oid(),
        signature=signature.bits(),
        time_stamp=None if stamp is None else _explicit(stamp).bits(),
    )


def _old_time(said: bytes) -> tuple[datetime, bytes | None]:
    """timeInfo of version 1: a time, a time-stamp token, or text of Beijing's time."""
    if said[:1] == bytes((der.SEQUENCE,)):
        return _stamped_time(said), said
    if said[:1] in (bytes((der.UTC_TIME,)), bytes((der.GENERALIZED_TIME,))):
        return der.read(said).time(), None
    local = datetime.strptime(said.decode("ascii"), LOCAL_TIME).replace(tzinfo=BEIJING)
    return local.astimezone(UTC), None


def _stamped_time(token: bytes) -> datetime:
    """What a token says (genTime); its TSTInfo is in DER, the CMS around it need not be.

    RFC 3161, 2.4.2.
    """
    said: Any = cms.ContentInfo.load(token, strict=True)["content"]["encap_content_info"]
    _refuse_unless(said["content_type"].native == "tst_info", "names a time that is no time stamp")
    _version, _policy, _imprint, _serial, moment, *_further = der.read(
        bytes(said["content"])
    ).parts()
    return moment.time()


def _explicit(element: Element) -> Element:
    """What an explicit [0] holds."""
    _refuse_unless(element.tag == der.EXPLICIT_0, "has unknown parts")
    [inner] = element.parts()
    return inner


def _bits_or_octets(element: Element) -> bytes:
    """Files of version 1 have either."""
    return element.octets() if element.tag == der.OCTET_STRING else element.bits()


# Judging and writing


def _fits(signer: bytes, algorithm: str, message: bytes, signature: bytes) -> bool:
    if algorithm not in ALGORITHMS:
        raise UnknownSealError("the electronic seal uses a signature algorithm unknown here")
    return sm2.verify(_point(signer), message, signature)


def _point(data: bytes) -> bytes:
    """The SM2 key of a certificate, 04 || X || Y."""
    with foreign("certificate in the seal"):
        point = sm2.public_point(certificate(data))
    if point is None:
        raise UnknownSealError("the electronic seal is signed with a key that is not of SM2")
    return point


def _property(
    name: str, certificates: Sequence[bytes], valid_from: datetime, valid_until: datetime
) -> bytes:
    return der.sequence(
        der.integer(UNIT),
        der.utf8(name),
        der.integer(LISTS_CERTIFICATES),
        der.sequence(*map(der.octets, certificates)),
        der.generalized_time(valid_from),  # createDate
        der.generalized_time(valid_from),
        der.generalized_time(valid_until),
    )
