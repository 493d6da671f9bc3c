"""Time stamps of seals for tests: what openssl says of one, and whatever stands in place of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from asn1crypto import cms, core, tsp
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from factory.seals import der
from tests import judges, ofd_judges, stamping
from tests.stamping import NOW, Authority

CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = serial
default_policy = 1.2.3.4
digests = sha1, sha256, sha384, sha512, sm3
signer_digest = sha256
ess_cert_id_alg = sha256
"""


@cache
def authority() -> Authority:
    return stamping.authority()


def token(over: bytes) -> bytes:
    return authority().token(over)


def larger_token(over: bytes, more: int) -> bytes:
    """A token with that many bytes more, and some: an attribute that nobody signed."""
    right = cms.ContentInfo.load(token(over)).copy()
    attribute = {"type": "1.2.3.4", "values": [core.OctetString(bytes(more))]}
    right["content"]["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes([attribute])
    return bytes(right.dump(force=True))


def token_by(digest: str, over: bytes) -> bytes:
    """A token of openssl's with an imprint of that digest; its time is now."""
    stamper = authority().stamper
    with TemporaryDirectory() as folder:
        place = Path(folder)
        key = stamper.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (place / "key.pem").write_bytes(key)
        (place / "tsa.pem").write_bytes(stamper.signing_cert.public_bytes(Encoding.PEM))
        (place / "tsa.cnf").write_text(CONFIGURATION.replace("= serial", f"= {place}/serial"))
        (place / "serial").write_text("01")
        (place / "data").write_bytes(over)
        asked = ("-data", place / "data", f"-{digest}", "-cert", "-out", place / "query")
        judges.run("openssl", "ts", "-query", *asked)
        signer = ("-signer", place / "tsa.pem", "-inkey", place / "key.pem")
        made = ("-config", place / "tsa.cnf", "-queryfile", place / "query", *signer)
        judges.run("openssl", "ts", "-reply", *made, "-token_out", "-out", place / "token")
        return (place / "token").read_bytes()


def openssl_takes(token: bytes, over: bytes) -> bool:
    """Whether ``openssl ts -verify`` takes a token for one over these bytes."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "token").write_bytes(token)
        (place / "data").write_bytes(over)
        (place / "root.pem").write_bytes(authority().root.public_bytes(Encoding.PEM))
        files = ("-data", place / "data", "-in", place / "token", "-token_in")
        trust = ("-CAfile", place / "root.pem", "-attime", str(int(NOW.timestamp())))
        said = judges.run("openssl", "ts", "-verify", *files, *trust, check=False)
    return "Verification: OK" in said


def openssl_takes_stamps_of(package: Path) -> bool:
    """Whether each seal of an OFD has a time stamp that openssl takes, over its signature."""
    with ZipFile(package) as members:
        values = [members.read(each) for each in members.namelist() if each.endswith(".dat")]
    return bool(values) and all(openssl_takes(*slices(value)) for value in values)


def slices(value: bytes) -> tuple[bytes, bytes]:
    """Token and signature of one SignedValue.dat, as its bytes lie there."""
    *_, signature, stamp = ofd_judges.parts(value)
    [bits] = ofd_judges.parts(stamp)
    return ofd_judges.content(bits)[1:], ofd_judges.content(signature)[1:]


def _answer(over: bytes) -> bytes:
    right = cms.ContentInfo.load(token(over))
    answer = {"status": {"status": "granted"}, "time_stamp_token": right}
    return bytes(tsp.TimeStampResp(answer).dump())


def _said(over: bytes) -> bytes:
    said = cms.ContentInfo.load(token(over))["content"]["encap_content_info"]
    return bytes(said["content"].contents)


def _other_content(over: bytes) -> bytes:
    right = cms.ContentInfo.load(token(over)).copy()
    right["content"]["encap_content_info"]["content_type"] = "data"
    right["content"]["encap_content_info"]["content"] = core.ParsableOctetString(over)
    return bytes(right.dump(force=True))


#: what is no time stamp over some bytes, and what is said of it
WRONG: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "over another signature": (lambda over: token(over + b"\0"), "another signature"),
    "over the signature's digest": (lambda over: token(sha256(over).digest()), "another signature"),
    "over nothing": (lambda _: token(b""), "another signature"),
    "of a weak digest": (partial(token_by, "sha1"), "not known"),
    "nothing": (lambda _: b"", "is none"),
    "some bytes": (lambda _: b"a token", "is none"),
    "the signature": (lambda over: over, "is none"),
    "an answer": (_answer, "is none"),
    "what the token says": (_said, "is none"),
    "another thing signed": (_other_content, "is none"),
    "cut off": (lambda over: token(over)[:-1], "is none"),
    "half": (lambda over: token(over)[:500], "is none"),
    "with a byte behind": (lambda over: token(over) + b"\0", "is none"),
    "twice": (lambda over: token(over) * 2, "is none"),
    "of other bits": (lambda over: der.bits(token(over)), "is none"),
}

#: of tokens: where a length of one more byte begins, in the token's own element, in what holds it
LENGTHS = [near + less for near in (128, 256, 65536) for less in range(-10, 2)]
