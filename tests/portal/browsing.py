"""A real browser for tests: headless Chromium, on a desk and on a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

CHROMIUM = "chromium"
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
PATIENCE_MS = 20_000


@contextmanager
def browser() -> Iterator[Browser]:
    """One that is gone afterwards; its sandbox needs rights that a test machine lacks."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=shutil.which(CHROMIUM), args=["--no-sandbox"]
        )
        try:
            yield found
        finally:
            found.close()


@contextmanager
def tab(browser: Browser, **how: Any) -> Iterator[Page]:
    """A page of a visitor who was never here; of a desk unless told otherwise."""
    context = browser.new_context(**{"viewport": DESK, "locale": "zh-CN", **how})
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context.new_page()
    finally:
        context.close()


def barriers(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.1 AA, each rule with the first place that breaks it."""
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


def overflows(page: Page) -> bool:
    """Whether it is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
