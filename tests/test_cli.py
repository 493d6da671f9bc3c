"""The command line, against a whole factory that runs as it does for a person: ``up``."""

import json
import os
import pty
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
import tracemalloc
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import pytest
import zxingcpp
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

import cli
from factory import specimen, verify
from jobs.commands.root import Later
from jobs.servers import LOOPBACK
from tests import judges
from tests.factory import ofd_forging
from tests.plants import new_plant

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "tests" / "examples"
PATIENCE_SECONDS = 180.0
A_PARAGRAPH = 1000  #: letters, more than any
HEAVY = {"boto3", "dramatiq", "pydantic", "pyhanko", "redis", "reportlab", "sqlalchemy"}

OK, REFUSED, USAGE, NOT_SET_UP, NOT_FOUND, CONFLICT, NOT_IN_FORCE = 0, 1, 2, 3, 4, 5, 7

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A running factory, and the ways to give it a command."""

    data_dir: Path
    said: str  #: what ``up`` printed

    @property
    def env(self) -> dict[str, str]:
        return {"FACTORY_DATA_DIR": str(self.data_dir)}

    def run(self, *words: str, stdin: str = "", **variables: str) -> Result:
        """One command, inside this process."""
        return CliRunner(env=self.env | variables).invoke(cli.main, words, input=stdin)

    def json(self, *words: str, stdin: str = "") -> Any:
        """What a command that must not fail prints for programs."""
        done = self.run(*words, "--json", stdin=stdin)
        assert done.exit_code == OK, done.stderr
        return json.loads(done.stdout)

    def json_of(self, *words: str) -> Any:
        """The same of a command that may exit with anything."""
        return json.loads(self.run(*words, "--json").stdout)

    def start(self, *words: str, stdin: bytes = b"", stderr: int = subprocess.PIPE) -> Any:
        """One command, as a shell gives it."""
        return subprocess.run(
            [sys.executable, "cli.py", *words],
            cwd=ROOT,
            env=os.environ | self.env,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def type(self, commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """What a person types in a shell that stands in a folder."""
        installed = 'certfactory() { "$PYTHON" "$CLI" "$@"; }\n'
        programs = {"PYTHON": sys.executable, "CLI": str(ROOT / "cli.py"), "COLUMNS": "300"}
        return subprocess.run(
            ["bash", "-ec", installed + commands],
            cwd=folder,
            env=os.environ | self.env | programs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def issue(self, event: JsonObject) -> str:
        """Submit an approval and wait for its certificate; the registration number."""
        number: str = self.json("submit", "-", stdin=line(event))["lines"][0]["registration"]
        self.wait(lambda: self.editions(number)[-1]["state"] != "ordered")
        return number

    def editions(self, number: str) -> list[JsonObject]:
        found: list[JsonObject] = self.json("status", number)["registration"]["editions"]
        return found

    def holds(self, event: JsonObject) -> list[JsonObject]:
        found: list[JsonObject] = self.json("status", event["id"])[0]["held"]
        return found

    def wait(self, done: Callable[[], object]) -> None:
        """Until it is so."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while not done():
            assert time.monotonic() < limit, self.run("status").stdout
            time.sleep(0.2)


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A factory started with ``up``, stopped by Ctrl-C; nothing of it may stay behind."""
    folder = tmp_path_factory.mktemp("cli")
    said = folder / "said.txt"
    variables = {"DATA_DIR": str(folder / "data"), "METRICS_PORT": "0", "BULK_WORKERS": "1"}
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "cli.py", "up"],
            cwd=ROOT,
            env=os.environ | {f"FACTORY_{name}": value for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_ready(process, said)
        yield Line(folder / "data", said.read_text("utf-8"))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == OK
        assert _running_in(folder) == []
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], said: Path) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while "/links" not in said.read_text("utf-8"):
        assert process.poll() is None and time.monotonic() < limit, said.read_text("utf-8")
        time.sleep(0.1)


def _running_in(folder: Path) -> list[str]:
    """The processes that were started in this folder or told to work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            named = str(folder).encode() in (process / "environ").read_bytes()
            if named or (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "comm").read_text())
    return found


def line(event: JsonObject) -> str:
    """An event on a line of its own."""
    return json.dumps(event, ensure_ascii=False) + "\n"


def approval(seed: int, **holder: str) -> JsonObject:
    """An approval of somebody new, at an employer of their own."""
    event = specimen.approved(seed, enterprise=seed)
    event["data"]["holder"] |= holder
    return event


def with_a_bad_photo(seed: int) -> JsonObject:
    event = approval(seed)
    event["data"]["photo"] = {"content": "bm8="}
    return event


def download(url: str) -> tuple[bytes, Message]:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - a link of our own
        return answer.read(), answer.headers


def _whatever_is_at(url: str) -> bytes:
    with suppress(OSError):
        return download(url)[0]
    return b""


def test_up_says_where_everything_is_and_what_to_try(factory: Line) -> None:
    metrics = next(word for word in factory.said.split() if word.endswith("/metrics"))

    factory.wait(lambda: b"factory_ledger_up 1.0" in _whatever_is_at(metrics))  # a moment later
    assert str(factory.data_dir) in factory.said
    assert all(each in factory.said for each in ("/v1", "cfk_", "/events", "/links"))
    for page in ("/verify", "/trust"):
        [address] = [word for word in factory.said.split() if word.endswith(page)]
        assert download(address)[0].startswith(b"<!doctype html>")


def test_a_code_that_is_scanned_leads_to_the_pages_that_up_serves(
    factory: Line, tmp_path: Path
) -> None:
    number = factory.issue(approval(751))
    factory.run("collect", number)
    made = download(factory.run("link", number).stdout.strip())[0]
    (tmp_path / "made.pdf").write_bytes(made)
    judges.run(
        "pdftoppm", "-r", "150", "-png", "-singlefile", tmp_path / "made.pdf", tmp_path / "p"
    )

    [scanned] = zxingcpp.read_barcodes(Image.open(tmp_path / "p.png"))

    [pages] = [word for word in factory.said.split() if word.endswith("/verify")]
    assert scanned.text.startswith(f"{pages.removesuffix('/verify')}/v/")
    assert "有效" in download(scanned.text)[0].decode()


def test_up_refuses_a_data_directory_in_use(factory: Line) -> None:
    done = factory.run("up", FACTORY_METRICS_PORT="0")

    assert done.exit_code == NOT_SET_UP
    assert "in use by process" in done.stderr


