"""Programs we did not write, asked what they think of our files."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import ofdkit
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")

JAVA = Path("/usr/share/java")  # Debian's
PREFLIGHT = tuple(
    JAVA / f"{name}.jar"
    for name in (
        *("preflight", "pdfbox2", "xmpbox", "fontbox2"),
        *("commons-logging", "javax.activation", "jaxb-api"),
    )
)
OFD_CLI = Path(sys.prefix) / "bin" / "ofd-cli"  # deploy/setup/ofd_cli.sh
PASSED = "[通过]"
#: Rules of PDF/A-1b, the only level preflight knows, that PDF/A-3b does not have: the code and
#: how the complaint begins.
ONLY_IN_A1 = (
    ("1.4.7", "Trailer Syntax error, EmbeddedFile entry"),  # files inside: A-3, 6.8
    ("1.2.9", "Body Syntax error, EmbeddedFile entry"),  # the same, in the file specification
    ("2.1.6", "Invalid graphics object, Invalid version of the ICCProfile"),  # 4.2: A-2 on
    ("2.2.2", "Invalid graphics transparency, Soft Mask"),  # alpha: A-2 on, 6.2.10
    ("4.1.3", "Transparency error, BlendMode value"),  # Multiply, as ink: A-2 on, 6.2.10
    ("3.1.11", "CIDSet entry is missing"),  # may be absent: A-2 on, 6.2.11.4.2
    ("7.11.2", "Error on MetaData, part must be 1"),  # it is 3
)


def run(*command: str | Path, check: bool = True) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, check=False
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


def description(path: Path) -> str:
    """The XMP packet that poppler finds."""
    return run("pdfinfo", "-meta", path)


def embedded_fonts(path: Path) -> list[str]:
    """The ``emb`` column of pdffonts, a font a row."""
    rows = run("pdffonts", path).splitlines()[2:]
    return [row.split()[-5] for row in rows]


def preflight(files: Sequence[Path]) -> list[list[str]]:
    """What PDFBox finds wrong in each file by PDF/A-3b, as far as level 1b goes; one JVM for all.

    "Built to PDF/A-3b rules, checked with preflight minus A-1-only rules": no certification.
    """
    listed = files[0].with_name("preflight.txt")
    listed.write_text("".join(f"{path}\n" for path in files))
    run(
        *("java", "-cp", ":".join(map(str, PREFLIGHT))),
        *("org.apache.pdfbox.preflight.Validator_A1b", "xml", "group", listed),
    )
    report = ElementTree.parse(f"{listed}.preflight.xml").getroot()  # noqa: S314 - its own
    assert [each.get("name") for each in report] == [path.name for path in files]
    return [list(_complaints(each)) for each in report]


def _complaints(report: ElementTree.Element) -> Iterator[str]:
    errors = report.findall("errors/error")
    if report.findtext("isValid") != "true" and not errors:
        yield "".join(report.itertext())
    for error in errors:
        code, details = error.findtext("code", ""), error.findtext("details", "")
        if not any(code == allowed and words in details for allowed, words in ONLY_IN_A1):
            yield f"{code} {details}"


def files_inside(path: Path, folder: Path) -> dict[str, bytes]:
    """The attached files as poppler takes them out."""
    folder.mkdir()
    run("pdfdetach", "-saveall", "-o", folder, path)
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def pyhanko(data: bytes, roots: Sequence[x509.Certificate], moment: datetime) -> list[Any]:
    """pyHanko's status of each signature, by its own difference policy."""
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in roots],
        allow_fetching=False,
        moment=moment,
    )
    reader = PdfFileReader(BytesIO(data))
    return [validate_pdf_signature(each, context) for each in reader.embedded_signatures]


def openssl_cms(
    data: bytes,
    root: x509.Certificate | Sequence[x509.Certificate],
    folder: Path,
    place: int = 0,
) -> str:
    """OpenSSL's opinion of a signature, on the slices its byte range names.

    place: of several signatures, which in the order of the file.
    """
    roots = [root] if isinstance(root, x509.Certificate) else root
    found = BYTE_RANGE.findall(data)[place]
    _, first, second, length = (int(number) for number in found)
    signed = data[:first] + data[second : second + length]
    container = bytes.fromhex(data[first + 1 : second - 1].decode())
    files = {
        "signed.bin": signed,
        "sig.der": der(container),
        "root.pem": b"".join(each.public_bytes(Encoding.PEM) for each in roots),
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


def ofd_cli(*words: str | Path) -> str:
    """What ofd-cli says, without its colours."""
    return re.sub(r"\x1b\[\d*m", "", run(OFD_CLI, *words, check=False))


def ofd_faults(*paths: Path) -> str:
    """What ofd-cli finds against the form of OFDs and their digests; empty: nothing.

    It looks at no signature value.
    """
    said = ofd_cli("check", *paths)
    return "" if said.count(PASSED) == len(paths) and "不合规" not in said else said


def ofd_pictures(path: Path, dpi: int) -> list[Image.Image]:
    """The pages of an OFD as ofd-cli draws them, without seals."""
    folder = path.with_suffix(".pages")
    ofd_cli("render", "--dpi", str(dpi), "--prefix", "page", path, folder)
    files = sorted(folder.glob("*.png"), key=lambda each: (len(each.name), each.name))
    return [Image.open(each).convert("RGB") for each in files]


def ofd_text(data: bytes) -> str:
    """What ofdkit reads on the pages of an OFD."""
    with ofdkit.open(data) as document:
        text = document.text()
        assert document.warnings == []
    return text


def ofd_runs(data: bytes) -> list[ofdkit.TextRun]:
    """Where ofdkit finds which text in an OFD, page by page."""
    with ofdkit.open(data) as document:
        return [run for page in document.pages for run in page.runs]
