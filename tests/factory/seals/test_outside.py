"""Signatures made outside: what is taken, and beside each the nearest that is not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import outsiders
import pytest
from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from outsiders import (
    CONTENT,
    DAY,
    NOW,
    Made,
    attribute,
    attributes,
    authority,
    certify,
    container,
    ess,
)

from factory.errors import SignatureRefusedError
from factory.parties import (
    COMMON_NAME,
    IDENTITY_CODE,
    ORGANISATION,
    ORGANISATION_CODE,
    ORGANISATION_IDENTIFIER,
    SERIAL_NUMBER,
    Algorithm,
    PartyRules,
    SigningRules,
)
from factory.seals import outside
from factory.seals.outside import Signed

NAME, NUMBER = "张三丰", "31010119900101000X"
ENTERPRISE, CODE = "上海测试建设集团有限公司", "91310000MA1FL00004"
PERSONS = SigningRules().applicant
ENTERPRISES = SigningRules().enterprise
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505


@pytest.fixture(scope="module")
def root() -> Made:
    return authority("root", path_length=1)


@pytest.fixture(scope="module")
def issuing(root: Made) -> Made:
    return authority("issuing", root, path_length=0)


@pytest.fixture(scope="module")
def person(issuing: Made) -> Made:
    return certify("person", issuing)


@pytest.fixture(scope="module")
def rsa_person(issuing: Made) -> Made:
    return certify("person", issuing, key=rsa.generate_private_key(65537, 2048))


def refused(words: str) -> pytest.RaisesExc[SignatureRefusedError]:
    return pytest.raises(SignatureRefusedError, match=words)


# Reading


def test_a_signature_over_the_content_is_read(person: Made, issuing: Made) -> None:
    made = container(person, others=[issuing.certificate])

    signed = outside.read(made, CONTENT)

    assert signed == Signed(
        certificate=person.certificate,
        chain=(issuing.certificate,),
        algorithm=Algorithm.ECDSA,
        digest_algorithm="sha256",
        names_certificate=False,
    )


def test_whether_the_certificate_is_signed_too_is_told(person: Made) -> None:
    named = [*attributes(), ess(person.certificate)]

    assert outside.read(container(person, signed=named), CONTENT).names_certificate
    assert not outside.read(container(person), CONTENT).names_certificate


def test_a_signature_over_other_content_is_refused(person: Made) -> None:
    with refused("another document, or the document was changed"):
        outside.read(container(person), CONTENT + b".")


def test_zeros_may_follow_a_container_and_nothing_else(person: Made) -> None:
    made = container(person)

    assert outside.read(made + bytes(100), CONTENT).certificate == person.certificate
    with refused("followed by something else"):
        outside.read(made + b"\0\1", CONTENT)


def test_a_container_of_indefinite_length_is_refused(person: Made) -> None:
    made = container(person)
    body = made[4:]

    with refused("not in DER"):
        outside.read(b"\x30\x80" + body + b"\0\0", CONTENT)


def test_a_container_that_is_too_large_is_refused(person: Made) -> None:
    with refused("larger than"):
        outside.read(container(person) + bytes(outside.MOST_BYTES), CONTENT)


def test_a_container_of_encrypted_data_is_refused(person: Made) -> None:
    with refused("holds no signature"):
        outside.read(container(person, outer_type="1.2.840.113549.1.7.3"), CONTENT)


def test_the_signer_may_be_named_by_their_key(person: Made) -> None:
    assert outside.read(container(person, by_key=True), CONTENT).certificate == person.certificate


@pytest.mark.parametrize("by_key", [False, True])
def test_a_container_without_the_signers_certificate_is_refused(
    person: Made, issuing: Made, by_key: bool
) -> None:
    made = container(person, embedded=[issuing.certificate], by_key=by_key)

    with refused("does not hold the signer's certificate"):
        outside.read(made, CONTENT)


@pytest.mark.parametrize("times", [0, 2])
def test_a_container_has_exactly_one_signer(person: Made, times: int) -> None:
    with refused("exactly one signer"):
        outside.read(container(person, times=times), CONTENT)


def test_a_container_with_its_content_in_it_is_refused(person: Made) -> None:
    with refused("must be detached"):
        outside.read(container(person, attached=CONTENT), CONTENT)


def test_a_signature_without_signed_attributes_is_refused(person: Made) -> None:
    with refused("no signed attributes"):
        outside.read(container(person, signed=[]), CONTENT)


def test_a_signature_over_something_else_than_plain_data_is_refused(person: Made) -> None:
    with refused("does not sign plain data"):
        outside.read(container(person, content_type="1.2.840.113549.1.9.16.1.4"), CONTENT)


def test_a_content_type_that_is_signed_as_another_is_refused(person: Made) -> None:
    signed = [attribute("content_type", "signed_data"), attributes()[1]]

    with refused("contradicts itself"):
        outside.read(container(person, signed=signed), CONTENT)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_missing_attribute_is_refused(person: Made, kept: int) -> None:
    with refused("lacks a signed attribute"):
        outside.read(container(person, signed=[attributes()[kept]]), CONTENT)


def test_an_attribute_that_is_said_twice_is_refused(person: Made) -> None:
    digest = hashlib.sha256(CONTENT).digest()
    twice = [*attributes(), attributes(b"another")[1]]
    two_values = [attributes()[0], attribute("message_digest", digest, bytes(32))]

    for signed in (twice, two_values):
        with refused("says a signed attribute twice"):
            outside.read(container(person, signed=signed), CONTENT)


def test_a_digest_that_is_no_longer_safe_is_refused(person: Made) -> None:
    made = container(person, digest="sha1", signed=attributes(digest="sha1"))

    with refused("digest that is not taken"):
        outside.read(made, CONTENT)


def test_a_signature_with_another_digest_than_the_documents_is_refused(person: Made) -> None:
    made = container(person, digest="sha512", signed=attributes(digest="sha512"))

    with refused("mixes digests"):
        outside.read(made, CONTENT)


def test_a_digest_that_the_container_does_not_announce_is_refused(person: Made) -> None:
    """openssl could not verify it either (RFC 5652, 5.1)."""
    announced = bytes(cms.DigestAlgorithms([{"algorithm": "sha256"}]).dump())
    other = bytes(cms.DigestAlgorithms([{"algorithm": "sha384"}]).dump())
    made = container(person)
    assert made.count(announced) == 1

    with refused("contradicts itself"):
        outside.read(made.replace(announced, other), CONTENT)


def test_a_changed_signature_does_not_fit(person: Made) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    made = container(person, sign=lambda _, message: outsiders.ecdsa(other, message))

    with refused("does not fit the certificate's key"):
        outside.read(made, CONTENT)


def test_the_certificate_that_is_signed_must_be_the_one_that_is_used(person: Made) -> None:
    for named in (outsiders.ess, outsiders.ess_first):
        made = container(person, signed=[*attributes(), named(person.certificate)])
        assert outside.read(made, CONTENT).certificate == person.certificate


def test_a_signature_that_names_another_certificate_is_refused(person: Made, issuing: Made) -> None:
    again = certify("person", issuing, key=person.key).certificate

    for named in (outsiders.ess, outsiders.ess_first):
        with refused("another certificate than the signer's"):
            outside.read(container(person, signed=[*attributes(), named(again)]), CONTENT)


def test_a_signature_that_names_another_serial_number_is_refused(person: Made) -> None:
    parsed = cms.Certificate.load(outsiders.der(person.certificate))
    issuer = [cms.GeneralName("directory_name", parsed.issuer)]

    def naming(serial: int) -> bytes:
        said = {"issuer": issuer, "serial_number": serial}
        return container(
            person, signed=[*attributes(), outsiders.ess(person.certificate, issuer_serial=said)]
        )

    assert outside.read(naming(parsed.serial_number), CONTENT)
    with refused("another certificate than the signer's"):
        outside.read(naming(parsed.serial_number + 1), CONTENT)


def test_algorithms_that_are_signed_must_be_those_that_are_used(person: Made) -> None:
    def protecting(signature: str) -> bytes:
        said = {
            "digest_algorithm": {"algorithm": "sha256"},
            "signature_algorithm": {"algorithm": signature},
        }
        protection = attribute("cms_algorithm_protection", cms.CMSAlgorithmProtection(said))
        return container(person, signed=[*attributes(), protection])

    assert outside.read(protecting("sha256_ecdsa"), CONTENT)
    with refused("contradicts itself"):
        outside.read(protecting("sha384_ecdsa"), CONTENT)


@pytest.mark.parametrize(
    ("curve", "digest"),
    [(ec.SECP256R1(), "sha256"), (ec.SECP384R1(), "sha384"), (ec.SECP521R1(), "sha512")],
)
def test_elliptic_curves_of_three_sizes_are_taken(
    issuing: Made, curve: ec.EllipticCurve, digest: str
) -> None:
    signer = certify("person", issuing, key=ec.generate_private_key(curve))
    made = container(
        signer,
        digest=digest,
        signed=attributes(digest=digest),
        algorithm={"algorithm": f"{digest}_ecdsa"},
        sign=lambda key, message: key.sign(message, ec.ECDSA(getattr(hashes, digest.upper())())),
    )

    assert outside.read(made, CONTENT).digest_algorithm == digest


@pytest.mark.parametrize("algorithm", ["rsassa_pkcs1v15", "sha256_rsa"])
def test_rsa_is_taken_under_both_its_names(rsa_person: Made, algorithm: str) -> None:
    made = container(rsa_person, algorithm={"algorithm": algorithm})

    assert outside.read(made, CONTENT).algorithm is Algorithm.RSA


def pss(signer: Made, hashed: str = "sha256", mask: str = "sha256", salt: int = 32) -> bytes:
    parameters = {
        "hash_algorithm": {"algorithm": hashed},
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mask}},
        "salt_length": salt,
    }
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return container(
        signer,
        algorithm={"algorithm": "rsassa_pss", "parameters": parameters},
        sign=lambda key, message: key.sign(message, scheme, hashes.SHA256()),
    )


def test_rsa_pss_is_taken_as_its_parameters_say(rsa_person: Made) -> None:
    assert outside.read(pss(rsa_person), CONTENT).algorithm is Algorithm.RSA


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"salt": 20}, "does not fit"),
        ({"salt": 10_000}, "does not fit"),
        ({"hashed": "sha384"}, "mixes digests"),
        ({"mask": "sha1"}, "mixes digests"),
    ],
)
def test_rsa_pss_with_other_parameters_is_refused(
    rsa_person: Made, changed: dict[str, Any], words: str
) -> None:
    with refused(words):
        outside.read(pss(rsa_person, **changed), CONTENT)


def test_a_signature_of_another_kind_than_the_key_is_refused(rsa_person: Made) -> None:
    with refused("in another way than the certificate's key"):
        outside.read(container(rsa_person, algorithm={"algorithm": "sha256_ecdsa"}), CONTENT)


@pytest.mark.parametrize(
    "key",
    [
        WEAK,
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa1024", "secp256k1", "ed25519"],
)
def test_a_key_that_is_weak_or_of_another_kind_is_refused(issuing: Made, key: Any) -> None:
    signer = certify("person", issuing, key=key)
    made = container(
        signer,
        algorithm={"algorithm": "sha256_rsa"},
        sign=lambda *_: b"a signature that nobody looks at",
    )

    with refused("has a key that is not taken"):
        outside.read(made, CONTENT)


def test_no_bytes_at_all_are_refused_without_a_traceback() -> None:
    for data in (b"", b"\0", b"0", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30" * 1000):
        with refused("."):
            outside.read(data, CONTENT)


WHOLE = container(
    SOMEBODY := certify("person", authority("root")),
    signed=[*attributes(), outsiders.ess(SOMEBODY.certificate)],
)


@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused_without_a_traceback(data: bytes) -> None:
    with refused("."):
        outside.read(data, CONTENT)


@given(length=st.integers(0, len(WHOLE) - 1))
def test_a_container_that_is_cut_short_is_refused(length: int) -> None:
    with refused("."):
        outside.read(WHOLE[:length], CONTENT)


@given(at=st.integers(0, len(WHOLE) - 1), to=st.integers(0, 255))
def test_a_changed_byte_never_gives_a_traceback_nor_another_signer(at: int, to: int) -> None:
    """What is not signed, such as a version number, may change; what was signed may not."""
    data = WHOLE[:at] + bytes((to,)) + WHOLE[at + 1 :]

    try:
        signed = outside.read(data, CONTENT)
    except SignatureRefusedError:
        return
    assert signed.certificate == SOMEBODY.certificate


# Made by openssl


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-cades"],
        ["-keyid"],
        ["-md", "sha512"],
        ["-keyopt", "rsa_padding_mode:pss"],
        ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:max", "-md", "sha384"],
    ],
    ids=" ".join,
)
def test_what_openssl_signs_is_taken(
    rsa_person: Made, issuing: Made, root: Made, tmp_path: Path, options: Sequence[str]
) -> None:
    signed = outside.read(
        made_by_openssl(rsa_person, tmp_path, *options, others=[issuing]), CONTENT
    )

    assert signed.certificate == rsa_person.certificate
    outside.check_trust(signed, [root.certificate], NOW)


@pytest.mark.parametrize("options", [[], ["-cades"], ["-cades", "-md", "sha384"]], ids=" ".join)
def test_what_openssl_signs_on_a_curve_is_taken(
    person: Made, tmp_path: Path, options: Sequence[str]
) -> None:
    signed = outside.read(made_by_openssl(person, tmp_path, *options), CONTENT)

    assert signed.algorithm is Algorithm.ECDSA


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-noattr"], "no signed attributes"),
        (["-nodetach"], "must be detached"),
        (["-nocerts"], "does not hold the signer's certificate"),
        (["-md", "sha1"], "digest that is not taken"),
    ],
)
def test_what_openssl_signs_otherwise_is_refused(
    person: Made, tmp_path: Path, options: Sequence[str], words: str
) -> None:
    with refused(words):
        outside.read(made_by_openssl(person, tmp_path, *options), CONTENT)


def made_by_openssl(
    signer: Made, folder: Path, *options: str, others: Sequence[Made] = ()
) -> bytes:
    outsiders.keep(signer, folder, "signer")
    (folder / "others.pem").write_bytes(outsiders.pem(*(each.certificate for each in others)))
    with_others = ("-certfile", "others.pem") if others else ()
    command = ("cms", "-sign", "-binary", "-signer", "signer.pem", "-inkey", "signer.key")
    return outsiders.openssl(
        *command, "-outform", "DER", *with_others, *options, cwd=folder, stdin=CONTENT
    )


# Trust


def trusted(signer: Made, others: Sequence[Made], root: Made, moment: Any = NOW) -> None:
    signed = Signed(
        certificate=signer.certificate,
        chain=tuple(each.certificate for each in others),
        algorithm=Algorithm.ECDSA,
        digest_algorithm="sha256",
    )
    outside.check_trust(signed, [authority("stranger").certificate, root.certificate], moment)


def test_a_chain_to_one_of_the_roots_is_trusted(person: Made, issuing: Made, root: Made) -> None:
    trusted(person, [issuing], root)
    trusted(person, [root, issuing], root)
    trusted(certify("person", root), [], root)


def test_a_certificate_in_the_middle_may_be_the_root(person: Made, issuing: Made) -> None:
    trusted(person, [], issuing)


def test_a_chain_to_a_ca_that_is_not_trusted_is_refused(issuing: Made, person: Made) -> None:
    other = authority("root")

    with refused("unknown issuer"):
        trusted(person, [issuing], other)


def test_a_root_in_the_container_is_not_trusted_for_being_there(root: Made) -> None:
    other = authority("root")

    with refused("unknown issuer"):
        trusted(certify("person", other), [other], root)


def test_a_chain_with_a_gap_is_refused(person: Made, root: Made) -> None:
    with refused("unknown issuer"):
        trusted(person, [], root)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOW - DAY - timedelta(seconds=1), "the certificate is not valid yet"),
        (NOW + 365 * DAY + timedelta(seconds=1), "the certificate has expired"),
    ],
)
def test_a_certificate_counts_in_its_validity_only(
    person: Made, issuing: Made, root: Made, moment: Any, words: str
) -> None:
    for inside in (NOW - DAY, NOW + 365 * DAY):
        trusted(person, [issuing], root, inside)
    with refused(words):
        trusted(person, [issuing], root, moment)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"last": NOW - timedelta(seconds=1)}, "above it has expired"),
        ({"first": NOW + timedelta(seconds=1)}, "above it is not valid yet"),
        ({"ca": False}, "may not issue certificates"),
        ({"ca": None}, "may not issue certificates"),
        ({"usage": ["digital_signature", "crl_sign"]}, "may not issue certificates"),
        ({"usage": None}, "may not issue certificates"),
        ({"extensions": [("1.2.3.4", b"\x05\x00", True)]}, "critical extension"),
        (
            {"key": WEAK},
            "above it has a key that is not taken",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_ca_that_may_not_issue_is_refused(
    root: Made, changed: dict[str, Any], words: str
) -> None:
    between = authority("issuing", root, **changed)
    signer = certify("person", between)

    with refused(words):
        trusted(signer, [between], root)


def test_a_root_that_has_expired_is_refused() -> None:
    old = authority("root", last=NOW - timedelta(seconds=1))

    with refused("above it has expired"):
        trusted(certify("person", old), [], old)


def test_a_path_longer_than_its_root_allows_is_refused(root: Made, issuing: Made) -> None:
    free = authority("free", root)
    third = authority("third", free)
    signer = certify("person", third)

    with refused("so many CAs below it"):
        trusted(signer, [third, free], root)
    trusted(signer, [third], free)


def test_a_path_without_end_is_refused() -> None:
    top = authority("top")
    path = [authority("ca 0", top)]
    for number in range(1, 12):
        path.append(authority(f"ca {number}", path[-1]))

    with refused("unknown issuer"):
        trusted(certify("person", path[-1]), path, top)
    trusted(certify("person", path[2]), path, top)


def test_certificates_that_issued_each_other_end_nowhere(root: Made) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    one = authority("one", key=key)
    two = authority("two", one)
    again = authority("one", two, key=key)

    with refused("unknown issuer"):
        trusted(certify("person", two), [one, two, again], root)


def test_a_better_of_two_certificates_of_one_ca_is_found(root: Made) -> None:
    old = authority("issuing", root, last=NOW - timedelta(seconds=1))
    renewed = authority("issuing", root, key=old.key)

    trusted(certify("person", old), [old, renewed], root)


@pytest.mark.parametrize("usage", [["digital_signature"], ["content_commitment"]])
def test_either_usage_for_signing_is_enough(issuing: Made, root: Made, usage: list[str]) -> None:
    trusted(certify("person", issuing, usage=usage), [issuing], root)


@pytest.mark.parametrize("usage", [["key_encipherment", "data_encipherment"], None])
def test_a_certificate_that_is_not_for_signing_is_refused(
    issuing: Made, root: Made, usage: list[str] | None
) -> None:
    """CAs issue one certificate for signing and one for encryption (GM/T 0034-2014)."""
    with refused("is not for signing"):
        trusted(certify("person", issuing, usage=usage), [issuing], root)


def test_a_ca_does_not_sign_documents(root: Made) -> None:
    signer = certify("person", root, ca=True, usage=[*outsiders.SIGNING, *outsiders.ISSUING])

    with refused("is a CA's"):
        trusted(signer, [], root)


def test_a_certificate_of_old_make_without_constraints_may_sign(issuing: Made, root: Made) -> None:
    trusted(certify("person", issuing, ca=None), [issuing], root)


def test_a_critical_extension_that_is_not_known_is_refused(issuing: Made, root: Made) -> None:
    unknown = ("1.2.3.4", b"\x05\x00")

    trusted(certify("person", issuing, extensions=[(*unknown, False)]), [issuing], root)
    with refused("critical extension"):
        trusted(certify("person", issuing, extensions=[(*unknown, True)]), [issuing], root)


def test_a_certificate_under_an_unsafe_digest_is_refused(root: Made, tmp_path: Path) -> None:
    """`cryptography` signs no certificate with SHA-1 any more."""
    outsiders.keep(root, tmp_path, "root")
    signer = certify("person", root)
    outsiders.keep(signer, tmp_path, "signer")
    (tmp_path / "usage").write_text("keyUsage=critical,digitalSignature\n")
    request = ("req", "-new", "-key", "signer.key", "-subj", "/CN=person", "-out", "request")
    outsiders.openssl(*request, cwd=tmp_path)
    issue = ("x509", "-req", "-in", "request", "-CA", "root.pem", "-CAkey", "root.key", "-sha1")
    issued = outsiders.openssl(*issue, "-set_serial", "7", "-extfile", "usage", cwd=tmp_path)
    weak = Made(key=signer.key, certificate=x509.load_pem_x509_certificate(issued))

    with refused("no longer safe"):
        trusted(weak, [], root, weak.certificate.not_valid_before_utc)


def test_a_moment_has_a_zone(person: Made, issuing: Made, root: Made) -> None:
    with pytest.raises(ValueError, match="aware"):
        trusted(person, [issuing], root, NOW.replace(tzinfo=None))


# The profile's algorithms


def test_a_party_signs_with_what_its_profile_allows(person: Made) -> None:
    signed = outside.read(container(person), CONTENT)

    outside.check_algorithm(signed, PERSONS)
    with refused("signs with RSA or SM2 here, not with ECDSA"):
        outside.check_algorithm(
            signed, PERSONS.model_copy(update={"algorithms": (Algorithm.RSA, Algorithm.SM2)})
        )


# Whom a certificate names


def printable(value: str) -> bytes:
    return bytes(core.PrintableString(value).dump())


def tagged(tag: int, data: bytes) -> bytes:
    return bytes((tag, len(data))) + data


def subject(rules: PartyRules, *, name: str, number: str, **certificate: Any) -> None:
    made = certify(certificate.pop("common_name", NAME), **certificate)
    outside.check_subject(made.certificate, rules, name=name, number=number)


def test_a_person_is_named_by_common_name_and_number() -> None:
    code = [(IDENTITY_CODE, tagged(0x80, NUMBER.encode()), False)]

    subject(PERSONS, name=NAME, number=NUMBER, extensions=code)
    with refused("the name in the signer's certificate is not the one") as caught:
        subject(PERSONS, name="张三", number=NUMBER, extensions=code)
    assert NAME not in str(caught.value)
    with refused("the number in the signer's certificate is not the one") as caught:
        subject(PERSONS, name=NAME, number="310101199001010008", extensions=code)
    assert NUMBER not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        printable(NUMBER),
        core.UTF8String(NUMBER).dump(),
        core.IA5String(NUMBER).dump(),
        core.BMPString(NUMBER).dump(),
        core.UniversalString(NUMBER).dump(),
        core.VisibleString(NUMBER).dump(),
        core.TeletexString(NUMBER).dump(),
        tagged(0x80, NUMBER.encode()),
        tagged(0x82, NUMBER.encode()),
        tagged(0xA0, printable(NUMBER)),
        tagged(0xA1, core.UTF8String(NUMBER).dump()),
        tagged(0x04, printable(NUMBER)),
        tagged(0x04, NUMBER.encode()),
        tagged(0x30, printable(NUMBER)),
        tagged(0x30, tagged(0x80, NUMBER.encode())),
        tagged(0x31, tagged(0xA0, printable(NUMBER))),
        NUMBER.encode(),
        printable(f" {NUMBER.lower()} "),
    ],
)
def test_the_number_is_read_in_whatever_coding(value: bytes) -> None:
    subject(PERSONS, name=NAME, number=NUMBER, extensions=[(IDENTITY_CODE, value, False)])


@pytest.mark.parametrize(
    "value",
    [
        printable(NUMBER + "1"),
        printable(NUMBER[:-1]),
        printable("3101011990 01010008"),
        printable(""),
        b"",
        tagged(0x30, printable(NUMBER) + printable(NUMBER)),
        tagged(0x04, tagged(0x04, tagged(0x04, tagged(0x04, tagged(0x04, printable(NUMBER)))))),
        core.Integer(310101).dump(),
        core.Null().dump(),
        b"\xff\xfe" + NUMBER.encode(),
    ],
)
def test_a_number_that_differs_at_all_is_refused(value: bytes) -> None:
    with refused("is not the one in the application|cannot be read"):
        subject(PERSONS, name=NAME, number=NUMBER, extensions=[(IDENTITY_CODE, value, False)])


def test_the_number_may_stand_in_the_subject() -> None:
    subject(PERSONS, name=NAME, number=NUMBER, subject=[(SERIAL_NUMBER, NUMBER)])


def test_the_first_place_that_is_there_counts() -> None:
    code = [(IDENTITY_CODE, printable(NUMBER), False)]
    other = [(SERIAL_NUMBER, "310101199001010008")]

    subject(PERSONS, name=NAME, number=NUMBER, subject=other, extensions=code)
    with refused("the number"):
        subject(PERSONS, name=NAME, number=other[0][1], subject=other, extensions=code)


def test_a_certificate_without_a_number_is_refused() -> None:
    with refused("gives no number"):
        subject(PERSONS, name=NAME, number=NUMBER)


def test_a_certificate_without_a_name_is_refused() -> None:
    rules = PERSONS.model_copy(update={"name_in": (ORGANISATION,), "identified_by": ("name",)})

    with refused("gives no name"):
        subject(rules, name=NAME, number=NUMBER)


def test_a_certificate_with_two_names_is_refused() -> None:
    with refused("more than one name"):
        subject(PERSONS, name=NAME, number=NUMBER, subject=[(COMMON_NAME, "李四")])


@pytest.mark.parametrize(
    ("asked", "given"),
    [("name", {"name": NAME, "number": "another"}), ("number", {"name": "另", "number": NUMBER})],
)
def test_only_what_the_profile_asks_is_compared(asked: str, given: dict[str, str]) -> None:
    rules = PERSONS.model_copy(update={"identified_by": (asked,)})

    subject(rules, **given, subject=[(SERIAL_NUMBER, NUMBER)])
    with refused(f"the {asked} in the signer's certificate is not the one"):
        subject(rules, **given | {asked: "另一"}, subject=[(SERIAL_NUMBER, NUMBER)])


def test_an_application_without_a_number_is_nobodys() -> None:
    with refused("the number"):
        subject(PERSONS, name=NAME, number="", subject=[(SERIAL_NUMBER, " ")])


def test_names_are_compared_in_one_normal_form() -> None:
    rules = PERSONS.model_copy(update={"identified_by": ("name",)})

    subject(rules, common_name="José ", name="José", number="")
    with refused("the name"):
        subject(rules, common_name="Jose", name="José", number="")
    with refused("the name"):
        subject(rules, common_name="josé", name="José", number="")


@pytest.mark.parametrize(
    "places",
    [
        {"extensions": [(ORGANISATION_CODE, printable(CODE), False)]},
        {"subject": [(ORGANISATION, ENTERPRISE), (ORGANISATION_IDENTIFIER, CODE)]},
        {"subject": [(ORGANISATION, ENTERPRISE), (SERIAL_NUMBER, CODE.lower())]},
    ],
)
def test_an_enterprise_is_named_by_organisation_and_credit_code(places: dict[str, Any]) -> None:
    certificate = {"common_name": ENTERPRISE} | places

    subject(ENTERPRISES, name=ENTERPRISE, number=CODE, **certificate)
    with refused("the number"):
        subject(ENTERPRISES, name=ENTERPRISE, number=CODE[:-1] + "5", **certificate)


def test_the_organisation_counts_before_the_common_name() -> None:
    """CAs put the person in charge, or the seal's name, into CN."""
    rules = ENTERPRISES.model_copy(update={"identified_by": ("name",)})
    organisation = [(ORGANISATION, ENTERPRISE)]

    subject(rules, common_name="公章", name=ENTERPRISE, number=CODE, subject=organisation)
    with refused("the name"):
        subject(rules, common_name="公章", name="公章", number=CODE, subject=organisation)


