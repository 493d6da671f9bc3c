"""``python -m tests.tour``: the pages played through in a real browser, and looked at.

The embedded default serves from a folder of its own; upstream hands in what people do elsewhere
(submit, sign, approve, rename), and holder, enterprise and passers-by do the rest in headless
Chromium.  Every page is kept as a picture, of a desk and of a phone: var/tour/screens/.  A
Prometheus watches it all; each dashboard is drawn from what it saw: var/tour/dashboards/.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import click
from playwright.sync_api import Page, expect

from factory import specimen
from factory.model import BatchState, Party
from jobs import collecting, crew, embedded, logs, opening, prometheus, visiting, waiting
from jobs import door as served
from jobs.settings import Settings
from jobs.wiring import plant_of
from storage.ledger import employers, inbox
from tests.grafana.boards import DASHBOARDS
from tests.grafana.drawing import draw
from tests.plants import WHO
from tests.portal.browsing import DESK, PHONE, barriers, browser, overflows, tab
from tests.portal.doors import GRANTS, Door, accepted, hand_in, number_of, of
from tests.portal.test_portal_routes import sign
from tests.portal.test_portal_verifying import NOTHING_LIKE_IT, code

PLACE = Path("var/tour")
PATIENCE = 120.0
PACE = "1s"  #: at which Prometheus looks
FIRM, HOLDER, GONE = 501, 70_001, 70_003  #: seeds; all of them are synthetic
PEOPLE = range(70_010, 70_018)  #: of the same firm


def main() -> int:
    """Play it; 1 where a page has a barrier or does not fit."""
    logs.configure("error")
    shutil.rmtree(PLACE, ignore_errors=True)
    begun = time.monotonic()
    with _factory() as (door, watching), browser() as chromium, tab(chromium) as page:
        screens = Screens(page)
        _play(door, page, screens)
        for path in DASHBOARDS:
            png = PLACE / "dashboards" / f"{path.stem}.png"
            draw(path, watching, png, seconds=time.monotonic() - begun)
    for fault in screens.faults:
        click.echo(fault, err=True)
    click.echo(f"{screens.taken} pages, of a desk and of a phone: {PLACE / 'screens'}")
    click.echo(f"{len(DASHBOARDS)} dashboards: {PLACE / 'dashboards'}")
    return 1 if screens.faults else 0


class Screens:
    """Pictures of what is shown, in a wide window and in a narrow one."""

    def __init__(self, page: Page) -> None:
        self._page, self.taken = page, 0
        self.faults: list[str] = []
        (PLACE / "screens").mkdir(parents=True)

    def printed(self, name: str) -> None:
        """The page as it is printed."""
        self._page.pdf(path=PLACE / "screens" / f"{self.taken:02d}-{name}-printed.pdf", format="A4")

    def take(self, name: str) -> None:
        """Whole pages, and what stands in anybody's way on them."""
        self.taken += 1
        for width, window in (("phone", PHONE), ("desk", DESK)):
            self._page.set_viewport_size(window)
            self._page.wait_for_load_state("load")
            place = f"{self.taken:02d}-{name}-{width}"
            self._page.screenshot(path=PLACE / "screens" / f"{place}.png", full_page=True)
            self.faults += [f"{place}: {each}" for each in barriers(self._page)]
            if overflows(self._page):
                self.faults.append(f"{place}: is wider than its window")


@contextmanager
def _factory() -> Iterator[tuple[Door, str]]:
    """Everything that `certfactory up --prometheus` starts; the address of Prometheus."""
    settings = Settings.from_env({"FACTORY_DATA_DIR": str((PLACE / "data").absolute())})
    settings = replace(settings, http_port=0, metrics_port=0, prometheus_port=0)
    settings = opening.prometheus_port(opening.http_port(opening.metrics_port(settings)))
    url = f"http://127.0.0.1:{settings.http_port}"
    settings = replace(settings, http_public_url=url, verify_url=f"{url}/v/")
    with embedded.embedded(settings) as running:
        plant = plant_of(running)
        opening.open_embedded(plant)
        with plant.ledger.write(WHO) as tx:
            for source, profiles in GRANTS.items():
                for profile in profiles:
                    inbox.grant(tx, source, profile)
        watching = prometheus.watching(running, pace=PACE)
        with watching as address, crew.at_work(running, with_door=True):
            served.wait_until_open(running)
            yield Door(plant=plant, log=PLACE / "door.log", seeds=count(71_001)), address


def _play(door: Door, page: Page, screens: Screens) -> None:
    _submit_and_sign(door, page, screens)
    number = _approve(door)
    _collect(door, page, screens, number)
    _verify(door, page, screens, number)
    _rename(door, page, screens)
    _collect_again(door, page, screens, number)
    _verify_again(door, page, screens, number)
    _elsewhere(door, page, screens)


def _submit_and_sign(door: Door, page: Page, screens: Screens) -> None:
    event = of("urn:example:city-portal", specimen.saved(HOLDER, FIRM))
    accepted(hand_in(door.city, event))
    _settle(door)
    sign(door, number_of(event), Party.APPLICANT)
    _settle(door)
    for seed in PEOPLE:
        accepted(hand_in(door.city, specimen.approved(seed, FIRM)))
    _settle(door)
    page.goto(_enterprise(door))
    expect(page.get_by_text(number_of(event))).to_be_visible()
    screens.take("enterprise-to-sign")
    sign(door, number_of(event), Party.ENTERPRISE)
    _settle(door)
    page.reload()
    screens.take("enterprise-signed")


