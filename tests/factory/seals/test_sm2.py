"""SM2 with SM3, judged beside openssl: what it makes is taken, what it refuses is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gmssl_pyx
import outsiders
import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from outsiders import CONTENT, DAY, DISTID, Made, attributes, certify, container

from factory.errors import SignatureRefusedError
from factory.parties import Algorithm, SigningRules
from factory.seals import outside, sm2

NAME, NUMBER = "张三丰", "31010119900101000X"
RULES = SigningRules().applicant
WITH_SM2 = RULES.model_copy(update={"algorithms": (*RULES.algorithms, Algorithm.SM2)})
SM2_WITH_SM3 = {"algorithm": sm2.SM2_WITH_SM3}
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
PERSON = (
    "keyUsage=critical,digitalSignature,nonRepudiation\n"
    f"1.2.156.10260.4.1.1=ASN1:IMPLICIT:0,PRINTABLESTRING:{NUMBER}\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """A folder where openssl makes keys and certificates."""

    folder: Path

    def certify(self, name: str, extensions: str, issuer: str | None = None) -> Made:
        """An SM2 certificate; without an issuer it issues itself."""
        (self.folder / f"{name}.ext").write_text(extensions)
        self._openssl("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", f"{name}.key")
        request = ("req", "-new", "-key", f"{name}.key", "-sm3", "-sigopt", DISTID)
        names = ("-utf8", "-subj", f"/CN={NAME if name == 'person' else name}")
        self._openssl(*request, *names, "-out", f"{name}.csr")
        by = ("-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key") if issuer else ()
        by = by or ("-signkey", f"{name}.key")
        options = (
            "-sm3",
            "-sigopt",
            DISTID,
            "-vfyopt",
            DISTID,
            "-days",
            "3650" if extensions == CA else "300",
        )
        issue = ("x509", "-req", "-in", f"{name}.csr", *by, *options, "-extfile", f"{name}.ext")
        issued = self._openssl(*issue, "-out", f"{name}.pem") or self.read(f"{name}.pem")
        return Made(key=name, certificate=x509.load_pem_x509_certificate(issued))

    def sign(self, name: str, message: bytes, signer_id: str = DISTID) -> bytes:
        command = ("dgst", "-sm3", "-sign", f"{name}.key", "-sigopt", signer_id)
        return self._openssl(*command, stdin=message)

    def agrees(self, name: str, message: bytes, signature: bytes) -> bool:
        """What openssl says of a signature."""
        (self.folder / "public").write_bytes(
            self._openssl("x509", "-in", f"{name}.pem", "-pubkey", "-noout")
        )
        (self.folder / "signature").write_bytes(signature)
        command = ("dgst", "-sm3", "-verify", "public", "-sigopt", DISTID)
        done = subprocess.run(
            ["openssl", *command, "-signature", "signature"],
            cwd=self.folder,
            input=message,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def _openssl(self, *arguments: object, stdin: bytes = b"") -> bytes:
        return outsiders.openssl(*arguments, cwd=self.folder, stdin=stdin)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(folder=tmp_path_factory.mktemp("sm2"))


@pytest.fixture(scope="module")
def root(workshop: Workshop) -> Made:
    return workshop.certify("root", CA)


@pytest.fixture(scope="module")
def issuing(workshop: Workshop, root: Made) -> Made:
    return workshop.certify("issuing", CA, "root")


@pytest.fixture(scope="module")
def person(workshop: Workshop, issuing: Made) -> Made:
    return workshop.certify("person", PERSON, "issuing")


@pytest.fixture(scope="module")
def point(person: Made) -> bytes:
    found = sm2.public_point(person.certificate)
    assert found is not None
    return found


def refused(words: str) -> pytest.RaisesExc[SignatureRefusedError]:
    return pytest.raises(SignatureRefusedError, match=words)


# The algorithm


def test_sm3_gives_the_standards_example() -> None:
    """GB/T 32905-2016, A.1."""
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"

    assert sm2.sm3(b"abc").hex() == expected


@pytest.mark.parametrize("message", [b"", b"m", CONTENT, bytes(100_000)], ids=len)
def test_what_openssl_signs_is_taken(
    workshop: Workshop, person: Made, point: bytes, message: bytes
) -> None:
    signature = workshop.sign("person", message)

    assert sm2.verify(point, message, signature)
    assert not sm2.verify(point, message + b".", signature)


def test_what_the_library_signs_is_taken_by_openssl_too(tmp_path: Path) -> None:
    public, private = gmssl_pyx.sm2_key_generate()
    point = sm2.UNCOMPRESSED + public

    signature = gmssl_pyx.sm2_sign_sm3_digest(private, sm2.message_digest(point, CONTENT))

    assert sm2.verify(point, CONTENT, signature)
    assert signature_by_openssl(tmp_path, point, signature)


def signature_by_openssl(folder: Path, point: bytes, signature: bytes) -> bool:
    curve = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
    (folder / "public.der").write_bytes(curve + point)
    (folder / "signature").write_bytes(signature)
    command = ("dgst", "-sm3", "-verify", "public.der", "-keyform", "DER", "-sigopt", DISTID)
    said = outsiders.openssl(*command, "-signature", "signature", cwd=folder, stdin=CONTENT)
    return said.strip() == b"Verified OK"


def test_every_changed_byte_is_refused_by_openssl_and_by_us(
    workshop: Workshop, person: Made, point: bytes
) -> None:
    signature = workshop.sign("person", CONTENT)
    places = range(0, len(signature), 5)

    for at in places:
        changed = signature[:at] + bytes((signature[at] ^ 1,)) + signature[at + 1 :]
        assert not sm2.verify(point, CONTENT, changed)
        assert not workshop.agrees("person", CONTENT, changed)
    assert workshop.agrees("person", CONTENT, signature)


def test_another_signer_id_is_another_signature(workshop: Workshop, point: bytes) -> None:
    signature = workshop.sign("person", CONTENT, "distid:somebody")

    assert sm2.verify(point, CONTENT, signature, signer_id=b"somebody")
    assert not sm2.verify(point, CONTENT, signature)


@given(signature=st.binary(max_size=80))
def test_random_bytes_are_no_signature(signature: bytes) -> None:
    public, _ = KEYS

    assert not sm2.verify(sm2.UNCOMPRESSED + public, CONTENT, signature)


KEYS = gmssl_pyx.sm2_key_generate()


def test_numbers_out_of_range_are_no_signature(point: bytes) -> None:
    order = bytes.fromhex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123")
    zero, most = b"\x02\x01\x00", b"\x02\x21\x00" + order

    for r, s in ((zero, zero), (zero, most), (most, zero), (most, most)):
        assert not sm2.verify(point, CONTENT, b"\x30" + bytes((len(r + s),)) + r + s)


@pytest.mark.parametrize(
    "change",
    [
        lambda point: b"",
        lambda point: point[1:],
        lambda point: b"\x02" + point[1:],
        lambda point: point + b"\0",
        lambda point: b"\x04" + bytes(64),
        lambda point: b"\x04" + b"\xff" * 64,
        lambda point: point[:-1] + bytes((point[-1] ^ 1,)),
    ],
)
def test_what_is_no_point_of_the_curve_fits_no_signature(
    workshop: Workshop, point: bytes, change: Any
) -> None:
    signature = workshop.sign("person", CONTENT)

    assert not sm2.verify(change(point), CONTENT, signature)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)]
)
def test_a_certificate_of_another_kind_has_no_such_point(key: Any) -> None:
    assert sm2.public_point(certify("person", key=key).certificate) is None


# Containers


def signed_by(workshop: Workshop, person: Made, **changes: Any) -> bytes:
    given: dict[str, Any] = {
        "digest": sm2.SM3,
        "signed": attributes(digest="sm3"),
        "algorithm": SM2_WITH_SM3,
        "sign": workshop.sign,
    }
    return container(person, **given | changes)


@pytest.mark.parametrize("algorithm", [sm2.SM2_WITH_SM3, sm2.SIGNATURE, sm2.CURVE])
@pytest.mark.parametrize(
    ("outer_type", "content_type"),
    [
        ("1.2.840.113549.1.7.2", "data"),
        ("1.2.156.10197.6.1.4.2.2", "1.2.156.10197.6.1.4.2.1"),
    ],
    ids=["RFC 5652", "GM/T 0010"],
)
def test_an_sm2_container_is_read_under_all_its_names(
    workshop: Workshop, person: Made, algorithm: str, outer_type: str, content_type: str
) -> None:
    digest = attributes(digest="sm3")[1]
    made = signed_by(
        workshop,
        person,
        algorithm={"algorithm": algorithm},
        outer_type=outer_type,
        content_type=content_type,
        signed=[outsiders.attribute("content_type", content_type), digest],
    )

    signed = outside.read(made, CONTENT)

    assert (signed.algorithm, signed.digest_algorithm) == (Algorithm.SM2, "sm3")
    assert signed.certificate == person.certificate
    with refused("another document"):
        outside.read(made, CONTENT + b".")


def test_an_sm2_container_that_holds_its_content_is_refused(
    workshop: Workshop, person: Made
) -> None:
    gm = "1.2.156.10197.6.1.4.2.1"
    signed = [outsiders.attribute("content_type", gm), attributes(digest="sm3")[1]]
    content = core.Any(core.OctetString(CONTENT, explicit=0))

    with refused("must be detached"):
        outside.read(
            signed_by(workshop, person, content_type=gm, signed=signed, attached=content), CONTENT
        )


def test_an_sm2_signature_of_another_key_does_not_fit(workshop: Workshop, person: Made) -> None:
    made = signed_by(workshop, person, sign=lambda _, message: workshop.sign("root", message))

    with refused("does not fit the certificate's key"):
        outside.read(made, CONTENT)


def test_an_sm2_signature_takes_no_other_digest(workshop: Workshop, person: Made) -> None:
    made = signed_by(workshop, person, digest="sha256", signed=attributes())

    with refused("mixes digests"):
        outside.read(made, CONTENT)


def test_sm3_is_for_sm2_alone() -> None:
    signer = certify("person", key=rsa.generate_private_key(65537, 2048))
    made = container(signer, digest=sm2.SM3, signed=attributes(digest="sm3"))

    with refused("mixes digests"):
        outside.read(made, CONTENT)


def test_sm2_is_taken_where_the_profile_allows_it(workshop: Workshop, person: Made) -> None:
    signed = outside.read(signed_by(workshop, person), CONTENT)

    outside.check_algorithm(signed, WITH_SM2)
    with refused("signs with RSA or ECDSA here, not with SM2"):
        outside.check_algorithm(signed, RULES)


# Chains and names


def trusted(signer: Made, others: Sequence[Made], root: Made, moment: Any = None) -> None:
    signed = outside.Signed(
        certificate=signer.certificate,
        chain=tuple(each.certificate for each in others),
        algorithm=Algorithm.SM2,
        digest_algorithm="sm3",
    )
    first = signer.certificate.not_valid_before_utc
    outside.check_trust(signed, [root.certificate], moment or first + DAY)


def test_an_sm2_chain_to_a_root_is_trusted(person: Made, issuing: Made, root: Made) -> None:
    trusted(person, [issuing], root)
    trusted(person, [], issuing)


def test_an_sm2_chain_with_a_gap_or_to_a_stranger_is_refused(
    workshop: Workshop, person: Made, issuing: Made, root: Made
) -> None:
    stranger = workshop.certify("stranger", CA)

    for others, top in (([], root), ([issuing], stranger)):
        with refused("unknown issuer"):
            trusted(person, others, top)


def test_an_sm2_issuer_of_the_same_name_with_another_key_is_refused(
    tmp_path: Path, person: Made, issuing: Made
) -> None:
    twin = Workshop(folder=tmp_path).certify("root", CA)

    with refused("unknown issuer"):
        trusted(person, [issuing], twin)


def test_an_sm2_certificate_counts_in_its_validity_only(
    person: Made, issuing: Made, root: Made
) -> None:
    last = person.certificate.not_valid_after_utc

    trusted(person, [issuing], root, last)
    with refused("has expired"):
        trusted(person, [issuing], root, last + DAY)


def test_an_sm2_person_is_named_as_any_other(person: Made) -> None:
    outside.check_subject(person.certificate, RULES, name=NAME, number=NUMBER)
    with refused("the number"):
        outside.check_subject(person.certificate, RULES, name=NAME, number=NUMBER[:-1] + "1")


def test_an_sm2_certificate_file_is_read(workshop: Workshop, person: Made, issuing: Made) -> None:
    data = workshop.read("issuing.pem") + workshop.read("person.pem")

    assert outside.certificates(data) == (person.certificate, issuing.certificate)