@pytest.mark.parametrize("variable", ["FACTORY_METRICS_PORT", "FACTORY_HTTP_PORT"])
def test_up_refuses_a_port_that_is_taken(factory: Line, tmp_path: Path, variable: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        ports = {"FACTORY_METRICS_PORT": "0", variable: str(taken.getsockname()[1])}
        done = factory.run("up", **ports | {"FACTORY_DATA_DIR": str(tmp_path)})

    assert done.exit_code == NOT_SET_UP
    assert variable in done.stderr


def test_submit_takes_the_good_lines_and_keeps_the_refused_ones(
    factory: Line, tmp_path: Path
) -> None:
    bad = (EXAMPLES / "malformed.jsonl").read_text("utf-8").splitlines(keepends=True)[:2]
    file = tmp_path / "events.jsonl"
    good, other = line(approval(701)), line(approval(702))
    file.write_text(good + bad[0] + good + other + bad[1], "utf-8")

    done = factory.run("submit", str(file), "--json")

    result, rejects = json.loads(done.stdout), Path(f"{file}.rejects.jsonl")
    assert done.exit_code == REFUSED
    assert result["counts"] == {"accepted": 2, "held": 0, "duplicate": 1, "refused": 2}
    assert rejects.read_text("utf-8") == "".join(bad)
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600


def test_submitting_again_changes_nothing(factory: Line, tmp_path: Path) -> None:
    event = approval(703)
    first = factory.run("submit", "-", stdin=line(event))

    again = factory.run("submit", "-", stdin=line(event))

    assert (first.exit_code, again.exit_code) == (OK, OK)
    assert "1 duplicate" in again.stdout
    assert len(factory.json("status", event["id"])) == 1


IMPORT = ("register", "import")
SHANGHAI = ("--profile", "shanghai-constructor")


@pytest.fixture(scope="module")
def importer(factory: Line) -> Line:
    """The factory, with the import's own source granted."""
    factory.run("sources", "grant", "urn:certfactory:import", "shanghai-constructor")
    return factory


def register_file(folder: Path, *replaced: tuple[str, str]) -> Path:
    """The example register, changed."""
    text = (EXAMPLES / "register.csv").read_text("utf-8")
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new, 1)
    file = folder / "register.csv"
    file.write_text(text, "utf-8")
    return file


def test_an_import_that_was_not_granted_names_the_command(factory: Line) -> None:
    file = str(EXAMPLES / "register.csv")

    done = factory.run(*IMPORT, file, *SHANGHAI, "--source", "urn:example:nobody")

    assert done.exit_code == NOT_SET_UP
    told = " ".join(done.stderr.split())
    assert "certfactory sources grant urn:example:nobody shanghai-constructor" in told


def test_a_register_is_rehearsed_taken_over_and_known(importer: Line) -> None:
    file = str(EXAMPLES / "register.csv")

    rehearsed = importer.run(*IMPORT, file, *SHANGHAI, "--dry-run")
    before = importer.run("status", "沪231161800057")
    taken = importer.run(*IMPORT, file, *SHANGHAI)
    again = importer.json(*IMPORT, file, *SHANGHAI)

    assert (rehearsed.exit_code, taken.exit_code) == (OK, OK)
    assert rehearsed.stdout.strip() == "would be: 12 accepted"
    assert before.exit_code == NOT_FOUND
    assert taken.stdout.strip() == "12 accepted"
    assert again["counts"] == {"accepted": 0, "held": 0, "duplicate": 12, "refused": 0}
    known = importer.run("status", "沪2312016201800057")
    assert known.exit_code == OK
    assert "paper 纸质" in known.stdout


def test_refused_rows_are_kept_under_their_header_and_imported_once_corrected(
    importer: Line, tmp_path: Path
) -> None:
    file = register_file(tmp_path, ("沪2312022202400719", ""), ("女", "?"))
    rejects = Path(f"{file}.rejects.csv")

    done = importer.run(*IMPORT, str(file), *SHANGHAI)
    kept = rejects.read_text("utf-8-sig")
    rejects.write_text(kept.replace("?", "女"), "utf-8")
    corrected = importer.run(*IMPORT, str(rejects), *SHANGHAI)

    assert done.exit_code == REFUSED
    assert "registration_number" in done.stdout and "is missing" in done.stdout
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    assert len(kept.splitlines()) == 3
    assert kept.startswith("注册编号,")
    assert corrected.exit_code == REFUSED  # the other one still has no number
    assert "1 duplicate  1 refused" in corrected.stdout
    assert len(Path(f"{rejects}.rejects.csv").read_text("utf-8-sig").splitlines()) == 2


def test_a_dry_run_keeps_no_rejects(importer: Line, tmp_path: Path) -> None:
    file = register_file(tmp_path, ("男", "?"))

    done = importer.run(*IMPORT, str(file), *SHANGHAI, "--dry-run")

    assert done.exit_code == REFUSED
    assert "must be one of 男, 女" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["register.csv"]


def test_doubtful_numbers_are_shown_counted_and_written_where_asked(
    importer: Line, tmp_path: Path
) -> None:
    file, doubts = tmp_path / "register.jsonl", tmp_path / "doubts.csv"
    row = specimen.imported(813)["data"]
    row["holder"]["sex"] = "female" if row["holder"]["sex"] == "male" else "male"
    file.write_text(line(row), "utf-8")

    told = importer.run(*IMPORT, str(file), *SHANGHAI, "--dry-run", "--doubts", str(doubts))

    rule = "the sex is another than the holder has (GB 11643-1999)"
    written = doubts.read_text("utf-8-sig").splitlines()
    assert told.exit_code == OK
    assert "rows with doubts: 1;" in told.stdout and rule in told.stdout
    assert written == ["line,column,rule", f"1,holder.id_number,{rule}"]


def test_doubts_are_not_written_over_the_register(importer: Line, tmp_path: Path) -> None:
    file = register_file(tmp_path)

    done = importer.run(*IMPORT, str(file), *SHANGHAI, "--dry-run", "--doubts", str(file))

    assert done.exit_code == USAGE
    assert file.read_bytes() == (EXAMPLES / "register.csv").read_bytes()


def test_a_register_of_json_lines_is_taken_over(importer: Line, tmp_path: Path) -> None:
    file = tmp_path / "register.jsonl"
    rows = [specimen.imported(seed)["data"] for seed in (811, 812)]
    rows[1]["holder"]["sex"] = "x"
    file.write_text("".join(map(line, rows)), "utf-8")

    done = importer.run(*IMPORT, str(file), "--json")

    result = json.loads(done.stdout)
    assert done.exit_code == REFUSED
    assert (result["counts"]["accepted"], result["counts"]["refused"]) == (1, 1)
    assert [(p["line"], p["column"]) for p in result["problems"]] == [(2, "holder.sex")]
    assert result["rejects"] == f"{file}.rejects.jsonl"
    assert Path(result["rejects"]).read_text("utf-8") == line(rows[1])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["{folder}/register.csv"], "needs --profile"),
        (["{folder}/register.txt", *SHANGHAI], "give --format"),
        (["{folder}/absent.csv", *SHANGHAI], "does not exist"),
        (["{folder}", *SHANGHAI], "is a directory"),
        (["/dev/null", *SHANGHAI, "--format", "csv"], "no pipe"),
        (
            ["{folder}/register.csv", *SHANGHAI, "--rejects", "{folder}/register.csv"],
            "is the file of the",
        ),
    ],
)
def test_wrong_usage_of_import_says_why(
    importer: Line, tmp_path: Path, words: list[str], why: str
) -> None:
    (tmp_path / "register.txt").write_bytes(register_file(tmp_path).read_bytes())

    done = importer.run(*IMPORT, *(word.format(folder=tmp_path) for word in words))

    assert done.exit_code == USAGE
    assert why in " ".join(done.stderr.split())


