"""Electronic seals and seal signatures: read whatever they are, written, judged."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import ofd_judges
import outsiders
import pytest
from asn1crypto import core
from hypothesis import given, settings
from hypothesis import strategies as st
from seal_making import (
    AUTHORITY,
    DAY,
    NOW,
    OTHER_AUTHORITY,
    authority_ca,
    der_of,
    identity,
    members_of,
    picture,
    seal,
    sealed,
)

from factory.errors import FactoryError, SealRefusedError, UnknownSealError
from factory.seals import der, esl, keys, ses, sm2
from factory.seals.sm2_soft import Sm2SoftSigner
from storage import testca, testca_sm2

SECOND = NOW.replace(microsecond=0)
HASH = bytes(range(32))
PLACE = "/Doc_0/Signs/Sign_0/Signature.xml"
VALUE = "Doc_0/Signs/Sign_0/SignedValue.dat"
TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
WRONG_OID = "1.2.840.113549.1.1.11"  #: RSA with SHA-256


def refused(words: str) -> pytest.RaisesExc[SealRefusedError]:
    return pytest.raises(SealRefusedError, match=words)


def unknown(words: str) -> pytest.RaisesExc[UnknownSealError]:
    return pytest.raises(UnknownSealError, match=words)


def sign(signer: Sm2SoftSigner, message: bytes) -> bytes:
    return signer.sign_digests([sm2.message_digest(signer.point, message)])[0]


def utc_time(moment: datetime) -> bytes:
    return der.element(der.UTC_TIME, f"{moment:%y%m%d%H%M%SZ}".encode())


# Building by hand what make_seal does not make


def info(
    *,
    version: int = 4,
    mark: str = "ES",
    listed: bytes | None = None,
    list_type: int | None = 1,
    time: Callable[[datetime], bytes] = der.generalized_time,
    further: bytes = b"",
) -> bytes:
    """SES_SealInfo."""
    certificates = listed or der.sequence(der.octets(der_of(identity().signing_cert)))
    kind = der.integer(list_type) if list_type else b""
    times = b"".join(map(time, (NOW, NOW, NOW + DAY)))
    return der.sequence(
        der.sequence(der.ia5(mark), der.integer(version), der.ia5("TEST")),
        der.ia5("62000000000001"),
        der.sequence(der.integer(1), der.utf8(AUTHORITY), kind, certificates, times),
        der.sequence(der.ia5("PNG"), der.octets(picture()), der.integer(42), der.integer(42)),
        further,
    )


def seal_of(made: bytes, *further: bytes, algorithm: str = sm2.SM2_WITH_SM3) -> bytes:
    """SESeal of version 4 or 5 around SES_SealInfo."""
    maker = authority_ca().maker
    signature = der.bits(sign(maker.signer, made))
    parts = (der.octets(der_of(maker.certificate)), der.oid(algorithm), signature)
    return der.sequence(made, *parts, *further)


def old_seal(**changes: Any) -> bytes:
    """SESeal of version 1: its maker signs certificate and algorithm too."""
    maker = authority_ca().maker
    made = info(**{"version": 1, "list_type": None, "time": utc_time} | changes)
    with_it = (der.octets(der_of(maker.certificate)), der.oid(sm2.SM2_WITH_SM3))
    signature = sign(maker.signer, der.sequence(made, *with_it))
    return der.sequence(made, der.sequence(*with_it, der.bits(signature)))


def old_signature(time: bytes, seal_in_it: bytes | None = None) -> bytes:
    """SES_Signature of version 1."""
    to_sign = der.sequence(
        der.integer(1),
        seal_in_it or old_seal(),
        time,
        der.octets(HASH),
        der.ia5(PLACE),
        der.octets(der_of(identity().signing_cert)),
        der.oid(sm2.SM2_WITH_SM3),
    )
    return der.sequence(to_sign, der.bits(sign(own_signer(), to_sign)))


def own_signer() -> Sm2SoftSigner:
    signer = identity().signer
    assert isinstance(signer, Sm2SoftSigner)
    return signer


def signature_over(seal_in_it: bytes, *, version: int = 4, further: bytes = b"") -> bytes:
    to_sign = ses.to_be_signed(
        seal_in_it, version=version, time=NOW, data_hash=HASH, location=PLACE
    )
    value = ses.signature_value(
        to_sign, der_of(identity().signing_cert), sign(own_signer(), to_sign)
    )
    return der.sequence(*(each.whole for each in der.read(value).parts()), further)


# Version 4, written and read


def test_a_seal_that_is_made_says_what_it_was_made_of() -> None:
    made = seal(width_mm=45, height_mm=30, name="示例市印章", code="62000000000002")

    read = ses.read_seal(made)

    assert (read.der, read.version, read.code) == (made, 4, "62000000000002")
    assert (read.name, read.width_mm, read.height_mm) == ("示例市印章", 45, 30)
    assert (read.picture, read.picture_type) == (picture(), "PNG")
    assert (read.valid_from, read.valid_until) == (SECOND - DAY, SECOND + 365 * DAY)
    assert read.certificates == (der_of(identity().signing_cert),)
    assert read.maker == der_of(authority_ca().maker.certificate)
    assert read.info in made
    assert ses.maker_fits(read)


def test_a_signature_that_is_made_says_what_it_was_made_of() -> None:
    read = ses.read_signature(signature_over(seal()))

    assert (read.version, read.seal.version) == (4, 4)
    assert (read.time, read.data_hash, read.property) == (SECOND, HASH, PLACE)
    assert read.signer == der_of(identity().signing_cert)
    assert read.time_stamp is None
    assert ses.signer_fits(read)


def test_openssl_takes_both_signatures() -> None:
    assert ofd_judges.value_accepted(signature_over(seal()))


def test_one_byte_of_the_seal_makes_the_makers_signature_unfit() -> None:
    made = seal()
    place = made.index("示例".encode())

    read = ses.read_seal(made[:place] + "市".encode() + made[place + 3 :])

    assert not ses.maker_fits(read)


def test_one_byte_of_what_is_signed_makes_the_signers_signature_unfit() -> None:
    read = ses.read_signature(signature_over(seal()).replace(HASH, HASH[::-1]))

    assert not ses.signer_fits(read)
    assert ses.maker_fits(read.seal)


def test_what_the_maker_encoded_unusually_is_judged_as_it_lies_there() -> None:
    """An issued seal writes critical FALSE, which DER leaves out, in untagged extDatas."""
    extension = der.sequence(der.oid("1.2.3"), bytes((0x01, 0x01, 0x00)), der.octets(b"data"))

    read = ses.read_seal(seal_of(info(further=der.sequence(extension))))

    assert ses.maker_fits(read)


def test_a_seal_may_list_digests_of_certificates() -> None:
    own = der_of(identity().signing_cert)
    pair = der.sequence(der.element(der.PRINTABLE, b"SM3"), der.octets(sm2.sm3(own)))

    read = ses.read_seal(seal_of(info(list_type=2, listed=der.sequence(pair))))

    assert read.certificates == ()
    assert read.lists(own)
    assert not read.lists(der_of(authority_ca().maker.certificate))


def test_a_list_of_another_type_is_refused() -> None:
    with refused("unknown way"):
        ses.read_seal(seal_of(info(list_type=3)))


def test_extensions_of_what_is_signed_are_read_over() -> None:
    to_sign = ses.to_be_signed(seal(), time=NOW, data_hash=HASH, location=PLACE)
    parts = [each.whole for each in der.read(to_sign).parts()]
    with_more = der.sequence(*parts, der.element(der.EXPLICIT_0, der.sequence()))
    own = der_of(identity().signing_cert)

    read = ses.read_signature(ses.signature_value(with_more, own, sign(own_signer(), with_more)))

    assert ses.signer_fits(read)


def test_a_time_stamp_is_handed_on() -> None:
    stamp = der.element(der.EXPLICIT_0, der.bits(b"token"))

    assert ses.read_signature(signature_over(seal(), further=stamp)).time_stamp == b"token"


#: where a length takes another byte: of the token, of its BIT STRING, of [0], of the whole
LENGTHS = st.one_of(
    st.integers(0, 70_000),
    st.sampled_from([n - less for n in (127, 128, 255, 256, 65535, 65536) for less in range(12)]),
)


@settings(max_examples=60)
@given(LENGTHS)
def test_a_time_stamp_of_any_length_is_read_as_it_was_written(size: int) -> None:
    own, token = der_of(identity().signing_cert), bytes(size)
    value = signature_over(seal())
    to_sign, signature = ses.read_signature(value).to_sign, ses.read_signature(value).signature

    stamped = ses.signature_value(to_sign, own, signature, token)

    read = ses.read_signature(stamped)
    assert (read.time_stamp, read.signature, read.to_sign) == (token, signature, to_sign)
    parts = core.SequenceOf.load(stamped, spec=core.Any, strict=True)
    assert parts[4].parse(core.BitString, {"explicit": 0}).dump() == ses.time_stamp(token)
    assert ses.signature_value(to_sign, own, signature) == value


@pytest.mark.parametrize(
    "further",
    [
        der.bits(b"token"),
        der.octets(b"token"),
        der.element(0xA1, der.bits(b"token")),
        der.element(0x80, b"\0token"),
        der.element(der.EXPLICIT_0, der.octets(b"token")),
        der.element(der.EXPLICIT_0, der.element(der.BIT_STRING, b"\x03token")),
        der.element(der.EXPLICIT_0, der.element(der.BIT_STRING, b"")),
        der.element(der.EXPLICIT_0, b""),
        der.element(der.EXPLICIT_0, der.bits(b"token")[:-1]),
        der.element(der.EXPLICIT_0, der.bits(b"token") + b"\0"),
        der.element(der.EXPLICIT_0, der.bits(b"token") * 2),
        der.element(der.EXPLICIT_0, b"\x03\x81\x06\0token"),
        b"\xa0\x80" + der.bits(b"token") + b"\0\0",
        ses.time_stamp(b"token") * 2,
        ses.time_stamp(b"token")[:-1],
        ses.time_stamp(b"token") + b"\0",
    ],
    ids=[
        *("not explicit", "octets", "[1]", "implicit", "explicit octets", "unused bits"),
        *("no unused bits said", "nothing", "cut off inside", "more inside", "two inside"),
        *("a longer length", "no end", "twice", "cut off", "more behind"),
    ],
)
def test_what_stands_for_a_time_stamp_and_is_none_is_refused(further: bytes) -> None:
    with refused("cannot be read|unknown parts"):
        ses.read_signature(signature_over(seal(), further=further))


def test_a_signature_of_another_version_than_its_seal_is_refused() -> None:
    with refused("another version"):
        ses.read_signature(signature_over(seal(), version=5))


# Versions 5 and 1


def test_version_5_is_read_with_its_time_stamp() -> None:
    stamp = der.element(der.EXPLICIT_0, der.bits(b"token"))
    made = seal_of(info(version=5), stamp)

    read = ses.read_signature(signature_over(made, version=5))

    assert (read.version, read.seal.time_stamp) == (5, b"token")
    assert ses.maker_fits(read.seal)
    assert ses.signer_fits(read)


def test_version_4_has_no_time_stamp_in_its_seal() -> None:
    with refused("more parts"):
        ses.read_seal(seal_of(info(), der.element(der.EXPLICIT_0, der.bits(b"token"))))


@pytest.mark.parametrize(
    "time",
    [
        der.bits(utc_time(SECOND)),
        der.octets(utc_time(SECOND)),
        der.bits(der.generalized_time(SECOND)),
        der.bits(f"{SECOND + timedelta(hours=8):%Y-%m-%d %H:%M:%S}".encode()),
    ],
    ids=["UTCTime", "OCTET STRING", "GeneralizedTime", "Beijing's time as text"],
)
def test_version_1_is_read(time: bytes) -> None:
    read = ses.read_signature(old_signature(time))

    assert (read.version, read.seal.version, read.time) == (1, 1, SECOND)
    assert (read.data_hash, read.property) == (HASH, PLACE)
    assert read.seal.valid_until == SECOND + DAY
    assert ses.maker_fits(read.seal)
    assert ses.signer_fits(read)


def test_a_maker_of_version_1_who_signed_the_description_alone_did_not_sign_the_seal() -> None:
    made = info(version=1, list_type=None)
    certificate, algorithm, signature = der.read(seal_of(made)).parts()[1:]
    signed = der.sequence(certificate.whole, algorithm.whole, signature.whole)

    assert not ses.maker_fits(ses.read_seal(der.sequence(made, signed)))


def test_a_time_stamp_token_gives_the_time_of_version_1() -> None:
    read = ses.read_signature(old_signature(der.bits(time_stamp_token(SECOND))))

    assert read.time == SECOND
    assert read.time_stamp == time_stamp_token(SECOND)
    assert ses.signer_fits(read)  # who signed the token too, which so was there before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda token: token + b"\0", "cannot be read"),
        (lambda token: token[:-1], "cannot be read"),
        (lambda token: token.replace(b"040000Z", b"0400000"), "cannot be read"),
        (lambda token: token.replace(b"\x18\x0f2026", b"\x04\x0f2026"), "cannot be read"),
        (lambda token: token.replace(TST_INFO, TST_INFO[:-1] + b"\x05"), "no time stamp"),
    ],
    ids=["more behind", "cut off", "a time in no zone", "no time", "another thing signed"],
)  # fmt: skip
def test_what_stands_for_a_token_in_version_1_and_is_none_is_refused(
    change: Callable[[bytes], bytes], words: str
) -> None:
    token = time_stamp_token(SECOND)
    assert change(token) != token

    with refused(words):
        ses.read_signature(old_signature(der.bits(change(token))))


@pytest.mark.parametrize("version", [0, 2, 3, 6])
def test_other_versions_cannot_be_judged(version: int) -> None:
    with unknown("version"):
        ses.read_seal(seal_of(info(version=version)))


@pytest.mark.parametrize("version", [0, 4, 5])
def test_a_seal_built_as_version_1_that_says_another_cannot_be_judged(version: int) -> None:
    with unknown("contradicts itself"):
        ses.read_seal(old_seal(version=version))


def test_another_algorithm_cannot_be_judged() -> None:
    read = ses.read_seal(seal_of(info(), algorithm=WRONG_OID))

    with unknown("algorithm"):
        ses.maker_fits(read)


def test_a_makers_key_of_another_kind_cannot_be_judged() -> None:
    p256 = der_of(outsiders.certify("maker").certificate)
    read = ses.read_seal(seal(maker_signer=authority_ca().maker.signer))
    parts = [each.whole for each in der.read(read.der).parts()]
    other = ses.read_seal(der.sequence(parts[0], der.octets(p256), *parts[2:]))

    with unknown("not of SM2"):
        ses.maker_fits(other)


def test_a_makers_certificate_that_is_none_is_refused() -> None:
    parts = [each.whole for each in der.read(seal()).parts()]
    read = ses.read_seal(der.sequence(parts[0], der.octets(b"?"), *parts[2:]))

    with refused("cannot be read"):
        ses.maker_fits(read)


# Bytes of others


@pytest.mark.parametrize("mark", ["es", "E", ""])
def test_a_seal_that_does_not_begin_as_one_is_refused(mark: str) -> None:
    with refused("does not begin"):
        ses.read_seal(seal_of(info(mark=mark)))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x80\0\0", b"\x30\x81\x01\0", b"\x30\0", b"\x1f\x01\0", b"PK\x03\x04"],
    ids=repr,
)
def test_what_is_no_seal_is_refused(data: bytes) -> None:
    for read in (ses.read_seal, ses.read_signature):
        with refused("cannot be read"):
            read(data)


@pytest.mark.parametrize("tag", [0x31, 0xA0, 0xA1, 0x24, 0x10])
def test_a_seal_or_signature_with_another_tag_is_refused(tag: int) -> None:
    """No signature is over the outermost tag."""
    for read, data in ((ses.read_seal, seal()), (ses.read_signature, signature_over(seal()))):
        with refused("no SEQUENCE"):
            read(bytes((tag,)) + data[1:])


def test_something_behind_a_seal_is_refused() -> None:
    with refused("cannot be read"):
        ses.read_seal(seal() + b"\0")


def test_more_than_a_seal_can_have_is_refused() -> None:
    with refused("larger"):
        ses.read_seal(bytes(ses.MOST_BYTES + 1))


def test_elements_without_end_are_refused() -> None:
    with refused("cannot be read"):
        ses.read_seal(der.element(der.SEQUENCE, bytes((5, 0)) * 100_000))


@cache
def signatures() -> tuple[bytes, ...]:
    return signature_over(seal()), old_signature(der.bits(utc_time(SECOND)))


@given(st.data())
def test_whatever_the_bytes_are_reading_gives_a_signature_or_a_refusal(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(signatures())))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.sampled_from([len(whole), len(whole) // 2, 40]))])

    try:
        read = ses.read_signature(cut)
        judged = ses.signer_fits(read) and ses.maker_fits(read.seal)
        judged = judged and read.seal.lists(read.signer)  # which nobody else vouches for
    except SealRefusedError:
        return
    assert judged == (cut in signatures())


@given(st.data())
def test_whatever_the_bytes_are_reading_gives_a_seal_or_a_refusal(data: st.DataObject) -> None:
    made = ses.read_signature(data.draw(st.sampled_from(signatures()))).seal.der
    place, size = data.draw(st.integers(0, len(made))), data.draw(st.integers(0, 8))
    changed = made[:place] + data.draw(st.binary(max_size=8)) + made[place + size :]

    try:
        esl.check_issued(ses.read_seal(changed), identity().signing_cert, [root()], NOW)
    except FactoryError as error:
        assert isinstance(error, SealRefusedError)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SealRefusedError):
        ses.read_signature(data)


@given(st.integers(-(2**200), 2**200))
def test_an_integer_is_read_as_it_was_written(value: int) -> None:
    assert der.read(der.integer(value)).integer() == value
    assert der.integer(value) == core.Integer(value).dump()


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**64), max_size=5))
def test_an_object_identifier_is_read_as_it_was_written(
    first: int, second: int, others: list[int]
) -> None:
    dotted = ".".join(map(str, (first, second, *others)))

    assert der.read(der.oid(dotted)).oid() == dotted
    assert der.oid(dotted) == core.ObjectIdentifier(dotted).dump()


@given(st.integers(-2 * 10**10, 4 * 10**9))
def test_a_time_is_read_as_it_was_written(seconds: int) -> None:
    """From 1336 to 2096; UTCTime has fifty years before 2000 and fifty after."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)

    assert der.read(der.generalized_time(moment)).time() == moment
    if 1950 <= moment.year < 2050:
        assert der.read(utc_time(moment)).time() == moment


