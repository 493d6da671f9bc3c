"""SM2 keys out of files, and two libraries and a third that agree on what they sign."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import gmalg
import outsiders
import pytest
from asn1crypto import core, pem
from hypothesis import given
from hypothesis import strategies as st
from outsiders import CONTENT, DISTID
from seal_making import authority_ca, identity

from factory.errors import SettingsError
from factory.seals import pkcs8, sm2, sm2_soft
from factory.seals.sm2_soft import Sm2SoftSigner, fits_certificate

PASSPHRASE = b"correct horse"
SECRET = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
POINT = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)  #: GB/T 32918.5-2017, A.2
EC = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2")
BACKENDS = ("gmssl", "libcrypto")
DIGESTS = [hashlib.sha256(bytes((n,))).digest() for n in range(200)]


def made_by_openssl(folder: Path, *algorithm: str, how: tuple[str, ...] = ()) -> bytes:
    """An encrypted key file; the key itself lies beside it."""
    outsiders.openssl("genpkey", *algorithm, "-out", "key.pem", cwd=folder)
    options = ("-topk8", "-in", "key.pem", "-passout", f"pass:{PASSPHRASE.decode()}")
    return outsiders.openssl("pkcs8", *options, *how, cwd=folder)


def file_of(info: bytes) -> bytes:
    return pkcs8.encrypted(info, PASSPHRASE, salt=bytes(16), iv=bytes(16), iterations=1)


def refused(words: str) -> pytest.RaisesExc[SettingsError]:
    return pytest.raises(SettingsError, match=words)


# Key files


@pytest.mark.parametrize("algorithm", [EC, ("-algorithm", "SM2")], ids=["EC", "SM2"])
@pytest.mark.parametrize(
    "how",
    [
        (),
        ("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"),
        ("-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"),
        ("-v2", "sm4-cbc"),
        ("-outform", "DER"),
    ],
    ids=" ".join,
)
def test_a_key_file_of_openssl_opens(
    tmp_path: Path, algorithm: tuple[str, ...], how: tuple[str, ...]
) -> None:
    signer = Sm2SoftSigner(made_by_openssl(tmp_path, *algorithm, how=how), PASSPHRASE)

    public = outsiders.openssl("pkey", "-in", "key.pem", "-pubout", "-outform", "DER", cwd=tmp_path)
    assert public.endswith(signer.point)


def test_openssl_opens_a_key_file_that_is_written_here(tmp_path: Path) -> None:
    (tmp_path / "key.p8").write_bytes(file_of(pkcs8.private_key_info(SECRET, POINT)))

    options = ("-in", "key.p8", "-passin", f"pass:{PASSPHRASE.decode()}", "-pubout")
    public = outsiders.openssl("pkey", *options, "-outform", "DER", cwd=tmp_path)

    assert public == pkcs8.public_key_info(POINT)


def test_a_key_under_sm3_and_sm4_opens_as_gmssl_and_gmt_0091_write_it() -> None:
    """GM/T 0091-2020; the file is built with the two names that HMAC-SM3 goes by."""
    for prf in ("1.2.156.10197.1.401.2", "1.2.156.10197.1.401.3.1"):
        parameters = (bytes(8), 9, prf, "1.2.156.10197.1.104.2", bytes(16))
        cipher = pkcs8._cipher(parameters, PASSPHRASE).encryptor()
        info = pkcs8.private_key_info(SECRET, POINT)
        padded = info + bytes((16 - len(info) % 16,)) * (16 - len(info) % 16)
        data = scheme(prf=prf, cipher="1.2.156.10197.1.104.2", hidden=cipher.update(padded))

        assert Sm2SoftSigner(data, PASSPHRASE).point == POINT


def test_a_key_file_without_its_public_half_gives_it_all_the_same() -> None:
    data = file_of(private_key_info(core.OctetString(key_only(SECRET)).dump()))

    assert Sm2SoftSigner(data, PASSPHRASE).point == POINT


def test_a_key_file_whose_halves_do_not_fit_is_refused() -> None:
    other = sm2.public_of(bytes(31) + b"\x05")

    with refused("halves do not fit"):
        Sm2SoftSigner(file_of(pkcs8.private_key_info(SECRET, other)), PASSPHRASE)


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32], ids=["zero", "above n"])
def test_a_number_that_is_no_private_key_is_refused(secret: bytes) -> None:
    with refused("no private key of that curve"):
        Sm2SoftSigner(file_of(pkcs8.private_key_info(secret, POINT)), PASSPHRASE)


def test_another_passphrase_is_refused_and_not_told() -> None:
    data = file_of(pkcs8.private_key_info(SECRET, POINT))

    with refused("passphrase is another") as caught:
        Sm2SoftSigner(data, b"battery staple")

    assert "battery" not in str(caught.value)


def test_a_key_that_is_not_encrypted_is_refused(tmp_path: Path) -> None:
    plain = outsiders.openssl("genpkey", *EC, cwd=tmp_path)

    with refused("not encrypted PKCS#8"):
        Sm2SoftSigner(plain, PASSPHRASE)
    with refused("PKCS#8"):
        Sm2SoftSigner(pem.unarmor(plain)[2], PASSPHRASE)


def test_a_key_of_another_curve_is_refused(tmp_path: Path) -> None:
    p256 = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")

    with refused("another kind"):
        Sm2SoftSigner(made_by_openssl(tmp_path, *p256), PASSPHRASE)


@pytest.mark.parametrize(
    ("how", "named"),
    [
        (("-v2", "des3"), "encrypted with 1.2.840.113549.3.7"),
        (("-scrypt",), "derives its key with 1.3.6.1.4.1.11591.4.11"),
        (("-v1", "PBE-SHA1-3DES"), "encrypted with 1.2.840.113549.1.12.1.3"),
    ],
    ids=["3DES", "scrypt", "PBES1"],
)
def test_a_cipher_that_is_not_taken_is_named(
    tmp_path: Path, how: tuple[str, ...], named: str
) -> None:
    with refused(named):
        Sm2SoftSigner(made_by_openssl(tmp_path, *EC, how=how), PASSPHRASE)


def test_a_file_that_asks_for_rounds_without_end_is_refused() -> None:
    with refused("rounds"):
        Sm2SoftSigner(scheme(iterations=10**8), PASSPHRASE)


@given(st.data())
def test_a_damaged_key_file_is_refused_in_words(data: st.DataObject) -> None:
    whole = pem.unarmor(file_of(pkcs8.private_key_info(SECRET, POINT)))[2]
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes((data.draw(st.integers(0, 255)),)) + whole[place + 1 :]

    try:
        signer = Sm2SoftSigner(changed, PASSPHRASE)
    except SettingsError:
        return
    assert signer.point == POINT


# Signing


def test_the_public_key_is_the_standards_example() -> None:
    assert sm2.public_of(SECRET) == POINT


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_library_takes_what_the_other_signs(backend: str) -> None:
    signer = Sm2SoftSigner.of(SECRET, backend=backend)

    signatures = signer.sign_digests(DIGESTS)

    for judge in sm2.backends().values():
        pairs = list(zip(DIGESTS, signatures, strict=True))
        assert all(judge.fits(POINT, digest, signature) for digest, signature in pairs)
        assert not any(judge.fits(POINT, digest[::-1], signature) for digest, signature in pairs)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_library_refuses_what_is_no_signature(backend: str) -> None:
    judge = sm2.backends()[backend]
    [signature] = Sm2SoftSigner.of(SECRET).sign_digests(DIGESTS[:1])

    for bytes_ in (
        b"",
        b"\0" * 72,
        signature[:-1],
        signature + b"\0",
        b"0\x06\x02\x01\0\x02\x01\0",
    ):
        assert not judge.fits(POINT, DIGESTS[0], bytes_)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_implementation_in_python_agrees(backend: str) -> None:
    """gmalg computes Z and e itself, from the message."""
    signer = Sm2SoftSigner.of(SECRET, backend=backend)
    oracle = gmalg.SM2(uid=sm2.SIGNER_ID, pk=POINT)

    for n in range(20):
        message = bytes((n,)) * n
        [signature] = signer.sign_digests([sm2.message_digest(POINT, message)])
        r, s = core.SequenceOf.load(signature, spec=core.Integer).native
        assert oracle.verify(message, r.to_bytes(32, "big"), s.to_bytes(32, "big"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_openssl_agrees(tmp_path: Path, backend: str) -> None:
    (tmp_path / "public").write_bytes(pem.armor("PUBLIC KEY", pkcs8.public_key_info(POINT)))
    signer = Sm2SoftSigner.of(SECRET, backend=backend)
    [signature] = signer.sign_digests([sm2.message_digest(POINT, CONTENT)])
    (tmp_path / "signature").write_bytes(signature)

    command = ("dgst", "-sm3", "-verify", "public", "-sigopt", DISTID, "-signature", "signature")
    done = subprocess.run(["openssl", *command], cwd=tmp_path, input=CONTENT, check=False)

    assert done.returncode == 0


def test_no_two_signatures_are_the_same() -> None:
    """Neither library takes k from outside."""
    assert len(set(Sm2SoftSigner.of(SECRET).sign_digests(DIGESTS[:1] * 9))) == 9


def test_gmssl_signs_where_it_is_and_libcrypto_where_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sm2_soft.backends() == BACKENDS

    monkeypatch.setattr("factory.seals.gmssl.gmssl_pyx", None)
    sm2.backends.cache_clear()
    try:
        assert sm2_soft.backends() == ("libcrypto",)
        [signature] = Sm2SoftSigner.of(SECRET).sign_digests(DIGESTS[:1])
        with refused("no library"):
            Sm2SoftSigner.of(SECRET, backend="gmssl")
    finally:
        sm2.backends.cache_clear()
    assert sm2.fits(POINT, DIGESTS[0], signature)


def test_without_any_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory.seals.sm2_soft.sm2.backends", dict)

    with refused("install"):
        Sm2SoftSigner.of(SECRET)


def test_a_key_is_tried_against_its_certificate() -> None:
    assert fits_certificate(identity().signer, identity().signing_cert)
    assert not fits_certificate(identity().signer, authority_ca().maker.certificate)


def test_a_certificate_of_another_algorithm_fits_no_sm2_key() -> None:
    assert not fits_certificate(identity().signer, outsiders.certify("p256").certificate)


# Building odd files


def scheme(
    *,
    prf: str = "1.2.840.113549.2.9",
    cipher: str = "2.16.840.1.101.3.4.1.42",
    iterations: int = 9,
    hidden: bytes = bytes(16),
) -> bytes:
    """A key file of parts; made by asn1crypto."""
    kdf = sequence(
        core.OctetString(bytes(8)), core.Integer(iterations), algorithm(prf, core.Null())
    )
    pbes2 = sequence(
        algorithm("1.2.840.113549.1.5.12", kdf), algorithm(cipher, core.OctetString(bytes(16)))
    )
    return sequence(algorithm("1.2.840.113549.1.5.13", pbes2), core.OctetString(hidden)).dump()


def private_key_info(key: bytes) -> bytes:
    kind = algorithm("1.2.840.10045.2.1", core.ObjectIdentifier("1.2.156.10197.1.301"))
    return sequence(core.Integer(0), kind, core.OctetString.load(key)).dump()


def key_only(secret: bytes) -> bytes:
    """ECPrivateKey without the public half, which RFC 5915 lets one leave out."""
    return sequence(core.Integer(1), core.OctetString(secret)).dump()


def algorithm(oid: str, parameters: core.Asn1Value) -> core.Asn1Value:
    return sequence(core.ObjectIdentifier(oid), parameters)


def sequence(*parts: core.Asn1Value) -> core.Asn1Value:
    made = core.SequenceOf(spec=core.Any)
    for part in parts:
        made.append(core.Any(part))
    return made