def test_a_table_with_an_unknown_column_is_refused_whole(importer: Line, tmp_path: Path) -> None:
    file = register_file(tmp_path, ("证件号", "身份证"))

    done = importer.run(*IMPORT, str(file), *SHANGHAI)

    assert done.exit_code == REFUSED
    assert "column 6 (身份证) is not known" in " ".join(done.stderr.split())


def test_the_columns_are_told_in_both_languages(factory: Line) -> None:
    told = factory.run("register", "columns").stdout
    found = factory.json("register", "columns")

    assert "统一社会信用代码" in told and "credit_code" in told
    assert found[0]["column"] == "registration_number" and found[0]["needed"]


@pytest.mark.parametrize("kind", sorted(specimen.EVENTS.keys() - {"application.signed"}))
def test_every_example_can_be_submitted_as_it_is_printed(factory: Line, kind: str) -> None:
    printed = factory.run("events", "example", kind)

    done = factory.run("submit", "-", stdin=printed.stdout)

    assert done.exit_code == OK, done.stdout
    assert kind in factory.run("events", "list").stdout
    assert json.loads(factory.run("events", "schema", kind).stdout)["title"] == kind


def test_the_example_of_a_signature_lacks_what_the_party_makes(factory: Line) -> None:
    printed = factory.run("events", "example", "application.signed")

    done = factory.run("submit", "-", stdin=printed.stdout)

    assert done.exit_code == REFUSED
    assert "data.evidence" in done.stdout and "prepare it" in done.stdout


@pytest.mark.parametrize("fault", sorted(specimen.SCAN_FAULTS))
def test_a_material_can_be_checked_before_it_is_sent(tmp_path: Path, fault: str) -> None:
    file = tmp_path / "scan.pdf"
    file.write_bytes(specimen.scan("the signed form", fault))
    asked = ("material", "check", str(file), "--profile", "shaanxi-constructor")

    done = CliRunner().invoke(cli.main, (*asked, "--material", "signed_form"))

    assert (done.exit_code, bool(done.stdout)) == ((REFUSED, False) if fault else (OK, True))
    assert ("print it to a new PDF" in " ".join(done.stderr.split())) == bool(fault)


def test_a_material_the_register_does_not_ask_for_cannot_be_checked(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    file.write_bytes(specimen.scan("the signed form"))
    asked = ("material", "check", str(file), "--profile", "shaanxi-constructor")

    done = CliRunner().invoke(cli.main, (*asked, "--material", "diploma"))
    half = CliRunner().invoke(cli.main, asked)
    usual = CliRunner().invoke(cli.main, (*asked[:3], "--json"))

    assert (done.exit_code, half.exit_code, usual.exit_code) == (NOT_FOUND, USAGE, OK)
    assert "signed_form, labour_contract" in done.stderr
    assert json.loads(usual.stdout) == {"format": "pdf", "pages": 1, "blank": []}


def test_acceptance_numbers_are_drawn_for_upstream(factory: Line) -> None:
    asked = ("numbers", "acceptance", "--profile", specimen.PROFILE, "--type", "initial")

    told = factory.run(*asked, "--count", "2").stdout.split()
    found = factory.json(*asked)

    assert len({*told, *found}) == 3
    assert {number[-6:] for number in (*told, *found)} == {"180103"}


def test_submit_says_why_something_is_held_before_its_notes(factory: Line) -> None:
    event = approval(774)
    number = event["data"]["holder"]["id_number"]
    event["data"]["holder"]["id_number"] = number[:-1] + ("1" if number[-1] != "1" else "2")
    event["data"]["application"]["acceptance_number"] = "W2024010330774180302"

    told = factory.run("submit", "-", stdin=line(event)).stdout

    why, note = told.index(": holder.id_number: "), told.index("; note: acceptance_number: ")
    assert told.index("held") < told.index("hold ") < why < note
    head = factory.run("status", "W2024010330774180302").stdout.splitlines()[0]
    assert head.endswith("(shanghai-constructor): 需处理, 1 held")


@pytest.mark.parametrize(
    ("words", "rest", "code"),
    [([], "", OK), (["--strict"], "", CONFLICT), (["--strict"], "no event\n", REFUSED)],
)
def test_a_held_event_is_counted_in_the_last_line_and_fails_only_where_asked(
    factory: Line, tmp_path: Path, words: list[str], rest: str, code: int
) -> None:
    sent = line(specimen.cancelled(776) | {"id": f"held-{code}-{len(words)}"}) + rest

    done = factory.run("submit", "-", *words, "--rejects", str(tmp_path / "bad"), stdin=sent)

    assert done.exit_code == code
    assert "1 held" in done.stdout.splitlines()[-1]


def test_submit_says_how_a_registration_stands_now(factory: Line) -> None:
    number = factory.issue(approval(775))

    told = factory.run("submit", "-", stdin=line(specimen.cancelled(775))).stdout

    assert f"registration {number} (注销)" in told


@pytest.mark.parametrize(
    ("seed", "form", "notes"),
    [(771, "180302", ["form code 03 is not that of initial"]), (772, "180103", []), (773, "", [])],
)
def test_status_notes_an_acceptance_number_of_another_type(
    factory: Line, seed: int, form: str, notes: list[str]
) -> None:
    event = approval(seed)
    number = f"W202401033{seed:04}{form}"
    event["data"]["application"]["acceptance_number"] = number

    outcome = factory.json("submit", "-", stdin=line(event))["lines"][0]

    told, [found] = factory.run("status", number).stdout, factory.json("status", number)
    assert outcome["status"] == "accepted"
    assert outcome["notes"] == found["notes"]
    assert len(found["notes"]) == len(notes)
    assert ("form code" in told) == bool(notes)
    assert all(why in note for why, note in zip(notes, found["notes"], strict=True))


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["zhejiang-constructor", "--type", "initial"], CONFLICT, "upstream gives"),
        (["atlantis-constructor", "--type", "initial"], NOT_FOUND, "is not installed"),
        (["shanghai-constructor", "--type", "reregistration"], REFUSED, "no reregistration"),
        (["shanghai-constructor", "--type", "promotion"], USAGE, "promotion"),
        (["shanghai-constructor", "--type", "initial", "--count", "0"], USAGE, "--count"),
    ],
)
def test_no_acceptance_number_is_drawn_where_none_may_be(
    factory: Line, words: list[str], code: int, why: str
) -> None:
    done = factory.run("numbers", "acceptance", "--profile", *words)

    assert (done.exit_code, done.stdout) == (code, "")
    assert why in " ".join(done.stderr.split())


def test_events_come_through_a_pipe(factory: Line) -> None:
    done = factory.start("submit", "-", stdin=line(approval(704)).encode())

    assert (done.returncode, done.stderr) == (OK, b"")
    assert "1 accepted" in done.stdout.decode()