@pytest.mark.parametrize(
    "text", [b"20261121040000", b"20261121120000+0800", b"20261321040000Z", b"20261121040000.50Z"]
)
def test_a_time_in_another_form_is_refused(text: bytes) -> None:
    with pytest.raises(der.DerError):
        der.read(der.element(der.GENERALIZED_TIME, text)).time()


# Before an issued seal is used


def root() -> Any:
    return authority_ca().root.certificate


def check(data: bytes, *, now: datetime = NOW, **changes: Any) -> None:
    values: dict[str, Any] = {
        "signing_cert": identity().signing_cert,
        "maker_roots": [root()],
        "others": identity().chain,
    }
    esl.check_issued(ses.read_seal(data), now=now, **values | changes)


def test_a_long_name_in_a_certificate_is_read_without_a_warning() -> None:
    long = testca.issue_enterprise(testca.make_ca(NOW), "示例" * 20, "91310000MA1FL00018")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = ses.certificate(der_of(long.certificate))
        assert "示例" * 20 in read.subject.rfc4514_string()
        assert not keys.is_issued_by(read, root())


def test_an_issued_seal_is_taken() -> None:
    check(identity().seal)


def test_an_old_issued_seal_is_taken_too() -> None:
    check(old_seal())


def test_a_jpeg_and_an_oval_are_taken() -> None:
    check(seal(picture=picture("JPEG", 450, 300), picture_type="jpg", width_mm=45, height_mm=30))


