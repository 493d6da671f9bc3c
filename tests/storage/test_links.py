"""A link downloads one object under one name until it ends, and nothing in it can be changed."""

import doctest
import hashlib
import re
import shutil
import subprocess
import time
from datetime import timedelta
from email.message import Message
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st

from factory.errors import FieldError, SettingsError
from jobs.settings import Settings
from storage import links
from storage.blobs import Blob, BlobStore
from storage.links import LinkSigner, content_disposition

KEY = "shanghai-constructor/0f3a/001/certificate.pdf"
NAME = "二级建造师注册证书_沪2312016201800057.pdf"
PDF = "application/pdf"
DATA = b"%PDF-1.7 the certificate"


def get(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, retries=False, timeout=10)


def downloaded_name(header: str) -> str | None:
    """The name a browser takes, filename* (RFC 6266 section 4.3), by the standard library."""
    message = Message()
    message["Content-Disposition"] = re.sub(r'filename="[^"]*"; ', "", header)
    return message.get_filename()


@pytest.fixture
def stored(s3: Settings, fresh_bucket: str) -> str:
    """A bucket with one certificate in it."""
    BlobStore.connect(
        endpoint=s3.s3_endpoint,
        region=s3.s3_region,
        key=s3.s3_key,
        secret=s3.s3_secret,
        bucket=fresh_bucket,
    ).put_new(Blob(key=KEY, data=DATA, content_type=PDF, sha256=hashlib.sha256(DATA).hexdigest()))
    return fresh_bucket


def signer(s3: Settings, bucket: str) -> LinkSigner:
    return LinkSigner.connect(
        endpoint=s3.s3_endpoint,
        region=s3.s3_region,
        key=s3.s3_key,
        secret=s3.s3_secret,
        bucket=bucket,
    )


@pytest.fixture
def link(s3: Settings, stored: str) -> str:
    """A link to it that lives a minute."""
    return signer(s3, stored).download_link(
        KEY, filename=NAME, content_type=PDF, expires_in=timedelta(minutes=1)
    )


# --- links


def test_a_link_downloads_the_object_under_its_name(link: str) -> None:
    answer = get(link)

    assert (answer.status, answer.data) == (200, DATA)
    assert answer.headers["Content-Type"] == PDF
    assert answer.headers["Content-Disposition"] == content_disposition(NAME, "certificate")


def test_a_file_with_a_later_proof_is_called_as_the_first_one(s3: Settings, stored: str) -> None:
    """Its key says which step it is; a person's download does not."""
    key = KEY.replace(".pdf", ".1-98cd0dd53e3b96ff.pdf")
    link = signer(s3, stored).download_link(
        key, filename=NAME, content_type=PDF, expires_in=timedelta(minutes=1)
    )

    [said] = parse_qs(urlsplit(link).query)["response-content-disposition"]
    assert said == content_disposition(NAME, "certificate")


def test_no_cache_keeps_a_download(link: str) -> None:
    answer = get(link)

    assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param("certificate.pdf", "certificate.ofd", id="another object"),
        pytest.param("/001/", "/002/", id="another edition"),
        pytest.param("X-Amz-Expires=60", "X-Amz-Expires=61", id="a later end"),
        pytest.param("57.pdf", "58.pdf", id="another file name"),
        pytest.param("application%2Fpdf", "text%2Fhtml", id="another content type"),
        pytest.param("no-store", "max-age%3D9", id="another cache rule"),
    ],
)
def test_an_altered_link_is_refused(link: str, was: str, becomes: str) -> None:
    assert was in link

    answer = get(link.replace(was, becomes))

    assert answer.status == 403


def test_one_digit_of_the_signature_altered_is_refused(link: str) -> None:
    signature = parse_qs(urlsplit(link).query)["X-Amz-Signature"][0]
    other = signature[:-1] + ("0" if signature[-1] != "0" else "1")

    answer = get(link.replace(signature, other))

    assert answer.status == 403


def test_a_link_without_its_signature_is_refused(link: str) -> None:
    answer = get(link.split("?", maxsplit=1)[0])

    assert answer.status == 403


def test_a_link_serves_for_reading_only(link: str) -> None:
    answer = urllib3.request("PUT", link, body=b"other", retries=False)

    assert answer.status == 403
    assert get(link).data == DATA


def test_a_link_that_has_ended_is_refused(s3: Settings, stored: str) -> None:
    short = signer(s3, stored).download_link(
        KEY, filename=NAME, content_type=PDF, expires_in=timedelta(seconds=1)
    )

    time.sleep(2.1)

    assert get(short).status == 403