@pytest.mark.parametrize(("words", "is_whole"), [([], False), (["--whole"], True)])
def test_an_example_on_a_terminal_has_short_pictures_unless_whole(
    factory: Line, words: list[str], is_whole: bool
) -> None:
    terminal, theirs = pty.openpty()
    example = ("events", "example", "registration.approved", *words)
    photo = json.loads(factory.run(*example).stdout)["data"]["photo"]["content"]

    with subprocess.Popen(
        [sys.executable, "cli.py", *example], cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        shown = read_all(terminal)
        told = process.stderr.read() if process.stderr else b""

    assert photo[:40] in shown
    assert (photo in shown, b"--whole" in told) == (is_whole, not is_whole)


def read_all(terminal: int) -> str:
    """Everything that was written to a terminal until its other side was closed."""
    found = b""
    with suppress(OSError):
        while piece := os.read(terminal, 10_000):
            found += piece
    os.close(terminal)
    return found.decode()


def test_progress_is_shown_on_a_terminal_only(factory: Line) -> None:
    terminal, theirs = pty.openpty()
    os.set_blocking(terminal, False)

    done = factory.start("submit", "-", stdin=line(approval(705)).encode(), stderr=theirs)

    shown = os.read(terminal, 10_000)
    os.close(theirs)
    os.close(terminal)
    assert done.returncode == OK
    assert b"events" in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["{folder}/absent.jsonl"], "No such file"),
        (["{folder}"], "directory"),
        (["{folder}/events.jsonl", "--rejects", "{folder}/events.jsonl"], "file of the events"),
        (["{folder}/events.jsonl", "--rejects", "{folder}/absent/r.jsonl"], "cannot be written"),
    ],
)
def test_submit_refuses_files_it_cannot_use(
    factory: Line, tmp_path: Path, words: Sequence[str], why: str
) -> None:
    (tmp_path / "events.jsonl").write_text("not taken\n")

    done = factory.run("submit", *(word.format(folder=tmp_path) for word in words))

    assert done.exit_code == USAGE
    assert why in done.stderr
    assert (tmp_path / "events.jsonl").read_text() == "not taken\n"


def test_status_speaks_of_events_registrations_and_everything(factory: Line) -> None:
    event = approval(706)
    number = factory.issue(event)

    of_event = factory.run("status", event["id"])
    of_number = factory.run("status", number)
    overview = factory.run("status")

    assert f"registration {number}" in of_event.stdout
    assert "未领证" in of_number.stdout
    assert "uncollected" in overview.stdout


def test_status_tells_people_in_chinese_and_programs_in_identifiers(factory: Line) -> None:
    event = specimen.saved(730, enterprise=730)
    factory.run("submit", "-", stdin=line(event))

    told = factory.run("status", event["id"]).stdout
    [found] = factory.json("status", event["id"])

    assert "初始注册" in told and "申请人" in told and "申请保存" in told
    assert "applicant" not in told and "initial" not in told
    [application] = found["applications"]
    assert (application["application"]["kind"], application["stand"]["owner"]) == (
        "initial",
        "applicant",
    )


def test_status_tells_what_is_held_of_an_application_that_was_never_saved(factory: Line) -> None:
    event = specimen.closed(731)
    number = event["data"]["acceptance_number"]
    factory.run("submit", "-", stdin=line(event))

    told = factory.run("status", number)
    [found] = factory.json("status", number)

    assert told.exit_code == OK
    assert "需处理" in told.stdout and "来源系统" in told.stdout and "办理环节" in told.stdout
    assert event["id"] in told.stdout and "no application is known" in told.stdout
    assert found["stand"]["owner"] == "upstream"


def test_status_tells_with_which_opinion_an_application_was_returned(
    factory: Line, tmp_path: Path
) -> None:
    saved = specimen.saved(732, enterprise=732)
    number = saved["data"]["application"]["acceptance_number"]
    factory.run("submit", "-", stdin=line(saved))
    factory.wait(lambda: factory.json("documents", number)[0]["files"])
    for party in ("applicant", "enterprise"):
        waiting = signed_outside(factory, number, party, tmp_path / party)
        signature = b64encode((tmp_path / party / "signature.bin").read_bytes()).decode()
        event = specimen.signed(732)
        event["id"] += f"-{party}"
        event["data"] |= {
            "party": party,
            "evidence": {"preparation": waiting["token"], "value": signature},
        }
        assert factory.run("submit", "-", stdin=line(event)).exit_code == OK
    returned = specimen.closed(732)
    returned["data"]["at"] = "2026-03-02T01:20:00+00:00"
    assert factory.run("submit", "-", stdin=line(returned)).exit_code == OK

    told = factory.run("status", returned["data"]["acceptance_number"]).stdout

    assert "退回" in told and returned["data"]["opinion"] in told
    assert "2026-03-02 09:20:00" in told


@pytest.fixture
def applied(factory: Line, request: pytest.FixtureRequest) -> str:
    """The acceptance number of an application whose form is made; of somebody new each time."""
    seed = 760 + len(request.node.name)
    saved = specimen.saved(seed, enterprise=seed)
    assert factory.run("submit", "-", stdin=line(saved)).exit_code == OK
    number: str = saved["data"]["application"]["acceptance_number"]
    factory.wait(lambda: factory.json("documents", number)[0]["files"])
    return number


def signed_outside(
    factory: Line, number: str, party: str, folder: Path, algorithm: str = "p256"
) -> JsonObject:
    """A form prepared for a party, who has signed its attributes with openssl, as README says."""
    folder.mkdir()
    made = ("form", "test-party", number, "--party", party, "--algorithm", algorithm)
    assert factory.run(*made, "--out", str(folder)).exit_code == OK
    files = ("--certificate", folder / "certificate.pem", "--attributes", folder / "attributes.der")
    prepared = ("form", "prepare", number, "--party", party, *map(str, files))
    waiting: JsonObject = factory.json(*prepared)
    openssl(folder, "dgst", "-sha256", "-sign", "key.pem", "-out", "signature.bin",
            "attributes.der")  # fmt: skip
    return waiting


def sign(factory: Line, number: str, party: str, folder: Path, algorithm: str) -> JsonObject:
    """A party signs, at the desk."""
    waiting = signed_outside(factory, number, party, folder, algorithm)
    signature = str(folder / "signature.bin")
    done = factory.json("form", "complete", waiting["token"], "--signature", signature)
    assert done["status"] == "accepted"
    return waiting


def contained(factory: Line, number: str, folder: Path, *options: str) -> tuple[str, Path]:
    """The token of a form, and the container that openssl makes over its content."""
    out = str(folder / "p")
    made = factory.run("form", "test-party", number, "--party", "applicant", "--out", out)
    assert made.exit_code == OK
    content, container = folder / "content.bin", folder / "container.der"
    prepared = ("form", "prepare", number, "--party", "applicant", "--content", str(content))
    token: str = factory.json(*prepared)["token"]
    openssl(folder, "cms", "-sign", *options, "-binary", "-in", "content.bin", "-signer",
            "p/certificate.pem", "-inkey", "p/key.pem", "-certfile", "p/issuer.pem", "-outform",
            "DER", "-out", "container.der")  # fmt: skip
    return token, container


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True)