def test_a_seal_that_was_changed_after_it_was_made_is_refused() -> None:
    with refused("not as its maker issued it"):
        check(identity().seal.replace("厅".encode(), "局".encode(), 1))


def test_a_maker_whom_nobody_trusts_is_refused() -> None:
    stranger = testca_sm2.make_ca(NOW, name="Stranger")

    with refused("maker is not trusted: the certificate has an unknown issuer.* trusted here"):
        check(seal(maker=der_of(stranger.maker.certificate), maker_signer=stranger.maker.signer))


def test_a_maker_is_not_trusted_without_the_certificates_between() -> None:
    with refused("unknown issuer"):
        check(seal(), others=())


def test_a_maker_who_is_a_ca_is_refused() -> None:
    ca = authority_ca().issuing

    with refused("is a CA's"):
        check(seal(maker=der_of(ca.certificate), maker_signer=ca.signer))


def test_a_maker_who_may_sign_with_the_seal_is_refused() -> None:
    own = identity()

    with refused("made by one who may sign with it"):
        check(seal(maker=der_of(own.signing_cert), maker_signer=own.signer))


def test_a_maker_who_is_another_signer_of_the_seal_is_refused() -> None:
    other = identity(OTHER_AUTHORITY)
    made = {"maker": der_of(other.signing_cert), "maker_signer": other.signer}
    listed = (der_of(identity().signing_cert), der_of(other.signing_cert))

    check(seal(**made))
    with refused("made by one who may sign with it"):
        check(seal(certificates=listed, **made))