# Certificates on their own


def test_a_certificate_file_is_pem_or_der(person: Made) -> None:
    for data in (outsiders.pem(person.certificate), outsiders.der(person.certificate)):
        assert outside.certificates(data) == (person.certificate,)


def test_of_many_certificates_the_signers_comes_first(
    person: Made, issuing: Made, root: Made
) -> None:
    issuers = (root.certificate, issuing.certificate)

    found = outside.certificates(outsiders.pem(*issuers, person.certificate, root.certificate))

    assert found == (person.certificate, *issuers)


def test_a_file_with_two_signers_is_refused(person: Made, rsa_person: Made) -> None:
    with refused("does not tell the signer's"):
        outside.certificates(outsiders.pem(person.certificate, rsa_person.certificate))


def test_a_file_with_more_certificates_than_a_chain_has_is_refused(root: Made) -> None:
    path = [authority("ca", root)]
    for _ in range(outside.MOST_CERTIFICATES):
        path.append(authority("ca", path[-1]))
    certificates = [each.certificate for each in path]

    assert outside.certificates(outsiders.pem(*certificates[:-1]))[0] == certificates[-2]
    with refused("several certificates"):
        outside.certificates(outsiders.pem(*certificates))


def test_a_certificate_file_that_is_too_large_is_refused(person: Made) -> None:
    with refused("the certificate file cannot be read"):
        outside.certificates(outsiders.pem(person.certificate) + bytes(outside.MOST_BYTES))


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_file_with_a_private_key_is_refused(person: Made, encoding: Encoding) -> None:
    key = person.key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
    before = outsiders.pem(person.certificate) if encoding is Encoding.PEM else b""

    with refused("holds a private key: give the certificate alone"):
        outside.certificates(before + key)