def test_both_parties_sign_a_form_with_openssl(factory: Line, applied: str, tmp_path: Path) -> None:
    first = sign(factory, applied, "applicant", tmp_path / "person", "p256")
    second = sign(factory, applied, "enterprise", tmp_path / "firm", "rsa2048")

    assert [(each["step"], each["of"]) for each in (first, second)] == [(1, 2), (2, 2)]
    assert "已受理" in factory.run("status", applied).stdout
    data, _ = download(
        factory.run("documents", applied, "--link", "application_form").stdout.strip()
    )
    (tmp_path / "signed.pdf").write_bytes(data)
    verified = factory.run("verify", str(tmp_path / "signed.pdf"))
    assert verified.exit_code == OK
    assert "signed live" in verified.stdout and "signed by 申请人, 聘用企业" in verified.stdout


def test_a_container_made_by_openssl_signs_a_form(
    factory: Line, applied: str, tmp_path: Path
) -> None:
    token, container = contained(factory, applied, tmp_path, "-cades")

    done = factory.run("form", "complete", token, "--cms", str(container))
    again = factory.run("form", "complete", token, "--cms", str(container))

    assert done.exit_code == OK, done.stderr
    assert "signed: application" in done.stdout
    assert again.exit_code == OK and "nothing changed" in again.stdout


def test_a_signature_that_does_not_fit_exits_with_the_reason(
    factory: Line, applied: str, tmp_path: Path
) -> None:
    factory.run("form", "test-party", applied, "--party", "applicant", "--out", str(tmp_path / "p"))
    certificate = str(tmp_path / "p" / "certificate.pem")
    prepared = ("form", "prepare", applied, "--party", "applicant", "--certificate", certificate)
    (tmp_path / "wrong.bin").write_bytes(bytes(64))

    refused = factory.run(
        "form", "complete", factory.json(*prepared)["token"], "--signature",
        str(tmp_path / "wrong.bin"),
    )  # fmt: skip

    assert refused.exit_code == REFUSED
    assert "signature" in refused.stderr and "Traceback" not in refused.output


def test_a_container_that_does_not_sign_its_certificate_is_refused(
    factory: Line, applied: str, tmp_path: Path
) -> None:
    token, container = contained(factory, applied, tmp_path)

    refused = factory.run("form", "complete", token, "--cms", str(container))

    assert refused.exit_code == REFUSED and "RFC 5035" in refused.stderr


def test_what_is_stale_exits_otherwise_than_what_is_wrong(
    factory: Line, applied: str, tmp_path: Path
) -> None:
    token, container = contained(factory, applied, tmp_path, "-cades")
    sign(factory, applied, "applicant", tmp_path / "person", "p256")

    stale = factory.run("form", "complete", token, "--cms", str(container), "--json")
    early = factory.run("form", "prepare", applied, "--party", "applicant")

    assert stale.exit_code == CONFLICT
    assert json.loads(stale.stdout)["fault"] == "conflict"
    assert early.exit_code == CONFLICT and "has signed" in early.stderr


@pytest.mark.parametrize("option", ["--certificate", "--picture"])
def test_an_empty_file_is_refused(factory: Line, applied: str, tmp_path: Path, option: str) -> None:
    (tmp_path / "empty").write_bytes(b"")

    refused = factory.run(
        "form", "prepare", applied, "--party", "applicant", option, str(tmp_path / "empty")
    )

    assert refused.exit_code == REFUSED and "the file is empty" in refused.stderr


def test_earlier_files_of_a_form_stay_and_have_links(
    factory: Line, applied: str, tmp_path: Path
) -> None:
    sign(factory, applied, "applicant", tmp_path / "person", "p256")

    found = [
        factory.run("documents", applied, "--link", "application_form", "--step", step)
        for step in ("0", "1", "2")
    ]

    assert [each.exit_code for each in found] == [OK, OK, NOT_FOUND]
    (tmp_path / "unsigned.pdf").write_bytes(download(found[0].stdout.strip())[0])
    verified = factory.run("verify", str(tmp_path / "unsigned.pdf"))
    assert verified.exit_code == NOT_IN_FORCE and "另" not in verified.stdout
    assert "another party has signed it since (已加签)" in verified.stdout


def test_refused_lines_of_a_pipe_are_kept_here(factory: Line, tmp_path: Path) -> None:
    example = factory.run("events", "example", "application.signed").stdout

    told = subprocess.run(
        ["bash", "-c", '"$0" "$1" submit <(cat)', sys.executable, str(ROOT / "cli.py")],
        input=example.encode(), cwd=tmp_path, env=os.environ | factory.env, capture_output=True,
        check=False,
    )  # fmt: skip

    assert told.returncode == REFUSED and b"Traceback" not in told.stderr
    assert (tmp_path / "stdin.rejects.jsonl").read_text() == example


def test_a_private_key_is_not_taken_for_a_certificate(
    factory: Line, applied: str, tmp_path: Path
) -> None:
    factory.run("form", "test-party", applied, "--party", "applicant", "--out", str(tmp_path / "p"))
    key = str(tmp_path / "p" / "key.pem")

    refused = factory.run("form", "prepare", applied, "--party", "applicant", "--certificate", key)

    assert refused.exit_code == REFUSED and "private key" in refused.stderr


def test_the_form_of_nobody_is_not_found(factory: Line) -> None:
    refused = factory.run("form", "prepare", "W2099010330001", "--party", "applicant")

    assert refused.exit_code == NOT_FOUND


def test_a_certificate_is_needed_for_signed_attributes(
    factory: Line, applied: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "attributes.der")

    refused = factory.run("form", "prepare", applied, "--party", "applicant", "--attributes", file)

    assert refused.exit_code == USAGE and not Path(file).exists()


#: the boxes of the README's section about keys, line by line, and what is seen then
KEYS_SHOW = {
    "certfactory keys list": "shanghai-constructor",
    "certfactory signer status": "signatures",
    "certfactory signer stop --reason drill": "stopped",
    "certfactory keys sealed shanghai-constructor": "collected",
    "certfactory upkeep": "archived",
    "certfactory verify *.pdf": "valid",
    "certfactory keys test-revoke shanghai-constructor": "wrote",
}


def test_the_readme_s_boxes_about_keys_show_what_they_say(
    factory: Line, revocable: None, tmp_path: Path
) -> None:
    number = factory.issue(approval(790))
    factory.run("collect", number)
    (tmp_path / "one.pdf").write_bytes(download(factory.run("link", number).stdout.strip())[0])

    lines = boxes("Keys")
    assert len(lines) == len(KEYS_SHOW)
    for typed, (beginning, shown) in zip(lines, KEYS_SHOW.items(), strict=True):
        assert typed.startswith(beginning)
        done = factory.type(typed, tmp_path)
        code = NOT_IN_FORCE if "--at" in typed else OK  # the certificate itself is over by then
        assert (done.returncode, shown in done.stdout) == (code, True), (typed, done.stdout)

    assert factory.json("signer", "status")["stopped"] == []
    assert factory.run("verify", str(tmp_path / "one.pdf")).exit_code == OK  # as its stamp proves