def _approve(door: Door) -> str:
    """After the signatures of today."""
    event = specimen.approved(HOLDER, FIRM)
    with door.plant.ledger.read() as tx:
        event["data"]["approved_on"] = door.plant.today(tx).isoformat()
    number = accepted(hand_in(door.city, event))["registration"]
    _settle(door)
    return str(number)


def _collect(door: Door, page: Page, screens: Screens, number: str) -> None:
    page.goto(collecting.link(door.plant, number, who=WHO).url)
    screens.take("holder-may-collect")
    page.get_by_role("link", name="领证", exact=True).click()
    screens.take("holder-confirms")
    page.get_by_role("button", name="确认", exact=True).click()
    expect(page.get_by_role("link", name="下载证书（PDF）")).to_be_visible()
    screens.take("holder-downloads")
    with page.expect_download() as coming:
        page.get_by_role("link", name="下载证书（PDF）").click()
    coming.value.save_as(PLACE / "certificate.pdf")


def _verify(door: Door, page: Page, screens: Screens, number: str) -> None:
    page.goto(f"{door.url}/verify")
    screens.take("verify")
    page.get_by_label("注册编号").fill(number)
    page.get_by_label("验证码").fill(code(door, number))
    page.get_by_role("button", name="查验", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("有效")
    screens.take("valid")
    screens.printed("valid")
    page.goto(f"{door.url}/verify")
    page.get_by_label("证书文件").set_input_files(PLACE / "certificate.pdf")
    page.get_by_role("button", name="查验文件").click()
    expect(page.get_by_text("逐字节一致")).to_be_visible()
    screens.take("valid-file")


def _rename(door: Door, page: Page, screens: Screens) -> None:
    accepted(hand_in(door.city, specimen.renamed(next(door.seeds), FIRM)))
    _settle(door)
    page.goto(_enterprise(door))
    expect(page.get_by_role("img").first).to_be_visible()
    page.get_by_role("img").first.evaluate("picture => picture.decode()")
    screens.take("enterprise-rename")
    page.get_by_role("link", name="确认更名").click()
    screens.take("enterprise-confirms")
    page.get_by_role("button", name="确认", exact=True).click()
    with door.plant.ledger.read() as tx:
        batch = employers.renames(tx, specimen.credit_code(FIRM))[-1].batch
    waiting.until_state(door.plant, batch, BatchState.COMPLETED, seconds=PATIENCE)
    _settle(door)
    page.goto(_enterprise(door))
    expect(page.get_by_text("应领证")).to_be_visible()
    screens.take("enterprise-renamed")
    screens.printed("enterprise-renamed")


def _collect_again(door: Door, page: Page, screens: Screens, number: str) -> None:
    page.goto(collecting.link(door.plant, number, who=WHO).url)
    expect(page.get_by_text("您有新版本的证书可以领取")).to_be_visible()
    screens.take("holder-new-edition")
    page.get_by_role("link", name="领证", exact=True).click()
    page.get_by_role("button", name="确认", exact=True).click()
    expect(page.get_by_role("link", name="下载证书（PDF）")).to_be_visible()
    screens.take("holder-history")
    screens.printed("holder-history")


def _verify_again(door: Door, page: Page, screens: Screens, number: str) -> None:
    page.goto(f"{door.url}/v/{code(door, number)}")
    expect(page.get_by_role("heading", level=1)).to_have_text("已作废")
    screens.take("superseded")
    page.goto(f"{door.url}/v/{code(door, number, 2)}")
    expect(page.get_by_role("heading", level=1)).to_have_text("有效")


def _elsewhere(door: Door, page: Page, screens: Screens) -> None:
    number = accepted(hand_in(door.city, specimen.approved(GONE)))["registration"]
    _settle(door)
    old = code(door, str(number))
    accepted(hand_in(door.city, specimen.cancelled(GONE)))
    data = bytearray((PLACE / "certificate.pdf").read_bytes())
    data[len(data) // 2] ^= 1
    (PLACE / "altered.pdf").write_bytes(data)
    for name, path in {
        "cancelled": f"/v/{old}",
        "unknown": f"/v/{NOTHING_LIKE_IT}",
        "trust": "/trust",
        "nowhere": "/nowhere",
    }.items():
        page.goto(door.url + path)
        screens.take(name)
    page.goto(f"{door.url}/verify")
    page.get_by_label("证书文件").set_input_files(PLACE / "altered.pdf")
    page.get_by_role("button", name="查验文件").click()
    page.get_by_label("证书文件").set_input_files(PLACE / "altered.pdf")
    screens.take("no-such-file")
    page.get_by_role("button", name="上传并检查").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("文件已被改动")
    screens.take("altered")


def _enterprise(door: Door) -> str:
    return visiting.link(door.plant, specimen.credit_code(FIRM), who=WHO).url


def _settle(door: Door) -> None:
    waiting.settle(door.plant, seconds=PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