@pytest.mark.parametrize("life", [timedelta(seconds=1), timedelta(days=7)])
def test_a_link_lives_from_a_second_to_seven_days(s3: Settings, life: timedelta) -> None:
    link = signer(s3, "any").download_link(KEY, filename=NAME, content_type=PDF, expires_in=life)

    assert f"X-Amz-Expires={int(life.total_seconds())}&" in link


@pytest.mark.parametrize("life", [timedelta(seconds=0.9), timedelta(days=7, seconds=1)])
def test_a_shorter_or_longer_life_is_refused(s3: Settings, life: timedelta) -> None:
    with pytest.raises(FieldError, match="1 second to 7 days"):
        signer(s3, "any").download_link(KEY, filename=NAME, content_type=PDF, expires_in=life)


def test_a_link_names_the_address_that_downloaders_see() -> None:
    public = LinkSigner.connect(
        endpoint="https://files.example",
        region="us-east-1",
        key="key",
        secret="top secret",
        bucket="certificates",
    )

    link = public.download_link(
        KEY, filename=NAME, content_type=PDF, expires_in=timedelta(minutes=1)
    )

    assert link.startswith(f"https://files.example/certificates/{KEY}?")
    assert "secret" not in unquote(link)


def test_nothing_is_signed_without_a_key() -> None:
    with pytest.raises(SettingsError, match="FACTORY_S3_KEY"):
        LinkSigner.connect(
            endpoint="https://files.example", region="us-east-1", key="", secret="", bucket="any"
        )


# --- the name of the downloaded file


def test_the_examples_of_the_module_are_true() -> None:
    result = doctest.testmod(links)

    assert result.attempted
    assert not result.failed


def test_another_program_reads_the_chinese_name() -> None:
    header = content_disposition(NAME)

    assert downloaded_name(header) == NAME


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        (NAME, "certificate_2312016201800057.pdf"),
        ("注册申请表_26-01-0000017_2.pdf", "certificate_26-01-0000017_2.pdf"),
        ("证书.pdf", "certificate.pdf"),
        ("证书.证书", "certificate"),
        ("list 1.pdf", "list 1.pdf"),
    ],
)
def test_an_old_program_finds_kind_number_and_extension(name: str, becomes: str) -> None:
    header = content_disposition(name, "certificate")

    assert f'filename="{becomes}";' in header


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_saves_a_download_under_its_kind_and_number(link: str, tmp_path: Path) -> None:
    subprocess.run(["curl", "-sSOJ", link], cwd=tmp_path, timeout=30, check=True)

    [saved] = tmp_path.iterdir()
    assert saved.name == "certificate_2312016201800057.pdf"
    assert saved.read_bytes() == DATA


@given(st.text())
@example('a"; filename="b.exe')
@example("a\r\nSet-Cookie: b=1")
@example("a\u202efdp.exe")
@example("../../etc/passwd")
@example("100%41.pdf")
@example("\ud800")
def test_no_name_breaks_out_of_its_place_in_the_header(name: str) -> None:
    header = content_disposition(name)

    assert re.fullmatch(
        r"attachment; filename=\"[ !#$&-.0-:<-\[\]-~]+\"; filename\*=UTF-8''[A-Za-z0-9%._~-]+",
        header,
    )


@given(st.text())
def test_every_name_stays_below_what_file_systems_allow(name: str) -> None:
    found = downloaded_name(content_disposition(name * 20))

    assert found is not None
    assert 0 < len(found.encode()) <= 200


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=40))
def test_letters_and_digits_of_any_script_stay_as_they_are(stem: str) -> None:
    found = downloaded_name(content_disposition(f"{stem}.pdf"))

    assert found == f"{stem}.pdf"


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("a/b\\c.pdf", "abc.pdf"),
        ("..hidden.pdf", "hidden.pdf"),
        ("a\u202eb\u2066c\u200f.pdf", "abc.pdf"),
        ("a\tb\r\nc\x00.pdf", "abc.pdf"),
        ("沪建 二级.pdf", "沪建 二级.pdf"),
        ("证" * 100 + ".pdf", "证" * 65 + ".pdf"),
        ("\n/..", "document"),
        ("", "document"),
    ],
)
def test_what_could_mislead_is_left_out_of_a_name(name: str, becomes: str) -> None:
    found = downloaded_name(content_disposition(name))

    assert found == becomes