#: the same of what shows that nothing was lost or forged; the drill starts a factory of its own
#: (tests/jobs/drill), and a restore needs an empty place (tests/jobs/backup)
HELD_SHOW = {
    "certfactory recheck": "bad: 0",
    "certfactory recheck --sample 1000": "bad: 0",
    "certfactory audit verify": "nothing was removed",
    "certfactory audit head --save kept": "certificate-factory.log",
    "certfactory audit prove NUMBER > proof.json": "",
    "certfactory personal export NUMBER person.zip": "entries",
    "certfactory personal erase NUMBER": "nothing of theirs can be opened",
    "certfactory keys master rotate": "wrapped by it now",
    "certfactory backup backups": "backups",
}


def test_the_readme_s_box_about_what_is_lost_or_forged_shows_what_it_says(
    factory: Line, tmp_path: Path
) -> None:
    number = factory.issue(approval(791))
    factory.json("submit", "-", stdin=line(specimen.cancelled(791)))
    factory.wait(lambda: factory.run("audit", "prove", number).exit_code == OK)

    typed_here = re.compile("certfactory (?!drill|restore)").match
    lines = list(filter(typed_here, boxes("Nothing lost, nothing forged")))
    assert len(lines) == len(HELD_SHOW)
    for typed, (beginning, shown) in zip(lines, HELD_SHOW.items(), strict=True):
        assert typed.startswith(beginning)
        done = factory.type(typed.replace("NUMBER", number), tmp_path)
        assert (done.returncode, shown in done.stdout) == (OK, True), (typed, done)

    script = shlex.quote(str(ROOT / "docs/check_proof.py"))
    offline = f"python {script} proof.json --head kept/head.txt"
    assert "PROVEN" in factory.type(offline, tmp_path).stdout


@pytest.fixture
def revocable(factory: Line) -> Iterator[None]:
    """Whoever is revoked meanwhile is not for the other tests of this factory."""
    lists = factory.data_dir / "keyring" / "revocation"
    before = {each: each.read_bytes() for each in lists.glob("*")}
    yield
    for each in lists.glob("*"):
        each.write_bytes(before[each]) if each in before else each.unlink()


