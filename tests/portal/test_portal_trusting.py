"""The page of roots: for which reading programs each is, and whether they are for tests alone."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from cryptography import x509

from factory.parties import Algorithm
from factory.seals.keys import algorithm_of
from jobs import opening
from jobs.settings import Settings
from jobs.wiring import Plant, plant_of
from portal import trusting
from tests.portal.doors import Door


def started(folder: Path) -> Plant:
    return plant_of(Settings.from_env({"FACTORY_DATA_DIR": str(folder)}))


def without_test_seals(folder: Path) -> Plant:
    """The same keyring, its seals no longer said to be for tests."""
    opening.make_test_keyring(started(folder))
    for file in (folder / "keyring" / "identities").rglob("identity.toml"):
        file.write_text(file.read_text("utf-8").replace("test = true", "test = false"), "utf-8")
    return started(folder)


def shown(plant: Plant) -> str:
    return bytes(trusting.roots(plant).body).decode()


def test_each_root_says_for_which_files_it_is_and_leads_to_that_very_root(door: Door) -> None:
    page = httpx.get(f"{door.url}/trust").text
    parts = re.findall(r"<h2>(PDF|OFD) 文件的根证书</h2>.*?href=\"(\S+)\"", page, re.DOTALL)

    assert [kind for kind, _ in parts] == ["PDF", "OFD"]
    for kind, path in parts:
        root = x509.load_der_x509_certificate(httpx.get(door.url + path).content)
        assert (algorithm_of(root) is Algorithm.SM2) == (kind == "OFD")


def test_roots_of_test_seals_are_warned_of_before_anything_else(door: Door) -> None:
    page = httpx.get(f"{door.url}/trust").text

    assert "这是测试环境" in page.partition("根证书担保")[0]


def test_real_seals_are_not_called_a_test(tmp_path: Path) -> None:
    plant = without_test_seals(tmp_path)

    assert not any(each.test for each in plant.keyring.identities())
    assert "测试环境" not in shown(plant)


def test_one_test_seal_among_real_ones_is_warned_of(tmp_path: Path) -> None:
    plant = without_test_seals(tmp_path)
    [first, *_] = (tmp_path / "keyring" / "identities").glob("*/identity.toml")
    first.write_text(first.read_text("utf-8").replace("test = false", "test = true"), "utf-8")

    assert "测试环境" in shown(started(tmp_path))
    assert plant.keyring.trust_roots()
