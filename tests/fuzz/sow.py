"""``python -m tests.fuzz.sow``: makes the world and its good files anew; keys are thrown away.

Once is enough.  Whoever makes it anew runs every fuzzer afterwards: kept files are of the world
that they were found in.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterable, Mapping

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image, ImageDraw
from reportlab.pdfgen.canvas import Canvas

from factory.events import example, tabular
from factory.model import Format
from factory.ofd.package import opened
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL
from factory.seals import ses
from jobs import wiring
from jobs.settings import Settings
from storage import testca
from storage.testca import Ended
from tests.factory import victims
from tests.factory.sealing import seal
from tests.factory.seals import test_ses
from tests.factory.victims import NOW, Court
from tests.fuzz.world import CONTENT, SEEDS, WORLD
from tests.studios import studio

WANTED = ("press archived", "reference B-LT", "form signed twice", "form signed once")
Files = Mapping[str, bytes]


def main() -> None:
    """All of it."""
    court = victims.new_court()
    for folder in (WORLD, SEEDS):
        shutil.rmtree(folder, ignore_errors=True)
    WORLD.mkdir()
    for name, data in the_world(court).items():
        (WORLD / name).write_bytes(data)
    everything = {
        "pdf": pdfs(court), "ofd": ofds(court), "cms": containers(court), "tsp": tokens(court),
        "revocation": lists(court), "ses": seals(court), "photo": pictures(),
        "material": materials(), "register": registers(),
    }  # fmt: skip
    for target, files in everything.items():
        (SEEDS / target).mkdir(parents=True)
        for name, data in files.items():
            (SEEDS / target / name).write_bytes(data)


def the_world(court: Court) -> Files:
    roots = court.roots
    small, ca = court.small, court.pdf.ca
    pems: dict[str, Iterable[object]] = {
        "roots": roots,
        "issuers": (small.ca.issuing.certificate,),
        "clocks": (each.root for each in court.authorities),
        "issuing": (ca.issuing.certificate, ca.root.certificate),
        "seal": (court.pdf.p256.signing_cert,),
        "parties": (court.parties.person.root, court.parties.enterprise.root),
        **{field: court.parties.roots[field] for field in (APPLICANT_SIGN, ENTERPRISE_SEAL)},
    }
    lists = (x509.load_der_x509_crl(each) for each in court.material(2, NOW).crls)
    return {f"{name}.pem": _pem(found) for name, found in pems.items()} | {
        "lists.pem": b"".join(each.public_bytes(Encoding.PEM) for each in lists)
    }


def _pem(found: Iterable[object]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in found)  # type: ignore[attr-defined]


def one_page() -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(200, 100))
    canvas.setKeywords("证照标识:1.2.156.3005.2.0")
    canvas.drawString(10, 10, "specimen")
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def pdfs(court: Court) -> Files:
    """Small ones, and of the real ones what they are not: archived, of the long term, forms."""
    fontbook = wiring.load_fonts(Settings.from_env(os.environ).font_dirs)
    real = {each.name: each.data for each in victims.signed_forms(fontbook, court)}
    for each in victims.sealed_pdfs(studio(fontbook), court):
        real.setdefault(each.name, each.data)
    small = {
        "small.pdf": seal(one_page(), court.pdf.p256),
        "small-rsa.pdf": seal(one_page(), court.pdf.rsa),
    }
    return small | {f"{name.replace(' ', '-')}.pdf": real[name] for name in WANTED}


def ofds(court: Court) -> Files:
    once = victims.package(victims.ofd_forging.sealed(court.small, victims.document()))
    first = victims.ofd_forging.sealed(court.small, victims.document(), locking=False)
    twice = victims.ofd_forging.sealed(court.small, first, victims.ofd_forging.SECOND)
    return {
        "small.ofd": once,
        "small-of-two.ofd": victims.package(twice),
        "small-stamped.ofd": court.stamped_later(once, Format.OFD),
    }


def containers(court: Court) -> Files:
    person, enterprise = court.parties.person, court.parties.enterprise
    return {
        "person.der": person.cms(CONTENT),
        "enterprise.der": enterprise.cms(CONTENT),
        "certificate.pem": person.certificate.public_bytes(Encoding.PEM),
    }


def tokens(court: Court) -> Files:
    clock = court.authorities[0]
    request = victims.stamping.asked(CONTENT)
    return {
        "token.der": clock.token(CONTENT, now=NOW),
        "answer.der": clock.answer(request, now=NOW),
    }


def lists(court: Court) -> Files:
    ca, serial = court.pdf.ca, court.pdf.p256.signing_cert.serial_number
    ended = Ended(serial=serial, at=NOW, reason="superseded")
    own = court.pdf.p256.signing_cert
    return {
        "none.crl": testca.revocation_list(ca.issuing, [], now=NOW),
        "one.crl": testca.revocation_list(ca.issuing, [ended], now=NOW),
        "good.ocsp": testca.revocation_answer(ca.issuing, own, None, now=NOW),
        "revoked.ocsp": testca.revocation_answer(ca.issuing, own, ended, now=NOW),
        "lists.pem": x509.load_der_x509_crl(
            testca.revocation_list(ca.issuing, [], now=NOW)
        ).public_bytes(Encoding.PEM),
    }


def seals(court: Court) -> Files:
    """Of version 4 as they are made, and of version 1 as the tests of reading make them."""
    package = victims.package(victims.ofd_forging.sealed(court.small, victims.document()))
    value = next(data for name, data in opened(package).items() if name.endswith("SignedValue.dat"))
    found = {"signature.dat": value, "seal.esl": ses.read_signature(value).seal.der}
    found["old-seal.esl"] = test_ses.old_seal()
    found["old-signature.dat"] = test_ses.old_signature(test_ses.utc_time(NOW))
    return found


def pictures() -> Files:
    grey = Image.linear_gradient("L").resize((120, 160))
    colours = Image.merge("RGB", (grey, grey.rotate(90).resize(grey.size), grey.rotate(180)))
    ImageDraw.Draw(colours).line([(10, 120), (60, 40), (110, 150)], (0, 0, 0), 6)
    clear = colours.convert("RGBA")
    clear.putalpha(grey)
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "colours.jpg": _saved(colours, "JPEG", quality=30),
        "turned.jpg": _saved(colours.rotate(90, expand=True), "JPEG", quality=30, exif=turned),
        "grey.jpg": _saved(grey, "JPEG", quality=30),
        "cmyk.jpg": _saved(colours.convert("CMYK"), "JPEG", quality=30),
        "progressive.jpg": _saved(colours, "JPEG", quality=30, progressive=True),
        "colours.png": _saved(colours.quantize(16), "PNG"),
        "clear.png": _saved(clear.quantize(16), "PNG"),
        "alpha.png": _saved(clear.resize((110, 150)), "PNG", optimize=True),
        "deep.png": _saved(grey.convert("I;16"), "PNG"),
        "bits.png": _saved(grey.convert("1"), "PNG"),
    }


def _saved(picture: Image.Image, kind: str, **how: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **how)
    return target.getvalue()


def materials() -> Files:
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(one_page())) as opened_pdf:
        opened_pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return {"plain.pdf": one_page(), "packed.pdf": target.getvalue()}


def registers() -> Files:
    """A table, and the same as JSON Lines."""
    header = ",".join(each.name for each in tabular.COLUMNS)
    data = example("registration.imported")
    return {
        "header.csv": f"{header}\n{',' * (len(tabular.COLUMNS) - 1)}x\n".encode(),
        "terms.csv": (",".join(each.term for each in tabular.COLUMNS) + "\n").encode(),
        "event.jsonl": json.dumps(data, ensure_ascii=False).encode(),
        "data.jsonl": json.dumps(data["data"], ensure_ascii=False).encode(),
        "batch.json": json.dumps([data, data], ensure_ascii=False).encode(),
    }


if __name__ == "__main__":
    main()