def boxes(heading: str) -> list[str]:
    """The lines to be typed that a section of the README has."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [each.strip() for each in section.splitlines() if each.startswith("    ")]


def test_what_was_collected_can_be_downloaded_and_verified(factory: Line, tmp_path: Path) -> None:
    number = factory.issue(approval(707))
    collected = factory.json("collect", number)

    data, headers = download(factory.run("link", number).stdout.strip())

    disposition = urllib.parse.unquote(headers["Content-Disposition"])
    (tmp_path / "mine.pdf").write_bytes(data)
    assert collected["state"] == "collected"
    assert f"{number}.pdf" in disposition
    assert sha256(data).hexdigest() == factory.editions(number)[0]["files"][0]["sha256"]
    assert factory.run("verify", str(tmp_path / "mine.pdf")).exit_code == OK


def test_there_is_no_link_before_collecting(factory: Line) -> None:
    number = factory.issue(approval(708))

    done = factory.run("link", number)

    assert done.exit_code == CONFLICT
    assert "未领证" in done.stderr


def paper(event: JsonObject) -> str:
    number: str = event["data"]["holder"]["id_number"]
    return number


def test_the_public_is_shown_no_event(factory: Line) -> None:
    event = approval(740)
    factory.issue(event)

    done = factory.run("status", event["id"], "--as", "public")

    assert done.exit_code == REFUSED
    assert done.stdout == ""


def test_an_enterprise_does_not_collect_for_its_people(factory: Line) -> None:
    event = approval(741)
    number = factory.issue(event)
    as_employer = (
        "--as",
        "enterprise",
        "--credit-code",
        event["data"]["enterprise"]["credit_code"],
    )

    seen, taken = (factory.run(word, number, *as_employer) for word in ("status", "collect"))

    assert (seen.exit_code, taken.exit_code) == (OK, REFUSED)
    assert "未领证" in seen.stdout
    assert factory.editions(number)[0]["state"] == "uncollected"


@pytest.mark.parametrize("way", ["file", "standard input", "prompt"])
def test_a_holder_collects_by_the_number_of_their_paper(
    factory: Line, tmp_path: Path, way: str
) -> None:
    event = approval({"file": 742, "standard input": 743, "prompt": 744}[way])
    number = factory.issue(event)
    (tmp_path / "paper.txt").write_text(paper(event) + "\n")
    words = {"file": ["--paper", str(tmp_path / "paper.txt")], "standard input": ["--paper", "-"]}

    done = factory.run(
        "collect", number, "--as", "holder", *words.get(way, []), stdin=paper(event) + "\n"
    )

    assert done.exit_code == OK, done.stderr
    assert paper(event) not in done.output
    assert factory.editions(number)[0]["state"] == "collected"


@pytest.mark.parametrize("words", ["collect", "link", "status"])
def test_a_holder_is_refused_what_is_another_holders(factory: Line, words: str) -> None:
    own, other = approval(745), approval(746)
    factory.json("submit", "-", stdin=line(own))
    number = factory.json("submit", "-", stdin=line(other))["lines"][0]["registration"]

    done = factory.run(words, number, "--as", "holder", "--paper", "-", stdin=paper(own))

    assert done.exit_code == REFUSED
    assert "belongs to another holder" in " ".join(done.stderr.split())
    assert paper(own) not in done.output


@pytest.mark.parametrize(
    "words",
    [
        "status --as public",
        "collect 1 --as enterprise",
        "slip 1 --as holder --paper absent.txt",
        "link 1 --as holder --paper -",
        "link 1 --as nobody",
    ],
)
def test_whoever_does_not_say_who_they_are_is_told_how(factory: Line, words: str) -> None:
    done = factory.run(*words.split(), stdin="身份证\n")

    assert done.exit_code == USAGE
    assert "身份证" not in done.output


@dataclass(frozen=True)
class Reissue:
    """A rename that was carried out with the command line, step by step."""

    number: str
    old_file: Path
    steps: dict[str, Result]


@pytest.fixture(scope="module")
def reissue(factory: Line, tmp_path_factory: pytest.TempPathFactory) -> Reissue:
    number = factory.issue(approval(710))
    factory.json("collect", number)
    old = tmp_path_factory.mktemp("reissue") / "old.pdf"
    old.write_bytes(download(factory.run("link", number).stdout.strip())[0])
    event = line(specimen.renamed(710, enterprise=710))
    batch = str(factory.json("submit", "-", stdin=event)["lines"][0]["batch"])
    confirm = ("bulk", "confirm", batch, "--reason", "notice 7")
    steps = {
        "watch": factory.run("bulk", "watch", batch),
        "show": factory.run("bulk", "show", batch, "--json"),
        "confirm": factory.run(*confirm, "--json"),
        "confirm again": factory.run(*confirm),
        "outdated": factory.run("link", number, "--edition", "1"),
        "end": factory.run("bulk", "watch", batch, "--json"),
        "list": factory.run("bulk", "list"),
    }
    return Reissue(number, old, steps)


def test_a_bulk_event_waits_for_confirmation(reissue: Reissue) -> None:
    shown = json.loads(reissue.steps["show"].stdout)

    assert reissue.steps["watch"].exit_code == OK
    assert "bulk confirm" in reissue.steps["watch"].stderr
    assert (shown["state"], shown["total"], shown["pending"]) == ("awaiting_confirmation", 1, 1)
    assert shown["owner"] == "enterprise"  # as the one register says in which somebody is affected


def test_a_confirmed_bulk_event_reissues_everything(factory: Line, reissue: Reissue) -> None:
    end = json.loads(reissue.steps["end"].stdout)

    assert reissue.steps["confirm"].exit_code == OK
    assert (end["state"], end["done"], end["held"]) == ("completed", 1, 0)
    assert end["reason"] == "notice 7"
    assert "completed" in reissue.steps["list"].stdout
    assert [e["state"] for e in factory.editions(reissue.number)] == ["superseded", "uncollected"]


def test_a_bulk_event_is_confirmed_once(reissue: Reissue) -> None:
    again = reissue.steps["confirm again"]

    assert again.exit_code == CONFLICT
    assert "not waiting for confirmation" in again.stderr


def test_a_certificate_that_is_being_replaced_has_no_link(reissue: Reissue) -> None:
    done = reissue.steps["outdated"]

    assert done.exit_code == CONFLICT
    assert "edition 1" in done.stderr


def test_verify_tells_a_superseded_certificate_from_one_in_force(
    factory: Line, reissue: Reissue
) -> None:
    done = factory.run("verify", str(reissue.old_file))

    assert done.exit_code == NOT_IN_FORCE
    assert "superseded" in done.stdout


def test_verify_tells_each_step_of_an_ofd(factory: Line, tmp_path: Path) -> None:
    """Sealed by a stranger: every step is told, and which roots were asked; then they are ours."""
    world = ofd_forging.new_world()
    sealed = ofd_forging.sealed(world, ofd_forging.document())
    (tmp_path / "x.ofd").write_bytes(ofd_forging.package(sealed))

    stranger = factory.run("verify", str(tmp_path / "x.ofd"))
    root = factory.data_dir / "keyring" / "roots" / "sm2.pem"
    root.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in world.roots))
    known = factory.json_of("verify", str(tmp_path / "x.ofd"))
    root.unlink()

    assert stranger.exit_code == REFUSED
    assert "untrusted" in stranger.stdout and "The trust roots are those of" in stranger.stderr
    for step in ("✓ package", "✓ intact", "✓ whole package", "✓ locked", "✓ signature",
                 "✗ seal maker's trust", "✗ trust", "✓ signing time"):  # fmt: skip
        assert step in stranger.stdout
    assert known[0]["word"] == "unrecorded"
    assert known[0]["verdict"]["verdict"] == "valid"


def test_verify_says_of_another_file_that_it_is_neither(factory: Line, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")

    done = factory.run("verify", str(tmp_path / "x.txt"))

    assert done.exit_code == REFUSED
    assert "unreadable" in done.stdout and "is neither a PDF nor an OFD" in done.stdout


@pytest.mark.parametrize("start", [b"%PDF-1.7\n", b"PK\x03\x04"])
def test_verify_reads_no_more_of_a_file_than_it_judges(
    factory: Line, tmp_path: Path, start: bytes
) -> None:
    huge = tmp_path / "huge"
    huge.write_bytes(start)
    os.truncate(huge, 3 * 1024**3)

    tracemalloc.start()
    done = factory.run("verify", str(huge))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert done.exit_code == REFUSED
    assert "unreadable" in done.stdout and "larger than" in done.stdout
    assert peak < 5 * verify.MOST_BYTES


def test_verify_refuses_an_altered_certificate(factory: Line, reissue: Reissue) -> None:
    data = bytearray(reissue.old_file.read_bytes())
    data[len(data) // 3] ^= 1
    altered = reissue.old_file.with_name("altered.pdf")
    altered.write_bytes(data)

    done = factory.run("verify", str(altered), "--json")

    [finding] = json.loads(done.stdout)
    assert done.exit_code == REFUSED
    assert finding["word"] != "valid"


def test_verify_refuses_a_foreign_document(factory: Line, tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "foreign.pdf"))
    canvas.drawString(72, 720, "a certificate, or so it says")
    canvas.save()

    done = factory.run("verify", str(tmp_path / "foreign.pdf"))

    assert done.exit_code == REFUSED
    assert "registration" not in done.stdout


def test_verify_tells_whose_roots_it_asked_where_the_seal_is_anothers(
    factory: Line, reissue: Reissue, tmp_path: Path
) -> None:
    new_plant(tmp_path, f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    other = Line(tmp_path, "")

    done, own = (each.run("verify", str(reissue.old_file)) for each in (other, factory))

    assert done.exit_code == REFUSED
    assert f"The trust roots are those of {tmp_path / 'keyring'}." in done.stderr
    assert "FACTORY_DATA_DIR=var/demo/data" in done.stderr
    assert own.stderr == ""


def test_a_name_no_face_can_print_is_held_with_its_code_point(factory: Line) -> None:
    event = approval(720, name="王\ue0c5")
    factory.json("submit", "-", stdin=line(event))
    factory.wait(lambda: factory.holds(event))

    [hold] = factory.holds(event)

    shown = factory.run("held", "show", str(hold["id"])).stdout
    assert (hold["reason"], hold["subject_kind"]) == ("character", "order")
    assert "U+E0C5" in shown
    assert "王" not in shown + factory.run("held", "list").stdout


def test_a_held_order_that_is_not_mended_is_held_again(factory: Line) -> None:
    event = approval(721, name="王\ue0c6")
    factory.json("submit", "-", stdin=line(event))
    factory.wait(lambda: factory.holds(event))
    [hold] = factory.holds(event)

    moved = factory.json("held", "retry", str(hold["id"]))

    factory.wait(lambda: [each["id"] for each in factory.holds(event)] not in ([], [hold["id"]]))
    assert (moved["subject_kind"], moved["state"]) == ("order", "ready")
    assert factory.run("held", "retry", str(hold["id"])).exit_code == CONFLICT


def test_a_held_order_cannot_be_dismissed(factory: Line) -> None:
    event = approval(722, name="王\ue0c7")
    factory.json("submit", "-", stdin=line(event))
    factory.wait(lambda: factory.holds(event))

    done = factory.run("held", "dismiss", str(factory.holds(event)[0]["id"]), "--reason", "no")

    assert done.exit_code == CONFLICT


def test_retrying_an_event_says_that_it_is_held_again(factory: Line) -> None:
    event = with_a_bad_photo(723)
    factory.run("submit", "-", stdin=line(event))
    [hold] = factory.holds(event)

    done = factory.run("held", "retry", str(hold["id"]), "--json")

    moved = json.loads(done.stdout)
    assert done.exit_code == REFUSED
    assert (moved["state"], moved["held"]) == ("held", factory.holds(event)[0]["id"])
    assert moved["held"] == hold["id"]


def test_a_dismissed_event_is_closed_for_good(factory: Line) -> None:
    event = with_a_bad_photo(724)
    factory.run("submit", "-", stdin=line(event))
    dismiss = ("held", "dismiss", str(factory.holds(event)[0]["id"]), "--reason", "sent anew")

    first, again = factory.run(*dismiss), factory.run(*dismiss)

    assert "dismissed" in first.stdout
    assert again.exit_code == CONFLICT
    assert factory.json("status", event["id"])[0]["event"]["state"] == "dismissed"


def test_a_source_submits_only_what_it_was_granted(factory: Line, tmp_path: Path) -> None:
    event = approval(725) | {"source": "urn:example:another-portal"}
    rejects = str(tmp_path / "rejects.jsonl")
    before = factory.run("submit", "-", "--rejects", rejects, stdin=line(event))

    factory.run("sources", "grant", event["source"], specimen.PROFILE)

    after = factory.run("submit", "-", stdin=line(event))
    granted = {"source": event["source"], "profile": specimen.PROFILE}
    assert (before.exit_code, after.exit_code) == (REFUSED, OK)
    assert granted in factory.json("sources", "list")


def test_the_doctor_finds_everything_well(factory: Line) -> None:
    done = factory.run("doctor")

    assert done.exit_code == OK
    assert "✗" not in done.stdout


def test_a_broken_setting_is_named(factory: Line) -> None:
    done = factory.run("doctor", FACTORY_CHUNK_ITEMS="a hundred")

    assert done.exit_code == NOT_SET_UP
    assert "FACTORY_CHUNK_ITEMS" in done.stderr


def test_the_doctor_names_the_neighbour_that_is_away(factory: Line) -> None:
    with socket.socket() as nobody:
        nobody.bind((LOOPBACK, 0))
        url = f"redis://{LOOPBACK}:{nobody.getsockname()[1]}/0"
        done = factory.run("doctor", "--json", FACTORY_REDIS_URL=url)

    found = {each["name"]: each["well"] for each in json.loads(done.stdout)}
    assert done.exit_code == NOT_SET_UP
    assert [name for name, well in found.items() if not well] == ["broker"]


def test_migrating_again_changes_nothing(factory: Line) -> None:
    first, again = factory.run("migrate"), factory.run("migrate")

    assert (first.exit_code, again.exit_code) == (OK, OK)
    assert first.stdout == again.stdout


def test_the_keys_are_listed_and_marked_as_test_keys(factory: Line) -> None:
    found = factory.json("keys", "list")

    assert specimen.PROFILE in {key["name"] for key in found}
    assert all(key["test"] for key in found)


@pytest.mark.parametrize("words", ["status", "doctor", "bulk list", "held list", "sources list"])
def test_lists_are_printed_for_programs_too(factory: Line, words: str) -> None:
    found = factory.json(*words.split())

    assert isinstance(found, list | dict)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_every_shell(factory: Line, shell: str) -> None:
    done = factory.run("completion", shell)

    assert "_CERTFACTORY_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("status no-such-thing", NOT_FOUND),
        ("status 沪2312016202499999", NOT_FOUND),
        ("status \udcff", USAGE),
        ("collect no-such-number", NOT_FOUND),
        ("link no-such-number", NOT_FOUND),
        ("link 沪2312016202400001 --edition 99", NOT_FOUND),
        ("link 沪2312016202400001 --edition x", USAGE),
        ("link no-such-number --format OFD", NOT_FOUND),
        ("link no-such-number --format docx", USAGE),
        ("bulk show 999", NOT_FOUND),
        ("bulk show 0", USAGE),
        ("bulk show 99999999999999999999", USAGE),
        ("bulk watch 999", NOT_FOUND),
        ("bulk confirm 999 --reason why", NOT_FOUND),
        ("bulk confirm 1", USAGE),
        ("held show 999", NOT_FOUND),
        ("held show all", USAGE),
        ("held retry 999", NOT_FOUND),
        ("held dismiss 999 --reason why", NOT_FOUND),
        ("sources grant urn:example:x no-such-profile", NOT_FOUND),
        ("sources grant \udcff shanghai-constructor", USAGE),
        ("events example no-such-type", USAGE),
        ("verify no-such-file.pdf", NOT_FOUND),
        ("verify README.md", REFUSED),
        ("verify .", NOT_FOUND),
        ("no-such-command", USAGE),
    ],
)
def test_wrong_input_ends_in_one_line_and_its_code(
    factory: Line, monkeypatch: pytest.MonkeyPatch, words: str, code: int
) -> None:
    monkeypatch.chdir(ROOT)
    factory.run("submit", "-", stdin=line(approval(701)))

    done = factory.run(*words.split(" "))

    assert done.exit_code == code
    assert isinstance(done.exception, SystemExit), done.exception


@pytest.mark.parametrize(
    "words", ["status", "migrate", "work", "held list", "bulk list", "submit -", "collect 1"]
)
def test_a_machine_without_keys_is_told_what_to_do(tmp_path: Path, words: str) -> None:
    fresh = Line(tmp_path / "absent", "")

    done = fresh.run(*words.split(), FACTORY_METRICS_PORT="0")

    assert done.exit_code == NOT_SET_UP
    assert "certfactory up" in done.stderr
    assert not fresh.data_dir.exists()


def test_the_doctor_looks_at_a_machine_without_keys_too(tmp_path: Path) -> None:
    fresh = Line(tmp_path / "absent", "")

    done = fresh.run("doctor")

    assert done.exit_code == NOT_SET_UP
    assert "certfactory up" in done.stdout


def _commands(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            _, each, _ = command.resolve_command(context, [name])
            assert each
            yield from _commands(each, *path, name)


COMMANDS = dict(_commands(cli.main))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_explains_itself_and_its_options(path: str) -> None:
    command = COMMANDS[path]

    done = CliRunner().invoke(cli.main, [*path.split(), "--help"])

    options = [each for each in command.params if isinstance(each, click.Option)]
    assert done.exit_code == OK
    assert command.help
    assert all(option.help for option in options)


@pytest.mark.parametrize("listed", cli.COMMANDS, ids=lambda listed: listed.name)
def test_the_list_of_commands_says_what_each_says_of_itself(listed: Later) -> None:
    said = COMMANDS[listed.name].get_short_help_str(A_PARAGRAPH)

    assert listed.get_short_help_str(A_PARAGRAPH) == said


@pytest.mark.parametrize(
    ("words", "variables", "told"),
    [
        (["--help"], {}, "Commands:"),
        (["--version"], {}, "version"),
        (["nonsense"], {}, "No such command"),
        (
            [],
            {"_CLI_PY_COMPLETE": "bash_complete", "COMP_WORDS": "cli.py ", "COMP_CWORD": "1"},
            "plain,bulk",
        ),
    ],
    ids=["help", "version", "no such command", "completion"],
)
def test_what_runs_no_command_loads_none(
    words: list[str], variables: dict[str, str], told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "cli.py", *words],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert told in done.stdout + done.stderr
    assert "jobs.commands.root" in loaded
    assert loaded & HEAVY == set()
