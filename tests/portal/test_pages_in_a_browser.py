"""The pages as people meet them: in a browser, on a desk and on a phone, without scripts too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from sqlalchemy import select, update

from factory import specimen
from jobs import collecting, desk
from portal import chosen as chosen_files
from storage import tables as t
from tests.plants import WHO
from tests.portal.browsing import DESK, PHONE, barriers, browser, overflows, tab
from tests.portal.doors import Door, accepted, approve, hand_in
from tests.portal.test_portal_verifying import NOTHING_LIKE_IT, code, file


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with tab(chromium) as found:
        yield found


@pytest.fixture
def seed(door: Door) -> int:
    return next(door.seeds)


@pytest.fixture
def made(door: Door, seed: int) -> str:
    """A certificate that waits to be collected; its registration number."""
    return approve(door, seed, enterprise=seed)


@pytest.fixture
def number(door: Door, made: str) -> str:
    """One that is collected."""
    desk.collect(door.plant, made, who=WHO)
    return made


def link(door: Door, number: str) -> str:
    return collecting.link(door.plant, number, who=WHO).url


# --- verifying --------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False])
def test_number_and_code_are_typed_and_the_status_stands_first(
    door: Door, chromium: Browser, number: str, scripts: bool
) -> None:
    with tab(chromium, java_script_enabled=scripts) as page:
        page.goto(f"{door.url}/verify")
        page.get_by_label("注册编号").fill(number)
        page.get_by_label("验证码").fill(code(door, number).lower())
        page.get_by_role("button", name="查验", exact=True).click()

        expect(page.get_by_role("heading", level=1)).to_have_text("有效")
        expect(page.get_by_text(number)).to_be_visible()


def test_a_chosen_file_stays_on_the_visitors_machine(
    door: Door, page: Page, number: str, tmp_path: Path
) -> None:
    chosen = tmp_path / "证书.pdf"
    chosen.write_bytes(file(door, number))
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)

    page.goto(f"{door.url}/verify")
    page.get_by_label("证书文件").set_input_files(chosen)
    page.get_by_role("button", name="查验文件").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("有效")
    [asked] = sent
    assert asked.url.endswith("/verify/digest")
    assert len(asked.post_data_buffer or b"") < 100


def test_without_scripts_the_visitor_is_told_that_the_file_is_sent(
    door: Door, chromium: Browser, number: str, tmp_path: Path
) -> None:
    chosen = tmp_path / "证书.pdf"
    chosen.write_bytes(file(door, number))
    with tab(chromium, java_script_enabled=False) as page:
        page.goto(f"{door.url}/verify")
        expect(page.get_by_text("文件将上传后检查")).to_be_visible()
        page.get_by_label("证书文件").set_input_files(chosen)
        page.get_by_role("button", name="查验文件").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("有效")


def test_a_changed_file_is_sent_only_when_the_visitor_says_so(
    door: Door, page: Page, number: str, tmp_path: Path
) -> None:
    data = bytearray(file(door, number))
    data[len(data) // 2] ^= 1
    chosen = tmp_path / "改.pdf"
    chosen.write_bytes(data)

    page.goto(f"{door.url}/verify")
    page.get_by_label("证书文件").set_input_files(chosen)
    page.get_by_role("button", name="查验文件").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("登记库中没有这个文件")

    page.get_by_label("证书文件").set_input_files(chosen)
    page.get_by_role("button", name="上传并检查").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("文件已被改动")


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_missing_is_told_first_has_the_focus_and_leads_to_its_field(
    door: Door, chromium: Browser, scripts: bool
) -> None:
    with tab(chromium, java_script_enabled=scripts, viewport=PHONE) as page:
        page.goto(f"{door.url}/verify")
        page.get_by_label("注册编号").fill("沪1")
        page.get_by_role("button", name="查验", exact=True).click()

        expect(page.get_by_role("alert")).to_be_focused()
        expect(page.get_by_label("验证码")).to_have_accessible_description(
            re.compile(r"错误：\s*请填写验证码")
        )
        expect(page.get_by_label("注册编号")).to_have_value("沪1")
        assert not scripts or barriers(page) == []
        assert not scripts or not overflows(page)

        page.get_by_role("alert").get_by_role("link", name="请填写验证码").click()
        expect(page.get_by_label("验证码")).to_be_focused()


CHOSEN = [
    (None, chosen_files.NONE),
    (b"", chosen_files.EMPTY),
    (b"hello", "不是 PDF 或 OFD 文件"),
    (b"%PDF-1.7\n" + bytes(5000), "文件不完整"),
    (b"PK\x03\x04" + bytes(5000), "文件不完整"),
    (b"%PDF-" + bytes(chosen_files.MOST_FILE_BYTES), "文件太大：最大 4 MB"),
]


@pytest.mark.parametrize("where", ["scripts", "none", "full check"])
@pytest.mark.parametrize(
    ("data", "words"), CHOSEN, ids=["none", "empty", "other", "cut PDF", "cut OFD", "large"]
)
def test_a_file_that_cannot_be_checked_is_told_in_words_of_its_own(
    door: Door, chromium: Browser, tmp_path: Path, data: bytes | None, words: str, where: str
) -> None:
    if where == "scripts" and "太大" in words:
        data, words = b"%PDF-" + bytes(chosen_files.MOST_READ_BYTES), "文件太大：最大 64 MB"
    chosen = tmp_path / "a.pdf"
    chosen.write_bytes(data or b"")
    with tab(chromium, java_script_enabled=where != "none") as page:
        page.goto(f"{door.url}/verify")
        if where == "full check":
            page.evaluate("ask('/verify/digest', '0'.repeat(64))")
            page.wait_for_url("**/verify/digest")
        if data is not None:
            page.get_by_label("证书文件").set_input_files(chosen)
        page.get_by_role("button", name=re.compile("检查|查验文件")).click()

        expect(page.get_by_text(words).first).to_be_visible()
        if where != "none" or data in {None, b""}:
            expect(page.get_by_role("alert")).to_be_focused()
            expect(page).to_have_title(re.compile("^有误："))
            description = re.compile(rf"错误：\s*{re.escape(words[:12])}")
            expect(page.get_by_label("证书文件")).to_have_accessible_description(description)
        assert where == "none" or barriers(page) == []


def test_a_file_that_is_chosen_well_after_one_that_was_not_is_checked(
    door: Door, page: Page, number: str, tmp_path: Path
) -> None:
    chosen = tmp_path / "证书.pdf"
    chosen.write_bytes(file(door, number))
    page.goto(f"{door.url}/verify")
    for _ in range(2):
        page.get_by_role("button", name="查验文件").click()
        expect(page.get_by_role("alert").get_by_role("link")).to_have_count(1)

    page.get_by_label("证书文件").set_input_files(chosen)
    page.get_by_role("button", name="查验文件").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("有效")


@pytest.mark.parametrize("size", [10, 100])
def test_a_file_far_too_large_is_answered_without_scripts_too(
    door: Door, chromium: Browser, tmp_path: Path, size: int
) -> None:
    chosen = tmp_path / "a.pdf"
    chosen.write_bytes(b"%PDF-" + bytes(size * chosen_files.MB))
    with tab(chromium, java_script_enabled=False) as page:
        page.goto(f"{door.url}/verify")
        page.get_by_label("证书文件").set_input_files(chosen)
        page.get_by_role("button", name="查验文件").click()

        expect(page.get_by_text("文件太大：最大 4 MB").first).to_be_visible()


#: What stands in the register, and how it is shown; set by hand, for some come about by years.
STATUSES = [
    ("有效", "good", {}, {}),
    ("未领证", "warn", {"state": "uncollected"}, {}),
    ("待换发", "warn", {"state": "outdated"}, {}),
    ("已作废", "bad", {"state": "superseded"}, {}),
    ("已撤销", "bad", {"state": "revoked"}, {}),
    ("已过期", "bad", {"valid_until": "2020-01-01"}, {}),
    ("暂扣", "bad", {}, {"state": "suspended"}),
    ("已注销", "bad", {"state": "revoked"}, {"state": "cancelled"}),
    ("查无此证", "bad", {"state": "ordered"}, {}),
]


@pytest.mark.parametrize(("title", "weight", "edition", "registration"), STATUSES)
def test_each_status_stands_first_and_looks_like_what_it_is(
    door: Door,
    page: Page,
    number: str,
    title: str,
    weight: str,
    edition: dict[str, str],
    registration: dict[str, str],
) -> None:
    scanned = code(door, number)
    with door.plant.ledger.write(WHO) as tx:
        r, e = t.registration, t.edition
        ident = tx.run(select(r.c.id).where(r.c.number == number)).scalar_one()
        if edition:
            tx.run(update(e).where(e.c.registration_id == ident).values(**edition))
        if registration:
            tx.run(update(r).where(r.c.id == ident).values(**registration))

    page.goto(f"{door.url}/v/{scanned}")

    first = page.locator("main > *").first
    expect(first).to_have_class(f"status {weight}")
    expect(first.get_by_role("heading", level=1)).to_have_text(title)
    assert barriers(page) == []


# --- collecting -------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False])
def test_the_holder_checks_confirms_and_downloads(
    door: Door, chromium: Browser, made: str, seed: int, scripts: bool
) -> None:
    holder = specimen.approved(seed, seed)["data"]["holder"]
    with tab(chromium, java_script_enabled=scripts) as page:
        page.goto(link(door, made))
        page.get_by_role("link", name="领证", exact=True).click()
        expect(page.get_by_text("请确认以下证书信息是否正确")).to_be_visible()
        expect(page.get_by_text(holder["name"], exact=True)).to_be_visible()
        page.wait_for_load_state("load")
        picture = page.get_by_role("img", name="证书页面样张")
        assert picture.evaluate("each => each.naturalWidth") > 800

        page.get_by_role("button", name="确认", exact=True).click()

        expect(page.get_by_role("heading", level=1)).to_have_text("下载证书")
        with page.expect_download() as coming:
            page.get_by_role("link", name="下载证书（PDF）").click()
        assert coming.value.suggested_filename.endswith(".pdf")
        assert Path(coming.value.path()).read_bytes().startswith(b"%PDF-")


def test_a_page_that_waits_shows_the_certificate_once_it_is_made(door: Door, page: Page) -> None:
    number = str(accepted(hand_in(door.city, specimen.approved(next(door.seeds))))["registration"])

    page.goto(link(door, number))
    expect(page.get_by_role("heading", name="生成中")).to_be_visible()
    door.work()

    expect(page.get_by_role("link", name="领证", exact=True)).to_be_visible()


def test_a_page_that_waits_asks_less_and_less_often(door: Door, page: Page) -> None:
    number = str(accepted(hand_in(door.city, specimen.approved(next(door.seeds))))["registration"])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.clock.install()
    page.goto(link(door, number))
    for _ in range(60):
        page.clock.run_for(1000)
        page.wait_for_timeout(20)

    assert 3 <= sum(url.endswith("/state") for url in asked) <= 9
    door.work()


# --- all pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_every_page_can_be_used_by_everybody(
    door: Door, chromium: Browser, number: str, seed: int, width: str
) -> None:
    """axe-core finds no barrier, and nothing is wider than the window."""
    waiting = approve(door)
    cancelled = next(door.seeds)
    gone = approve(door, cancelled)
    accepted(hand_in(door.city, specimen.cancelled(cancelled)))
    pages = {
        "form": "/verify",
        "valid": f"/v/{code(door, number)}",
        "uncollected": f"/v/{code(door, waiting)}",
        "cancelled": f"/v/{code(door, gone)}",
        "unknown": f"/v/{NOTHING_LIKE_IT}",
        "ready": link(door, waiting).removeprefix(door.url),
        "confirm": link(door, waiting).removeprefix(door.url) + "/confirm",
        "download": link(door, number).removeprefix(door.url),
        "nothing": link(door, gone).removeprefix(door.url),
        "trust": "/trust",
        "nowhere": "/nosuch",
    }
    found = {}
    with tab(chromium, viewport=DESK if width == "desk" else PHONE) as page:
        for name, path in pages.items():
            page.goto(door.url + path)
            found[name] = barriers(page) + (["is wider than the window"] if overflows(page) else [])

    assert {name: each for name, each in found.items() if each} == {}


def test_no_script_that_is_not_ours_would_run(door: Door, page: Page) -> None:
    """The browser itself refuses what somebody might smuggle in."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{door.url}/verify")

    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'taken over'";
            document.body.append(script);
            const picture = document.createElement("img");
            picture.src = "https://elsewhere.invalid/x.png";
            document.body.append(picture);
        }"""
    )

    expect(page).to_have_title("电子证书查验")
    assert sum("Content Security Policy" in each for each in said) == 2


def test_a_page_is_shown_in_no_frame(door: Door, page: Page, number: str) -> None:
    page.goto("about:blank")
    page.set_content(f'<iframe src="{door.url}/v/{code(door, number)}"></iframe>')
    page.wait_for_timeout(500)

    [_, framed] = page.frames
    assert "有效" not in framed.content()
