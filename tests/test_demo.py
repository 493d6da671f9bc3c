"""The demonstration: what a new user sees first, judged by programs we did not write."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from cryptography import x509
from PIL import Image

from factory.kinds import KINDS
from factory.model import Kind
from factory.ofd.package import opened
from factory.page.proof import plain
from jobs.signer import journal
from jobs.wiring import load_profiles
from tests import judges, ofd_judges

ROOT = Path(__file__).parents[1]
BEYOND_THE_BMP = "姜𬭎"

Document = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the demonstration left its documents, in a path with a space.

    This machine's own signer process, which has none of its keys, is not asked.
    """
    out = tmp_path_factory.mktemp("a demo") / "out"
    environ = {name: text for name, text in os.environ.items() if not name.startswith("FACTORY_")}
    done = subprocess.run(
        [sys.executable, "cli.py", "demo", "--out", str(out)],
        cwd=ROOT,
        env=environ | {"FACTORY_SIGNER": f"unix:{out}/elsewhere"},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def documents(folder: Path) -> list[Document]:
    found: list[Document] = json.loads((folder / "summary.json").read_text("utf-8"))["documents"]
    return found


def test_every_document_of_the_summary_is_there_and_valid(
    folder: Path, documents: list[Document]
) -> None:
    assert len(documents) >= 60
    assert all((folder / doc["file"]).is_file() for doc in documents)
    assert all(doc["verdict"] == verdict(doc) for doc in documents)


def test_all_that_is_sealed_was_signed_for_in_the_journal_of_the_signer_process(
    folder: Path, documents: list[Document]
) -> None:
    told = journal.read(folder / "data" / "signer")
    signed = [each for each in told.entries if each["outcome"] == journal.SIGNED]

    assert (told.broken, told.torn) == (None, 0)
    assert sum(each["count"] for each in signed) >= len(sealed(documents))
    assert {(each["profile"], each["kind"], each["format"]) for each in signed} >= {
        (doc["profile"], doc["kind"], doc["format"]) for doc in sealed(documents)
    }


def verdict(doc: Document) -> str:
    unsealed = "signed" if doc["step"] else "recorded"
    return "valid" if KINDS[Kind(doc["kind"])].SEALED else unsealed


def certificates(documents: list[Document]) -> list[Document]:
    return [doc for doc in documents if doc["kind"] == "certificate"]


def sealed(documents: list[Document]) -> list[Document]:
    return [doc for doc in documents if doc["verdict"] == "valid"]


def of_format(documents: list[Document], fmt: str) -> list[Document]:
    return [doc for doc in documents if doc["format"] == fmt]


def test_links_are_given_for_collected_editions_only(documents: list[Document]) -> None:
    with_link = {doc["state"] for doc in certificates(documents) if doc["link"]}
    without = {doc["state"] for doc in certificates(documents) if not doc["link"]}

    assert with_link == {"collected"}
    assert without == {"superseded", "revoked"}


def test_ofd_certificates_of_both_registers_came_through_their_links(
    documents: list[Document],
) -> None:
    linked = {(doc["profile"], doc["format"]) for doc in certificates(documents) if doc["link"]}

    assert linked >= {
        (name, fmt) for name in ("gansu-constructor", "shanghai-cost-engineer")
        for fmt in ("ofd", "pdf")
    }  # fmt: skip


def test_every_kind_of_document_of_every_register_is_among_them(
    documents: list[Document],
) -> None:
    found = {(doc["profile"], doc["kind"]) for doc in documents}

    for name, versions in load_profiles(None).items():
        rules = versions.all[-1]
        wanted = {
            Kind.CERTIFICATE: True,
            Kind.APPLICATION_FORM: bool(rules.documents.application_forms),
            Kind.ACCEPTANCE_NOTICE: rules.documents.acceptance_notice,
            Kind.FILING_SLIP: rules.application.filing,
            Kind.RENAME_LIST: rules.documents.rename_list,
            Kind.BATCH_REPORT: True,
        }
        assert {kind for kind in Kind if (name, kind.value) in found} == {
            kind for kind, has in wanted.items() if has
        }


def test_a_form_of_every_type_is_among_them(documents: list[Document]) -> None:
    titles = {doc["title"] for doc in documents if doc["kind"] == "application_form"}

    for words in ("初始", "增项", "延续", "注销", "强制注销", "变更", "重新注册"):
        assert any(words in title for title in titles), words


def test_one_of_each_is_on_the_contact_sheet(folder: Path) -> None:
    with Image.open(folder / "contact-sheet.png") as sheet:
        assert sheet.width == 1800
        assert len(sheet.convert("RGB").getcolors(2**24)) > 1000


def test_preflight_finds_nothing_against_archiving_any_of_them(
    folder: Path, documents: list[Document]
) -> None:
    pdfs = of_format(documents, "pdf")

    complaints = judges.preflight([folder / doc["file"] for doc in pdfs])

    assert [found for found in complaints if found] == []


def test_it_ends_with_a_rename_that_reaches_everybody_and_is_proved(folder: Path) -> None:
    renamed = json.loads((folder / "summary.json").read_text("utf-8"))["renamed"]

    assert renamed["done"] == renamed["total"] > 0
    assert (renamed["held"], renamed["missed"]) == (0, 0)
    assert renamed["checked"].startswith("PROVEN: ")
    assert renamed["checked"].endswith("rename/old.pdf: superseded")


def test_the_rename_was_looked_at_before_it_was_confirmed(folder: Path) -> None:
    renamed = json.loads((folder / "summary.json").read_text("utf-8"))["renamed"]

    for name in renamed["pictures"]:
        with Image.open(folder / name) as picture:
            assert picture.width > picture.height > 1000  # two pages side by side
    assert renamed["pictures"]


def test_the_old_certificate_of_the_rename_says_by_what_it_is_superseded(folder: Path) -> None:
    renamed = json.loads((folder / "summary.json").read_text("utf-8"))["renamed"]

    assert renamed["old_file"].startswith("valid; superseded; ")
    for said in (renamed["old_file"], renamed["old_link"]):
        assert "is superseded by edition 2" in said
        assert "企业更名" in said


def test_the_root_that_is_proved_is_the_one_the_sealed_report_prints(folder: Path) -> None:
    renamed = json.loads((folder / "summary.json").read_text("utf-8"))["renamed"]
    proof = json.loads((folder / renamed["proof"]).read_text("utf-8"))

    [report] = renamed["sealed"]
    words = subprocess.run(
        ["pdftotext", str(folder / report), "-"], capture_output=True, text=True, check=True
    ).stdout

    assert proof["root"] in "".join(words.split())


def test_the_story_of_every_register_goes_as_it_is_told(folder: Path) -> None:
    stories = json.loads((folder / "summary.json").read_text("utf-8"))["stories"]

    assert len(stories) == len(list((ROOT / "tests/examples/stories").glob("*.toml")))
    assert [story["faults"] for story in stories] == [[]] * len(stories)
    assert all((folder / story["protocol"]).read_text("utf-8") for story in stories)


def test_documents_of_every_register_are_among_them(documents: list[Document]) -> None:
    assert {doc["profile"] for doc in documents} == set(load_profiles(None))


def test_every_certificate_is_there_in_all_formats_of_its_register(
    documents: list[Document],
) -> None:
    found = {
        (doc["profile"], doc["subject"], doc["revision"]): {
            other["format"]
            for other in certificates(documents)
            if (other["subject"], other["revision"]) == (doc["subject"], doc["revision"])
        }
        for doc in certificates(documents)
    }

    for (profile, _, _), formats in found.items():
        rules = load_profiles(None)[profile].all[-1]
        assert formats == {each.value for each in rules.certificate.formats}
    assert {profile for (profile, _, _), formats in found.items() if "ofd" in formats} == {
        "gansu-constructor", "shanghai-cost-engineer",
    }  # fmt: skip


def test_openssl_ofd_cli_ofdkit_and_the_schemas_accept_every_ofd(
    folder: Path, documents: list[Document]
) -> None:
    ofds = [folder / doc["file"] for doc in of_format(documents, "ofd")]

    assert judges.ofd_faults(*ofds) == ""
    for path in ofds:
        data = path.read_bytes()
        assert ofd_judges.openssl_accepts(data)
        assert ofd_judges.out_of_order(opened(data)) == []
        assert len(judges.ofd_pictures(path, 40)) == 1


def test_the_words_of_an_ofd_are_those_of_its_pdf(folder: Path, documents: list[Document]) -> None:
    for doc in of_format(documents, "ofd"):
        path = folder / doc["file"]
        read = sorted(plain(judges.ofd_text(path.read_bytes())))
        assert read == sorted(plain(judges.text_of(path.with_suffix(".pdf"))))


def test_poppler_qpdf_and_openssl_accept_every_pdf(
    folder: Path, documents: list[Document], tmp_path: Path
) -> None:
    root = folder / "data" / "keyring" / "roots" / "test-root.pem"
    anchor = x509.load_pem_x509_certificate(root.read_bytes())
    pdfs = of_format(documents, "pdf")

    for doc in pdfs:
        path = folder / doc["file"]
        assert "No syntax or stream encoding errors found" in judges.qpdf(path)
        assert set(judges.embedded_fonts(path)) == {"yes"}
    for doc in sealed(pdfs):
        path = folder / doc["file"]
        opinion = judges.pdfsig(path)
        assert "Signature is Valid" in opinion
        assert "Total document signed" in opinion
        assert "Verification successful" in judges.openssl_cms(path.read_bytes(), anchor, tmp_path)


def test_poppler_pyhanko_and_openssl_accept_every_signature_of_every_form(
    folder: Path, documents: list[Document], tmp_path: Path
) -> None:
    parties = folder / "data" / "keyring" / "parties"
    anchors = [
        x509.load_pem_x509_certificate((parties / trust / "test-root.pem").read_bytes())
        for trust in ("applicants", "enterprises")
    ]
    signed = [doc for doc in documents if doc["step"]]

    assert {doc["step"] for doc in signed} == {1, 2}
    assert {doc["profile"] for doc in signed} == {
        "shanghai-constructor", "gansu-constructor", "shanghai-cost-engineer",
    }  # fmt: skip
    for doc in signed:
        path = folder / doc["file"]
        data, opinion = path.read_bytes(), judges.pdfsig(path)
        assert opinion.count("Signature is Valid") == doc["step"]
        assert opinion.rstrip().count("Total document signed") == 1
        found = judges.pyhanko(data, anchors, datetime.now(UTC))
        assert [status.bottom_line for status in found] == [True] * doc["step"]
        for place in range(doc["step"]):
            opinion = judges.openssl_cms(data, anchors, tmp_path, place)
            assert "Verification successful" in opinion


def test_a_name_beyond_the_bmp_can_be_read_back(folder: Path, documents: list[Document]) -> None:
    texts = [judges.text_of(folder / doc["file"]) for doc in of_format(documents, "pdf")]

    assert any(BEYOND_THE_BMP in text for text in texts)


def test_the_code_on_the_page_leads_to_the_verification(
    folder: Path, documents: list[Document], tmp_path: Path
) -> None:
    page = tmp_path / "page"
    judges.run(
        "pdftoppm",
        "-r",
        "150",
        "-png",
        "-singlefile",
        folder / of_format(documents, "pdf")[0]["file"],
        page,
    )

    [code] = zxingcpp.read_barcodes(Image.open(page.with_suffix(".png")))

    assert code.text.startswith("https://verify.example/v/")
    assert len(code.text) == len("https://verify.example/v/") + 20
