"""One seal for all ways of making a PDF, and each way as a call: places and words in, file out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from bench import naive
from bench.naive import Fonts
from bench.pages import Backgrounds, Page, page
from bench.tuned import Maker
from factory.pressing import Laid
from factory.seals.signer import SealIdentity
from factory.seals.soft import SoftKey, SoftSigner
from storage import testca

WIDTH_MM = 42.0
WORD = "bench"  #: opens the key's file


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A test seal: as ours hold it, and as the files that developers are usually given.

    picture, pkcs12: files.
    """

    identity: SealIdentity
    key: SoftKey = field(repr=False)
    picture: str
    pkcs12: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the other ways are handed of one certificate.

    laid:  with its places, and its pictures by role.
    page:  the same, spelled out.
    files: role -> where the JPEG lies.
    """

    laid: Laid
    page: Page
    files: Mapping[str, str]


Way = Callable[[Given], bytes]


def seal_in(folder: Path, authority: str, picture: bytes, algorithm: str, now: datetime) -> Seal:
    """A fresh one under a test CA of its own.

    picture:   PNG of the seal.
    algorithm: ``p256`` or ``rsa2048``.
    """
    ca = testca.make_ca(now)
    issued = testca.issue_seal(ca, authority, algorithm=algorithm)
    chain = (ca.issuing.certificate,)
    image, bundle = folder / "seal.png", folder / f"{algorithm}.p12"
    image.write_bytes(picture)
    best = serialization.BestAvailableEncryption(WORD.encode())
    bundle.write_bytes(
        pkcs12.serialize_key_and_certificates(b"seal", issued.key, issued.certificate, chain, best)
    )
    return Seal(
        identity=SealIdentity(
            name=f"bench-{algorithm}",
            signing_cert=issued.certificate,
            chain=chain,
            picture=picture,
            width_mm=WIDTH_MM,
            signer=SoftSigner(issued.key),
            test=True,
        ),
        key=issued.key,
        picture=str(image),
        pkcs12=str(bundle),
    )


class Handed:
    """What the other ways are given of laid documents; pictures become files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._backgrounds = Backgrounds(folder)

    def given(self, laid: Laid) -> Given:
        """Of one certificate."""
        return Given(
            laid=laid,
            page=page(laid.placed, self._backgrounds.of(laid.placed)),
            files={role: self._file(jpeg) for role, jpeg in laid.pictures.items()},
        )

    def _file(self, jpeg: bytes) -> str:
        file = self._folder / f"{sha256(jpeg).hexdigest()[:32]}.jpg"
        if not file.exists():
            file.write_bytes(jpeg)
        return str(file)


def naive_way(seal: Seal, fonts: Fonts) -> Way:
    """Nothing reused: see ``bench.naive``."""

    def make(given: Given) -> bytes:
        naive.register_fonts(fonts, given.page)
        document = naive.draw(given.page, given.laid.pictures)
        signer = naive.load_signer(seal.pkcs12, WORD)
        return naive.sign(seal.picture, given.page, signer, document)

    return make


def tuned_way(seal: Seal, fonts: Fonts) -> Way:
    """All kept: see ``bench.tuned``."""
    maker = Maker(fonts, seal=seal.picture, pkcs12=seal.pkcs12, passphrase=WORD)
    return lambda given: maker.make(given.page, given.files)
