"""What is wrong with what was asked is told beside its field, with what to do about it."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import TooManyError
from jobs import desk
from portal import chosen, failing
from portal.chosen import Shape
from tests.plants import WHO
from tests.portal.doors import Door, approve
from tests.portal.test_portal_verifying import NOTHING_LIKE_IT, code, file, hand_over, said

WHOLE_PDF = b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n"


def packed(*names: str) -> bytes:
    """A ZIP with these members."""
    found = BytesIO()
    with ZipFile(found, "w", ZIP_DEFLATED) as package:
        for each in names:
            package.writestr(each, "x" * 100)
    return found.getvalue()


WHOLE_OFD = packed("OFD.xml", "Doc_0/Document.xml")


def summary(answer: httpx.Response) -> list[tuple[str, str]]:
    """What stands first: the field that each fault leads to, and what is said of it."""
    [first] = re.findall(r'<div class="summary".*?</div>', answer.text, re.DOTALL)
    assert "hidden" not in first.partition(">")[0] and 'role="alert"' in first
    return re.findall(r'<a href="#(\w+)">(.*?)</a>', first)


def beside(answer: httpx.Response, field: str) -> str:
    """What is said beside a field, which names it as its description."""
    [tag] = re.findall(rf'<input[^>]* id="{field}"[^>]*>', answer.text)
    [fault] = re.findall(rf'id="{field}-fault"(.*?)</p>', answer.text)
    if "hidden" in fault:
        assert "aria-invalid" not in tag and "-fault" not in tag
        return ""
    assert 'aria-invalid="true"' in tag and f"{field}-fault" in tag
    [words] = re.findall(r'class="said">(.*?)</span>', fault)
    return str(words)


# --- fields -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "typed", "faults"),
    [
        ("", "", [("number", "请填写注册编号"), ("code", "请填写验证码")]),
        ("沪1", " ", [("code", "请填写验证码")]),
        (" ", NOTHING_LIKE_IT, [("number", "请填写注册编号")]),
        ("沪1", "0000", [("code", "验证码是 20 位字母和数字，没有 U，请对照证书检查")]),
        ("1" * 65, "0000", [("number", "注册编号最多 64 个字符")]),
        ("沪1", "0" * 65, [("code", "验证码最多 64 个字符")]),
    ],
)
def test_each_fault_stands_first_and_beside_its_field(
    door: Door, number: str, typed: str, faults: list[tuple[str, str]]
) -> None:
    answer = httpx.post(f"{door.url}/verify", data={"number": number, "code": typed})

    assert answer.status_code == 422
    assert "<title>有误：" in answer.text
    assert summary(answer) == faults
    for field in ("number", "code"):
        assert beside(answer, field) == dict(faults).get(field, "")


def test_what_was_right_need_not_be_typed_again(door: Door) -> None:
    answer = httpx.post(f"{door.url}/verify", data={"number": "", "code": "abcde 12345"})

    assert 'value="abcde 12345"' in answer.text


def test_a_form_without_faults_says_nothing_of_any(door: Door) -> None:
    answer = httpx.get(f"{door.url}/verify")

    assert [beside(answer, each) for each in ("number", "code", "file")] == ["", "", ""]
    assert "<title>电子证书查验" in answer.text


def test_a_code_too_long_in_an_address_is_told_beside_the_code(door: Door) -> None:
    answer = httpx.get(f"{door.url}/v/{'0' * 65}")

    assert (answer.status_code, summary(answer)) == (422, [("code", "验证码最多 64 个字符")])


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/collect/" + "x" * 129, "网址中的链接最多 128 个字符"),
        ("/collect/x/file?format=doc", "网址中的文件格式没有这一种"),
        ("/collect/a%E2%80%AEb", "网址中的链接不符合要求"),
    ],
)
def test_an_address_that_is_wrong_says_what_of_it_is(door: Door, path: str, fault: str) -> None:
    answer = httpx.get(door.url + path)

    assert (answer.status_code, said(answer)) == (422, "网址有误")
    assert f"<li>{fault}</li>" in answer.text


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["", "证书.pdf"])
def test_an_empty_file_and_none_are_two_things(door: Door, named: str) -> None:
    """A browser sends an empty part without a name where nothing was chosen."""
    part = f'Content-Disposition: form-data; name="file"; filename="{named}"'.encode()
    body = b"--x\r\n" + part + b"\r\nContent-Type: application/pdf\r\n\r\n\r\n--x--\r\n"
    answer = httpx.post(
        f"{door.url}/verify/file",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    words = chosen.EMPTY if named else chosen.NONE
    assert (answer.status_code, summary(answer)) == (422, [("file", words)])
    assert beside(answer, "file") == words


@pytest.mark.parametrize("body", [{}, {"file": "no file"}])
def test_a_form_without_a_file_asks_for_one(door: Door, body: dict[str, str]) -> None:
    answer = httpx.post(f"{door.url}/verify/file", data=body)

    assert (answer.status_code, summary(answer)) == (422, [("file", chosen.NONE)])


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (b"hello", "不是 PDF 或 OFD 文件"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "不是 PDF 或 OFD 文件"),
        (packed("word/document.xml"), "不是 PDF 或 OFD 文件"),
        (b"%PDF-1.7\n", "文件不完整"),
        (b"PK\x03\x04" + bytes(40), "文件不完整"),
        (WHOLE_OFD[:-30], "文件不完整"),
        (WHOLE_PDF, "不是本机关签发的文件"),
        (WHOLE_OFD, "不是本机关签发的文件"),
    ],
)
def test_of_a_file_that_is_not_ours_the_visitor_hears_why(
    door: Door, data: bytes, title: str
) -> None:
    answer = hand_over(door, data)

    assert (answer.status_code, said(answer)) == (200, title)


def test_a_certificate_cut_short_is_not_called_whole_nor_good(door: Door) -> None:
    number = approve(door)
    desk.collect(door.plant, number, who=WHO)
    data = file(door, number)

    heard = {said(hand_over(door, data[: len(data) * part // 10])) for part in (1, 5, 9)}

    assert heard <= {"文件不完整", "文件已被改动"}
    assert "文件不完整" in heard


@pytest.mark.parametrize("more", [1, 100_000])
def test_a_file_too_large_is_told_beside_the_field_with_how_large_it_may_be(
    door: Door, more: int
) -> None:
    answer = hand_over(door, bytes(chosen.MOST_FILE_BYTES + more))

    assert answer.status_code == 413
    assert beside(answer, "file") == chosen.too_large(chosen.MOST_FILE_BYTES)
    assert "最大 4 MB" in answer.text


def test_a_file_as_large_as_may_be_is_looked_at(door: Door) -> None:
    assert hand_over(door, bytes(chosen.MOST_FILE_BYTES)).status_code == 200


def test_a_form_too_large_says_what_to_do(door: Door) -> None:
    answer = httpx.post(f"{door.url}/verify", data={"number": "x" * 70_000})

    assert (answer.status_code, said(answer)) == (413, "提交的内容太大")
    assert "请返回上一页" in answer.text


@pytest.mark.parametrize("whole", [WHOLE_PDF, WHOLE_OFD])
def test_a_whole_document_is_known_by_both_its_ends(whole: bytes) -> None:
    assert chosen.shape(whole) is None
    assert chosen.shape(b"\n" + whole) is (None if whole is WHOLE_PDF else Shape.NEITHER)
    assert chosen.shape(whole + bytes(1023 - 6)) is None
    assert chosen.shape(whole[: len(whole) // 2]) is Shape.CUT


@given(st.binary())
def test_any_bytes_have_a_shape_or_none(data: bytes) -> None:
    assert (chosen.shape(data) is Shape.NEITHER) >= (b"%PDF-" not in data and data[:2] != b"PK")


# --- too often --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "请等 1 秒"), (42, "请等 42 秒"), (60, "请等 60 秒"), (61, "请等 2 分钟")],
)
def test_whoever_has_to_wait_hears_how_long(seconds: int, words: str) -> None:
    error = TooManyError("x", again_after=timedelta(seconds=seconds))

    answer = failing.of_failure(
        {"type": "http", "path": "/verify", "headers": []}, error, request="r"
    )

    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(seconds))
    assert words in bytes(answer.body).decode()
    assert 'href="/verify"' in bytes(answer.body).decode()


# --- addresses --------------------------------------------------------------------------------


def test_a_slash_too_many_leads_to_the_same_certificate(door: Door) -> None:
    scanned = code(door, approve(door))

    answer = httpx.get(f"{door.url}/v/{scanned}/")

    assert (answer.status_code, answer.headers["location"]) == (308, f"/v/{scanned}")
    assert said(httpx.get(f"{door.url}/v/{scanned}/", follow_redirects=True)) == "未领证"


@pytest.mark.parametrize("path", ["/v//evil.example/", "/v/%2F%2Fevil.example/", "/v/a%0d%0ab/"])
def test_a_slash_too_many_leads_nowhere_else(door: Door, path: str) -> None:
    answer = httpx.get(door.url + path)

    assert answer.status_code in {308, 404}
    assert answer.headers.get("location", "/v/").startswith("/v/")
    assert "\r" not in answer.headers.get("location", "")


@pytest.mark.parametrize("path", ["/verify/", "/trust/"])
def test_other_pages_are_found_with_a_slash_too(door: Door, path: str) -> None:
    assert httpx.get(door.url + path).headers["location"] == path.rstrip("/")


def test_where_there_is_no_page_one_can_still_go_on_to_verify(door: Door) -> None:
    assert '<a href="/verify">' in httpx.get(f"{door.url}/nosuch").text
    assert httpx.get(f"{door.url}/trust/{'0' * 63}.cer").status_code == 404


def test_what_is_unknown_is_no_fault(door: Door) -> None:
    answer = httpx.post(f"{door.url}/verify", data={"number": "x", "code": NOTHING_LIKE_IT})

    assert (answer.status_code, said(answer)) == (200, "查无此证")
