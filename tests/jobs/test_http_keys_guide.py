"""docs/http-keys.md is true: its examples are run as they stand, against callers' own judgement."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

import pytest

from factory import access_keys
from factory.access_keys import Scope
from factory.errors import FactoryError
from jobs import callers
from jobs.callers import Credentials
from jobs.wiring import Plant
from tests.plants import SOURCE, WHO, new_plant

GUIDE = (Path(__file__).parents[2] / "docs" / "http-keys.md").read_text("utf-8")
BODY = '{"id": "1", "名": "示例"}'.encode()


@pytest.fixture
def plant(tmp_path: Path, sqlite_db_url: str, valkey_url: str, namespace: str) -> Plant:
    return new_plant(tmp_path / "data", sqlite_db_url, redis_url=valkey_url, namespace=namespace)


@pytest.fixture
def env(plant: Plant) -> Iterator[dict[str, str]]:
    """What the examples read: the address of a door that says who came, and a key for it."""
    door = ThreadingHTTPServer(("127.0.0.1", 0), _door(plant))
    threading.Thread(target=door.serve_forever, daemon=True).start()
    token = callers.issue(plant, SOURCE, who=WHO).token
    url = f"http://127.0.0.1:{door.server_address[1]}"
    yield {**os.environ, "DOOR_URL": url, "DOOR_KEY": token, "NO_PROXY": "*"}
    door.shutdown()
    door.server_close()


def _door(plant: Plant) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with plant.ledger.read() as tx:
                now = tx.now
            try:
                found = callers.recognise(plant, self.brought(body), now=now)
                self.say(200, f"{found.source} {self.path} {len(body)}")
            except FactoryError as error:
                self.say(401, str(error))

        do_POST = do_GET  # noqa: N815 - as http.server calls it

        def brought(self, body: bytes) -> Credentials:
            return Credentials(
                authorization=self.headers["Authorization"],
                key=self.headers["Factory-Key"],
                ident=self.headers["Factory-Id"],
                timestamp=self.headers["Factory-Timestamp"],
                signature=self.headers["Factory-Signature"],
                method=self.command,
                target=self.path,
                body=body,
            )

        def say(self, status: int, words: str) -> None:
            data = json.dumps(words).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            pass

    return Door


def example(language: str) -> str:
    """The guide's one example in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.M | re.S)
    return str(found)


def run(words: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout))


@pytest.fixture
def needed(absent: Callable[[str], NoReturn]) -> None:
    for program in ("bash", "curl", "openssl"):
        if shutil.which(program) is None:
            absent(f"{program}: apt-get install {program}")


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/v1/events", BODY),
        ("POST", "/v1/batches/7/confirm?a=b.c", b""),
        ("GET", "/v1/notices?after=7", b""),
    ],
)
def test_the_example_in_bash_signs(
    env: dict[str, str], tmp_path: Path, method: str, target: str, body: bytes
) -> None:
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "sign-and-send").write_text(example("bash"))
    words = ["bash", str(tmp_path / "sign-and-send"), method, target]

    said = run([*words, str(tmp_path / "body")] if body else words, env)

    assert said == f"{SOURCE} {target} {len(body)}"


@pytest.mark.usefixtures("needed")
def test_the_example_in_bash_with_another_secret_is_refused(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sign-and-send").write_text(example("bash"))
    env["DOOR_KEY"] = env["DOOR_KEY"][:21] + "0" * 72

    said = run(["bash", str(tmp_path / "sign-and-send"), "GET", "/v1/notices"], env)

    assert said == callers.WRONG


@pytest.mark.usefixtures("needed")
def test_the_line_that_sends_the_key_is_right(env: dict[str, str]) -> None:
    (line,) = re.findall(r"^    (curl .*)$", GUIDE, re.M)

    assert run(["bash", "-c", line], env) == f"{SOURCE} /v1/events/1 0"


def test_the_example_in_python_signs_again_and_again(env: dict[str, str], tmp_path: Path) -> None:
    calls = (
        f"send('POST', '/v1/events', {BODY!r})\n"
        "print(send('GET', '/v1/notices?after=7').decode())\n"
    )
    (tmp_path / "example.py").write_text(example("python") + calls)

    assert run([sys.executable, str(tmp_path / "example.py")], env) == (
        f"{SOURCE} /v1/notices?after=7 0"
    )


def test_the_signature_to_compare_with_is_right() -> None:
    (said,) = re.findall(r"^    (v1,\S+)$", GUIDE, re.M)

    key = access_keys.signing_key(bytes(range(32)))

    assert said == access_keys.signature(
        key, ident="request-1", moment=1795233600, method="POST", target="/v1/events", body=b"{}"
    )


def test_the_guide_tells_of_every_scope_and_refusal() -> None:
    assert all(f"| `{scope}` |" in GUIDE for scope in Scope)
    assert f"`{callers.WRONG}`" in GUIDE