def test_a_makers_certificate_that_has_expired_is_refused() -> None:
    with refused("maker is not trusted.*expired"):
        check(seal(valid_until=NOW + 9999 * DAY), now=NOW + 4000 * DAY)


@pytest.mark.parametrize("now", [NOW - 2 * DAY, NOW + 366 * DAY], ids=["before", "after"])
def test_a_seal_is_not_used_outside_its_validity(now: datetime) -> None:
    data = seal(valid_from=NOW - DAY / 2)

    check(data)
    with refused("not valid"):
        esl.check_use(ses.read_seal(data), identity().signing_cert, now)


def test_a_certificate_that_the_seal_does_not_list_is_refused() -> None:
    with refused("does not list"):
        check(seal(certificates=(der_of(identity(OTHER_AUTHORITY).signing_cert),)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width_mm": 420, "height_mm": 420}, "between 5 and 120 mm"),
        ({"width_mm": 0}, "between 5 and 120 mm"),
        ({"height_mm": -42}, "between 5 and 120 mm"),
        ({"height_mm": 30}, "another shape"),
        ({"picture_type": "ofd"}, "neither PNG nor JPG"),
        ({"picture": b"\x89PNG"}, "cannot be read"),
        ({"picture": picture()[:-20]}, "broken off"),
        ({"picture": b""}, "cannot be read"),
        ({"picture": b"GIF89a" + bytes(99)}, "GIF"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_seal_that_cannot_be_drawn_is_refused(changes: dict[str, Any], words: str) -> None:
    with refused(words):
        check(seal(**changes))


def test_the_value_in_a_sealed_package_reads_as_well() -> None:
    [value] = [each.data for each in members_of(sealed()) if each.name == VALUE]

    read = ses.read_signature(value)

    assert read.property == PLACE
    assert ses.signer_fits(read)


def time_stamp_token(moment: datetime) -> bytes:
    """A token around a TSTInfo (RFC 3161), signed by nobody: its content is read, not judged."""
    from asn1crypto import cms, tsp

    stamped = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3",
            "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": HASH},
            "serial_number": 1,
            "gen_time": moment,
        }
    )
    data = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [],
            "encap_content_info": {
                "content_type": "tst_info",
                "content": core.ParsableOctetString(stamped.dump()),
            },
            "signer_infos": [],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": data}).dump())
