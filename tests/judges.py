"""Programs we did not write, asked what they think of our files."""

import re
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


def run(*command: str | Path, check: bool = True) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=60, check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def pdfsig(path: Path) -> str:
    """Poppler's opinion of the signatures."""
    return run("pdfsig", "-nocert", path, check=False)


def qpdf(path: Path) -> str:
    """qpdf's opinion of the syntax."""
    return run("qpdf", "--check", path)


def text_of(path: Path) -> str:
    """What poppler reads on the pages."""
    return run("pdftotext", "-layout", path, "-")


def embedded_fonts(path: Path) -> list[str]:
    """The ``emb`` column of pdffonts, a font a row."""
    rows = run("pdffonts", path).splitlines()[2:]
    return [row.split()[-5] for row in rows]


def openssl_cms(data: bytes, root: x509.Certificate, folder: Path) -> str:
    """OpenSSL's opinion of the signature, on the slices the byte range names."""
    found = BYTE_RANGE.search(data)
    assert found is not None
    _, first, second, length = (int(number) for number in found.groups())
    signed = data[:first] + data[second : second + length]
    container = bytes.fromhex(data[first + 1 : second - 1].decode())
    files = {
        "signed.bin": signed,
        "sig.der": der(container),
        "root.pem": root.public_bytes(Encoding.PEM),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return run(
        *("openssl", "cms", "-verify", "-inform", "DER", "-in", folder / "sig.der"),
        *("-content", folder / "signed.bin", "-binary", "-CAfile", folder / "root.pem"),
        *("-purpose", "any", "-out", "/dev/null"),
    )


def der(padded: bytes) -> bytes:
    """Without the padding: cut at the length the outer header gives."""
    count = padded[1] & 0x7F
    return padded[: 2 + count + int.from_bytes(padded[2 : 2 + count], "big")]
