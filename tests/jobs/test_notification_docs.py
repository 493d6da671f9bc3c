"""docs/notifications.md: its examples run, and say what the code does."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factory.notices import Type, as_event, headers_of, key_of, secret_text
from jobs import notices
from jobs.settings import variables
from tests.plants import PROFILE, issue, new_plant

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text("utf-8")
SECRET = secret_text(bytes(range(32)))
BODY = '{"subject":"沪1312026000001"}'.encode()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


HOUR = timedelta(hours=1)
OTHER = secret_text(bytes(32))
CASES = {
    "one secret": ("genuine", [SECRET], timedelta(), BODY),
    "two secrets": ("genuine", [OTHER, SECRET], timedelta(), BODY),
    "another secret": ("not genuine", [OTHER], timedelta(), BODY),
    "another body": ("not genuine", [SECRET], timedelta(), BODY + b" "),
    "an hour ago": ("stale", [SECRET], HOUR, BODY),
}
every_case = pytest.mark.parametrize(
    ("said", "secrets", "ago", "body"), list(CASES.values()), ids=list(CASES)
)


def headers(secrets: list[str], ago: timedelta) -> dict[str, str]:
    keys = [key_of(each) for each in secrets]
    return headers_of(keys, ident="17", now=datetime.now(UTC) - ago, body=BODY)


@every_case
def test_the_script_with_openssl_verifies(
    tmp_path: Path, said: str, secrets: list[str], ago: timedelta, body: bytes
) -> None:
    given = headers(secrets, ago)
    [script] = blocks("bash")
    (tmp_path / "verify.sh").write_text(script)
    words = [given[f"webhook-{name}"] for name in ("id", "timestamp", "signature")]

    done = subprocess.run(
        ["bash", "verify.sh", SECRET, *words],
        cwd=tmp_path, input=body, capture_output=True, check=False,
    )  # fmt: skip

    assert (done.stdout.decode().strip(), done.returncode) == (said, int(said != "genuine"))


@every_case
def test_the_function_in_python_verifies(
    said: str, secrets: list[str], ago: timedelta, body: bytes
) -> None:
    given = headers(secrets, ago)
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)  # noqa: S102 - the page of ours

    assert names["is_genuine"](SECRET, given, body) is (said == "genuine")


def test_the_notice_that_is_shown_is_one(tmp_path: Path, sqlite_db_url: str) -> None:
    plant = new_plant(tmp_path, sqlite_db_url)
    issue(plant, 1)
    [notice] = notices.feed(plant, profiles=[PROFILE])
    shown = json.loads(blocks("json")[0])

    said = as_event(notice, plant.settings.notice_source)

    assert list(shown) == [*said, "correlationid"]  # which the line knows
    assert list(shown["data"]) == list(said["data"])


def test_the_example_of_the_feed_runs(
    tmp_path: Path, sqlite_db_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plant = new_plant(tmp_path, sqlite_db_url)
    number = issue(plant, 1)
    capsys.readouterr()

    exec(blocks("python")[1], {"plant": plant})  # noqa: S102 - the page of ours

    assert capsys.readouterr().out == f"1 certificate.made {number}\n"


def test_every_type_and_only_settings_that_there_are_are_named() -> None:
    assert [each for each in Type if f"`{each}`" not in PAGE] == []
    assert set(re.findall(r"FACTORY_[A-Z_]+", PAGE)) <= set(variables())