def test_a_certificate_with_an_extension_twice_is_refused() -> None:
    """RFC 5280, 4.2."""
    twice = [("1.2.3", b"\5\0", False), ("1.2.4", b"\5\0", False)]
    made = outsiders.der(certify("人", extensions=twice).certificate)
    assert outside.certificates(made)

    with refused("the certificate file cannot be read"):
        outside.certificates(made.replace(b"\6\2\x2a\4", b"\6\2\x2a\3"))


def test_a_certificate_of_a_version_that_there_is_not_is_refused() -> None:
    made = outsiders.der(certify("人").certificate)
    third, fiftieth = b"\xa0\3\2\1\2", b"\xa0\3\2\1\x31"
    assert outside.certificates(made) and third in made
    wrong = made.replace(third, fiftieth)

    with refused("the certificate file cannot be read"):
        outside.certificates(wrong)
    with refused("the certificate file cannot be read"):
        outside.certificates(
            b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n"
            % base64.encodebytes(wrong)
        )


@pytest.mark.parametrize("data", [b"", b"text", b"-----BEGIN CERTIFICATE-----\n", b"\x30\x03\x02"])
def test_a_file_that_is_no_certificate_is_refused(data: bytes) -> None:
    with refused("the certificate file cannot be read"):
        outside.certificates(data)
