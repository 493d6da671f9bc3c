"""docs/runbooks/: whoever follows one in the state it is about finds what it says, and mends it."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from factory import specimen
from factory.errors import KeyBusyError
from factory.model import SHANGHAI, BatchId, BatchState
from jobs import callers, desk, notices, operators
from jobs.backup import taking
from jobs.bulk import steering
from jobs.drill.database import Postgres
from jobs.drill.killer import Hold, Poison
from jobs.intake import Status
from jobs.opening import EXAMPLE_SOURCE
from jobs.servers import Server
from jobs.signer.switch import Switch
from jobs.wiring import Plant
from storage import tables as t
from storage.blobs import Blob
from storage.ledger import audit, backups, log_standing
from storage.new_keyring import create_test_keyring
from storage.signer_process import SignerProcess
from tests.fontmaking import EXTENSION_I, SHAPE, small_font
from tests.jobs.bulking import BEFORE, COST_ENGINEER, version_text
from tests.jobs.faults.works import WHO, Works, wait_for
from tests.plants import PROFILE, on_server
from tests.receiving import Receiver
from tests.runbooks.books import ROOT, RUNBOOKS, SECTIONS, comes_in, paths, queries, sections
from tests.runbooks.conftest import WRONG, Opened, database_programs
from tests.runbooks.doors import Door

SEEDS, FIRMS = count(1), count(1)
METRIC, HISTOGRAM = re.compile(r"\bfactory_[a-z_]+\b"), re.compile("_(bucket|sum|count)$")
MEMBERS = ("signer", "control-0", "interactive-0", "bulk-0")
SEAL_DAYS, LEFT_DAYS = 1095, 20
RIGHT, UNDER_ANOTHER_KEY = "2025-07", "2025-08"
AUTHORITY = "上海市住房和城乡建设管理委员会"
FORMER_NAME = "上海示例建设集团股份有限公司"


# --- what all of them share -------------------------------------------------------------------


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_a_runbook_has_its_sections_in_their_order_and_says_something_in_each(path: Path) -> None:
    found = sections(path.read_text("utf-8"))

    assert tuple(found) == SECTIONS
    assert all(text.strip() for text in found.values())


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_a_runbook_has_something_to_look_at_and_a_scene_in_which_it_is_followed(path: Path) -> None:
    text = path.read_text("utf-8")

    assert "```sh" in text and queries(text)
    assert f"test_{path.stem.replace('-', '_')}" in globals()


@pytest.mark.parametrize("path", [*paths(), RUNBOOKS / "README.md"], ids=lambda path: path.stem)
def test_the_links_of_a_runbook_lead_somewhere(path: Path) -> None:
    names = re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8"))

    assert [name for name in names if not (path.parent / name).exists()] == []


def test_the_index_names_every_runbook() -> None:
    index = (RUNBOOKS / "README.md").read_text("utf-8")

    assert set(re.findall(r"\]\(([a-z-]+\.md)\)", index)) == {path.name for path in paths()}


def test_prometheus_understands_every_query(tmp_path: Path, absent: Callable[[str], None]) -> None:
    if shutil.which("promtool") is None:
        absent("promtool: apt-get install prometheus")
    wanted = [query for path in paths() for query in queries(path.read_text("utf-8"))]
    rules = [f"  - record: q{place}\n    expr: {query!r}" for place, query in enumerate(wanted)]
    file = tmp_path / "queries.yml"
    file.write_text("groups:\n- name: queries\n  rules:\n" + "\n".join(rules) + "\n", "utf-8")

    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_a_query_asks_for_nothing_that_is_not_exported(path: Path) -> None:
    known = (ROOT / "docs" / "metrics.md").read_text("utf-8")

    asked = {name for query in queries(path.read_text("utf-8")) for name in METRIC.findall(query)}

    assert asked or "up{" in path.read_text("utf-8")
    assert {name for name in asked if f"`{HISTOGRAM.sub('', name)}`" not in known} == set()


def test_a_box_that_shows_something_else_would_be_found() -> None:
    assert comes_in(("a…c", "d"), "x\n  abcd\ny\nd\n")
    assert not comes_in(("d", "a…c"), "x\nabcd\ny\nd\n")


# --- what scenes are made of ------------------------------------------------------------------


def firm() -> int:
    return next(FIRMS)


def some(number: int) -> list[int]:
    return [next(SEEDS) for _ in range(number)]


def issued(works: Works, number: int, enterprise: int, plant: Plant | None = None) -> list[str]:
    """Certificates of so many people of an enterprise; registration numbers."""
    at = replace(works, plant=plant) if plant else works
    numbers = at.approve(some(number), enterprise=enterprise)
    works.settle()
    return numbers


def approved(works: Works) -> str:
    """One approval, taken over and perhaps not made yet."""
    return works.approve(some(1), enterprise=firm())[0]


def is_made(works: Works, number: str) -> Callable[[], bool]:
    return lambda: works.made(number)


def the_hold(works: Works, reason: str) -> str:
    """The newest open hold of that reason, once there is one."""
    found: list[int] = []

    def there_is() -> bool:
        found[:] = [h.id for h in desk.open_holds(works.plant) if h.reason == reason]
        return bool(found)

    wait_for(there_is, f"something is held for {reason}")
    return str(found[-1])


def rests(works: Works) -> Callable[[], bool]:
    """Whether a chunk was put off."""
    return lambda: any(row.released for row in works.chunks(state="ready"))


def code_of(enterprise: int) -> str:
    return str(specimen.employer(enterprise)["credit_code"])


def key_of(works: Works, number: str, edition: int) -> str:
    """Under which key an edition's PDF lies, or will."""
    with works.plant.ledger.read() as tx:
        uid = tx.run(
            select(t.registration.c.uid).where(t.registration.c.number == number)
        ).scalar_one()
    return f"{PROFILE}/{uid}/{edition:03}/certificate.pdf"


def put_foreign(works: Works, key: str, data: bytes = b"%PDF-1.7 foreign") -> None:
    """Something else, where a certificate will want to lie."""
    sha256 = hashlib.sha256(data).hexdigest()
    blob = Blob(key=key, data=data, content_type="application/pdf", sha256=sha256)
    assert works.plant.store.put_new(blob)


def collected(works: Works, number: str) -> str:
    desk.collect(works.plant, number, who=WHO)
    return number


def file_of(works: Works, number: str, folder: Path) -> Path:
    """A holder's certificate, as it was downloaded."""
    with works.plant.ledger.read() as tx:
        wanted = select(t.file.c.object_key).where(t.file.c.object_key == key_of(works, number, 1))
        key = str(tx.run(wanted).scalar_one())
    path = folder / "downloaded.pdf"
    path.write_bytes(works.plant.store.get(key))
    return path


def restart(works: Works, *members: str) -> None:
    """Kill them; the crew starts others."""
    for member in members or MEMBERS:
        works.signal(member, signal.SIGKILL)


def restart_signer(works: Works) -> None:
    """Until another one answers."""
    before = works.pid("signer")
    restart(works, "signer")
    until_another_signs(works, before)


def until_another_signs(works: Works, before: int) -> None:
    """before: the process that was killed, which may answer for another instant."""
    wait_for(lambda: works.pid("signer") != before, "another signer process")
    wait_for(lambda: works.plant.signer is not None and is_heard(works.plant.signer), "it answers")


def is_heard(signer: SignerProcess) -> bool:
    try:
        return bool(signer.status())
    except KeyBusyError:
        return False


@pytest.fixture
def asleep(works: Works) -> Iterator[Callable[[str], None]]:
    """Stops a member of the crew without ending it; after the test it is gone or goes on."""
    stopped: list[int] = []

    def stop(member: str) -> None:
        stopped.append(works.pid(member))
        works.signal(member, signal.SIGSTOP)

    yield stop
    for pid in stopped:
        if Path(f"/proc/{pid}").exists():
            os.killpg(pid, signal.SIGCONT)


@pytest.fixture
def store_server(works: Works) -> Iterator[Server]:
    assert works.servers.store is not None
    yield works.servers.store
    if works.servers.store.pid is None:
        works.servers.store.start()


@pytest.fixture
def broker_server(works: Works) -> Iterator[Server]:
    assert works.servers.broker is not None
    yield works.servers.broker
    if works.servers.broker.pid is None:
        works.servers.broker.start()


@pytest.fixture
def database_server(postgres: Postgres) -> Iterator[Server]:
    yield postgres.server
    if postgres.server.pid is None:
        postgres.server.start()


# --- neighbours -------------------------------------------------------------------------------


def test_store_refuses(works: Works, open_book: Opened, store_server: Server) -> None:
    store_server.kill()
    number = approved(works)
    wait_for(rests(works), "a chunk rests")
    book = open_book("store-refuses", works.settings, NUMBER=number)

    book.follow("Look")
    store_server.start()
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_redis_lost(works: Works, open_book: Opened, broker_server: Server) -> None:
    broker_server.kill()
    shutil.rmtree(broker_server.folder / "appendonlydir")
    number = approved(works)
    book = open_book("redis-lost", works.settings, NUMBER=number)

    book.follow("Look")
    broker_server.start()
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_database_errors(
    works: Works, open_book: Opened, database_server: Server, database: str
) -> None:
    gate = works.drill("gate", Hold(queue="interactive", stage="draw"))
    number = approved(works)
    assert database_server.pid is not None
    os.kill(database_server.pid, signal.SIGINT)  # in a crash this one forgets: no fsync
    database_server.stop()
    book = open_book("database-errors", works.settings, NUMBER=number, DATABASE=database)

    book.follow("Look")
    gate.unlink()
    database_server.start()
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_signer_errors(works: Works, open_book: Opened) -> None:
    secret = works.settings.keyring_dir / "identities" / PROFILE / "passphrase"
    away = secret.rename(secret.with_suffix(".away"))
    restart_signer(works)
    number = approved(works)
    wait_for(rests(works), "a chunk rests")
    book = open_book("signer-errors", works.settings, NUMBER=number)

    book.follow("Look")
    away.rename(secret)
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_signer_process(works: Works, open_book: Opened, asleep: Callable[[str], None]) -> None:
    issued(works, 1, firm())
    Switch(works.settings.signer_dir).stop(None, reason="drill", by=WHO)
    asleep("signer")
    number = approved(works)
    wait_for(rests(works), "a chunk rests")
    book = open_book("signer-process", works.settings, NUMBER=number)

    book.follow("Look")
    restart_signer(works)
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_time_stamps(works: Works, open_book: Opened, stamper: Server) -> None:
    stamper.kill()
    number = approved(works)
    wait_for(rests(works), "a chunk rests")
    book = open_book("time-stamps", works.settings, NUMBER=number)

    try:
        book.follow("Look")
    finally:
        stamper.start()
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_proofs_due(works: Works, open_book: Opened) -> None:
    issued(works, 1, firm())
    with works.plant.ledger.write(WHO) as tx:
        newest = tx.run(select(func.max(t.file.c.id))).scalar_one()
        ends = update(t.file).where(t.file.c.id == newest).values(proved_until=soon())
        tx.run(ends)  # as if the certificate of its authority ended then
    works.plant.keyring.renew_test_lists(now=datetime.now(UTC))
    book = open_book("proofs-due", works.settings)

    for section in ("Look", "Mend", "Afterwards"):
        book.follow(section)


def soon() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).date().isoformat()


def test_clock_skew(works: Works, open_book: Opened, tmp_path: Path) -> None:
    """The clock cannot be set wrong here: what is typed is tried with a right one."""
    [number] = issued(works, 1, firm())
    book = open_book("clock-skew", works.settings, FILE=str(file_of(works, number, tmp_path)))

    for section in ("Look", "Mend", "Afterwards"):
        book.follow(section)


# --- who works --------------------------------------------------------------------------------


def test_approvals_late(works: Works, open_book: Opened, asleep: Callable[[str], None]) -> None:
    renamed = firm()
    issued(works, 4, renamed)
    batch = works.prepare_rename(renamed)
    gate = works.drill("gate", Hold(queue="bulk", stage="draw"))
    works.confirm(batch)
    asleep("interactive-0")
    number = approved(works)
    book = open_book("approvals-late", works.settings, BATCH=str(batch), NUMBER=number)

    book.follow("Look")
    book.follow("Mend")
    works.signal("interactive-0", signal.SIGCONT)
    wait_for(is_made(works, number), "the approval is made")

    book.follow("Afterwards")
    gate.unlink()
    works.settle()


def test_oldest_message(works: Works, open_book: Opened, asleep: Callable[[str], None]) -> None:
    asleep("interactive-0")
    number = approved(works)
    book = open_book("oldest-message", works.settings, NUMBER=number)

    book.follow("Look")
    restart(works, "interactive-0")
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_workers_restarting(works: Works, open_book: Opened) -> None:
    with works.plant.ledger.read() as tx:
        newest = tx.run(select(func.max(t.production_order.c.id))).scalar_one() or 0
    poison = works.drill("poison", Poison(orders=tuple(range(newest + 1, newest + 20))))
    number = approved(works)
    book = open_book(
        "workers-restarting", works.settings, NUMBER=number, HOLD=the_hold(works, "poison")
    )

    book.follow("Look")
    poison.unlink()
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_outbox_stuck(works: Works, open_book: Opened, asleep: Callable[[str], None]) -> None:
    asleep("steward")
    number = approved(works)
    book = open_book("outbox-stuck", works.settings, NUMBER=number)

    book.follow("Look")
    restart(works, "steward")
    works.settle()
    book.follow("Mend")

    book.follow("Afterwards")


def test_http_failing(works: Works, open_book: Opened) -> None:
    shut, book = Door(works), open_book("http-failing", works.settings)

    book.follow("Look")
    shut.open()
    try:
        book.follow("Mend")
        wait_for(lambda: works.metric("factory_http_up") == 1, "the exporter sees it")

        book.follow("Afterwards")
    finally:
        shut.close()


def test_exporter_absent(works: Works, open_book: Opened, asleep: Callable[[str], None]) -> None:
    asleep("steward")
    book = open_book("exporter-absent", works.settings)

    book.follow("Look")
    restart(works, "steward")
    wait_for(lambda: answers(works), "the exporter answers")
    book.follow("Mend")

    book.follow("Afterwards")


def answers(works: Works) -> bool:
    try:
        return bool(works.metrics())
    except OSError:
        return False


# --- upstream ---------------------------------------------------------------------------------


@pytest.fixture
def endpoint(works: Works, receiver: Receiver) -> Iterator[str]:
    """The number of an endpoint that is told everything."""
    added = notices.add(works.plant, EXAMPLE_SOURCE, receiver.url, who=WHO)
    yield str(added.endpoint.id)
    receiver.answer = lambda _: 204
    notices.remove(works.plant, added.endpoint.id, who=WHO, why="the scene is over")


def test_part_silent(
    works: Works,
    open_book: Opened,
    asleep: Callable[[str], None],
    endpoint: str,
    receiver: Receiver,
) -> None:
    asleep("notifier")
    number = approved(works)
    works.settle()
    book = open_book("part-silent", works.settings)

    book.follow("Look")
    assert number not in {event["subject"] for event in receiver.taken()}
    restart(works, "notifier")
    book.follow("Mend")
    wait_for(lambda: told(receiver, number), "upstream is told")

    book.follow("Afterwards")


def test_log_behind(works: Works, open_book: Opened, asleep: Callable[[str], None]) -> None:
    wait_for(lambda: pending(works) == 0, "all is appended")
    asleep("steward")
    approved(works)
    assert pending(works) > 0
    book = open_book("log-behind", works.settings)

    book.follow("Look")
    restart(works, "steward")
    wait_for(lambda: pending(works) == 0, "all is appended again")
    book.follow("Mend")
    wait_for(lambda: is_signed(works), "a head is signed")

    book.follow("Afterwards")


def pending(works: Works) -> int:
    with works.plant.ledger.read() as tx:
        return log_standing.standing(tx).pending


def is_signed(works: Works) -> bool:
    with works.plant.ledger.read() as tx:
        return log_standing.standing(tx).signed > 0


def told(receiver: Receiver, number: str) -> bool:
    return number in {event["subject"] for event in receiver.taken()}


def test_notifications_dead(
    works: Works, open_book: Opened, endpoint: str, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 500
    numbers = works.approve(some(4), enterprise=firm())
    wait_for(
        lambda: any(
            each.endpoint.state == "aside" for each in notices.listed(works.plant).endpoints
        ),
        "the endpoint is set aside",
    )
    book = open_book("notifications-dead", works.settings, ENDPOINT=endpoint)

    book.follow("Look")
    receiver.answer = lambda _: 204
    book.follow("Mend")

    wait_for(lambda: all(told(receiver, number) for number in numbers), "upstream is told")
    book.follow("Afterwards")
    works.settle()


def is_aside(works: Works) -> bool:
    return any(each.endpoint.state == "aside" for each in notices.listed(works.plant).endpoints)


# --- what is held -----------------------------------------------------------------------------


def test_failure_ratio(works: Works, open_book: Opened) -> None:
    seed, enterprise = next(SEEDS), firm()
    event = specimen.approved(seed, enterprise)
    broken = event | {"data": event["data"] | {"photo": {"content": "bm8="}}}
    assert works.submit(broken).status is Status.HELD
    hold = the_hold(works, "picture")
    again = works.submit(event | {"id": "sent-again"})
    book = open_book("failure-ratio", works.settings, HOLD=hold, NUMBER=str(again.registration))

    book.follow("Look")
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_held_growing(works: Works, open_book: Opened, tmp_path: Path) -> None:
    font = tmp_path / "rare-han.ttf"
    font.write_bytes(small_font({EXTENSION_I: SHAPE}))
    event = specimen.approved(next(SEEDS), firm())
    event["data"]["holder"]["name"] = f"欧阳{EXTENSION_I}"
    number = str(works.submit(event).registration)
    hold = the_hold(works, "unprintable")
    book = open_book("held-growing", works.settings, HOLD=hold, NUMBER=number, FONT=str(font))

    book.follow("Look")
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_self_check_failed(works: Works, open_book: Opened) -> None:
    [other] = issued(works, 1, firm())
    gate = works.drill("gate", Hold(queue="interactive", stage="store"))
    number = approved(works)
    foreign = key_of(works, number, 1)
    put_foreign(works, foreign, works.plant.store.get(key_of(works, other, 1)))
    gate.unlink()
    book = open_book(
        "self-check-failed", works.settings, HOLD=the_hold(works, "self_check"), NUMBER=number
    )

    book.follow("Look")
    works.plant.store.delete(foreign)
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_number_collision(works: Works, open_book: Opened) -> None:
    first, second = (specimen.imported(next(SEEDS) + 50_000, firm()) for _ in range(2))
    number = str(works.submit(first).registration)
    second["data"]["registration_number"] = first["data"]["registration_number"]
    works.submit(second)
    hold = the_hold(works, "conflict")
    book = open_book("number-collision", works.settings, HOLD=hold, NUMBER=number)

    for section in ("Look", "Mend", "Afterwards"):
        book.follow(section)


# --- bulk events ------------------------------------------------------------------------------


def test_batch_stalled(works: Works, open_book: Opened, asleep: Callable[[str], None]) -> None:
    renamed = firm()
    issued(works, 4, renamed)
    batch = works.prepare_rename(renamed)
    asleep("bulk-0")
    works.confirm(batch)
    book = open_book("batch-stalled", works.settings, BATCH=str(batch))

    book.follow("Look")
    restart(works, "bulk-0")
    book.follow("Mend")

    book.follow("Afterwards")


def test_brake_pulled(works: Works, open_book: Opened) -> None:
    renamed = firm()
    numbers = issued(works, 4, renamed)
    foreign = [key_of(works, number, 2) for number in numbers]
    for key in foreign:
        put_foreign(works, key)
    batch = works.prepare_rename(renamed)
    works.confirm(batch)
    works.until_state(batch, BatchState.STOPPED)
    book = open_book("brake-pulled", works.settings, BATCH=str(batch))

    book.follow("Look")
    for key in foreign:
        works.plant.store.delete(key)
    book.follow("Mend")

    book.follow("Afterwards")
    works.settle()


def test_rename_stuck(works: Works, open_book: Opened) -> None:
    renamed = firm()
    issued(works, 4, renamed)
    batch = works.prepare_rename(renamed)
    gate = works.drill("gate", Hold(queue="bulk", stage="draw"))
    works.confirm(batch)
    steering.pause(works.plant, batch, who=WHO, why="a question")
    other = specimen.renamed(10_000 + renamed, renamed)
    other["data"]["enterprise"] |= {
        "old_name": other["data"]["enterprise"]["new_name"],
        "new_name": FORMER_NAME,
    }
    assert works.submit(other).status is Status.HELD
    book = open_book("rename-stuck", works.settings, CODE=code_of(renamed))

    book.follow("Look")
    gate.unlink()
    book.follow("Mend")
    second = awaiting(works)

    book.follow("Afterwards")
    steering.cancel(works.plant, second, who=WHO, why="the scene is over")


def awaiting(works: Works) -> BatchId:
    """The batch that waits for its confirmation, once there is one."""
    found: list[int] = []

    def there_is() -> bool:
        with works.plant.ledger.read() as tx:
            wanted = select(t.batch.c.id).where(t.batch.c.state == BatchState.AWAITING)
            found[:] = tx.run(wanted).scalars()
        return bool(found)

    wait_for(there_is, "a batch waits for its confirmation")
    return BatchId(found[0])


def test_wrong_rename(works: Works, open_book: Opened) -> None:
    renamed = firm()
    numbers = issued(works, 7, renamed)
    batch = works.prepare_rename(renamed)
    gate = works.drill("gate", Hold(queue="bulk", stage="draw", turn=2))
    works.confirm(batch)
    book = open_book(
        "wrong-rename", works.settings, BATCH=str(batch), CODE=code_of(renamed), NUMBER=numbers[0]
    )
    opens = threading.Thread(target=opened_once, args=(works, batch, gate, BatchState.CANCELLED))

    book.follow("Look")
    opens.start()
    book.follow("Mend")
    opens.join()

    shown = book.follow("Afterwards")
    assert specimen.employer(renamed)["name"] in shown


def opened_once(works: Works, batch: BatchId, gate: Path, state: BatchState) -> None:
    """The gate is opened when the batch has come so far."""
    works.until_state(batch, state)
    gate.unlink()


def test_wrong_design(works: Works, open_book: Opened) -> None:
    older = works.plant.on(BEFORE)
    numbers = issued(works, 4, firm(), plant=older)
    gate = works.drill("gate", Hold(queue="bulk", stage="draw"))
    batch = planned(works, "design.revised", WRONG)
    book = open_book(
        "wrong-design", works.settings,
        BATCH=str(batch), PROFILE=PROFILE, RIGHT=RIGHT, NUMBER=numbers[0],
    )  # fmt: skip
    opens = threading.Thread(target=opened_once, args=(works, batch, gate, BatchState.CANCELLED))

    book.follow("Look")
    opens.start()
    book.follow("Mend", before={"certfactory preview": lambda: install(works, RIGHT)})
    opens.join()

    book.follow("Afterwards")


def planned(works: Works, kind: str, version: str) -> BatchId:
    """A bulk event over the register, confirmed."""
    event = specimen.of_version(kind, 1) | {"id": f"{kind}-{version}"}
    event["data"] |= {"version": version}
    batch = BatchId(works.submit(event).batch or 0)
    works.until_state(batch, BatchState.AWAITING)
    works.confirm(batch)
    return batch


def install(works: Works, version: str, *changes: tuple[str, str]) -> None:
    """A version of the register, on every machine, and the workers started again."""
    assert works.settings.profiles_dir is not None
    text = version_text(version, *changes)
    (works.settings.profiles_dir / f"{version}.toml").write_text(text, "utf-8")
    before = works.pid("signer")
    restart(works)
    until_another_signs(works, before)


# --- what is lost -----------------------------------------------------------------------------


def test_restore(
    works: Works,
    open_book: Opened,
    postgres: Postgres,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join((*database_programs(), os.environ["PATH"])))
    number, lost = (collected(works, each) for each in issued(works, 2, firm()))
    backups = tmp_path / "backups"
    taking.take(works.plant, backups, who=WHO, why="a scene", keep=None, tell=lambda *_: None)
    works.plant.store.delete(key_of(works, lost, 1))
    copy = f"{database}copy"
    on_server(postgres.url, f"CREATE DATABASE {copy.rpartition('/')[2]}")
    book = open_book(
        "restore",
        works.settings,
        NUMBER=number,
        LOST=lost,
        DATABASE=database,
        COPY=copy,
        BACKUPS=str(backups),
    )

    book.follow("Look")
    book.follow("Mend")
    works.settle()

    book.follow("Afterwards")


def test_backup_old(works: Works, open_book: Opened, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    book = open_book("backup-old", works.settings, BACKUPS=str(folder))
    last_taken(works, folder, datetime.now(UTC) - timedelta(hours=40))
    wait_for(lambda: works.metric("factory_backup_age_seconds") > 36 * 3600, "the exporter sees it")

    book.follow("Look")
    book.follow("Mend")
    wait_for(lambda: works.metric("factory_backup_age_seconds") < 3600, "the exporter sees that")

    book.follow("Afterwards")


def last_taken(works: Works, folder: Path, at: datetime) -> None:
    """The newest backup is of then, and its folder is elsewhere."""
    folder.mkdir(mode=0o700)
    with works.plant.ledger.write(WHO) as tx:
        what = {"at": at.isoformat()}
        audit.note(tx, backups.TAKEN, ("backup", "of then"), why="a scene", what=what)


def test_recheck(works: Works, open_book: Opened) -> None:
    since = datetime.now(UTC).isoformat()
    [number] = issued(works, 1, firm())
    collected(works, number)
    key = key_of(works, number, 1)
    data = works.plant.store.get(key)
    works.plant.store.delete(key)
    book = open_book("recheck", works.settings, NUMBER=number, SINCE=since)

    book.follow("Look")
    book.follow("Mend", {"certfactory recheck": lambda: put_foreign(works, key, data)})

    book.follow("Afterwards")


# --- keys -------------------------------------------------------------------------------------


def keyring_of(folder: Path, now: datetime) -> Path:
    """An identity's files as a CA hands them out, and its root."""
    create_test_keyring(
        folder / "keyring",
        identities={PROFILE: AUTHORITY},
        now=now,
        draw_seal=lambda _: b"picture",
    )
    given = folder / "keyring" / "identities" / PROFILE
    shutil.copy(folder / "keyring" / "roots" / "test-root.pem", given / "root.pem")
    return given


def copied(works: Works, folder: Path) -> Path:
    """The keyring of the factory, on another machine."""
    return Path(shutil.copytree(works.settings.keyring_dir, folder / "keyring"))


def test_ending_soon(works: Works, open_book: Opened, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    mine = copied(works, tmp_path)
    old = keyring_of(tmp_path / "old", now - timedelta(days=SEAL_DAYS - LEFT_DAYS))
    for name in ("signing.pem", "chain.pem", "key.p8", "passphrase"):
        shutil.copy2(old / name, mine / "identities" / PROFILE / name)
    shutil.copy(old / "root.pem", mine / "roots" / "old.pem")
    new = keyring_of(tmp_path / "new", now)
    settings = replace(works.settings, keyring_dir=mine)
    book = open_book("ending-soon", settings, NAME=PROFILE, NEW=str(new))

    for section in ("Look", "Mend", "Afterwards"):
        book.follow(section)


def test_key_compromised(works: Works, open_book: Opened, tmp_path: Path) -> None:
    numbers = issued(works, 3, firm())
    before = file_of(works, numbers[0], tmp_path).read_bytes()
    since = datetime.now(SHANGHAI).date() - timedelta(days=1)
    key = callers.issue(works.plant, EXAMPLE_SOURCE, who=WHO).kept.key
    operators.add(works.plant, "clerk-one", who=WHO)
    book = open_book(
        "key-compromised", works.settings,
        NAME=PROFILE, PROFILE=PROFILE, RIGHT=UNDER_ANOTHER_KEY, KEY=key, NUMBER=numbers[0],
        SINCE=f"{since:%F}",
    )  # fmt: skip
    (book.folder / "before.pdf").write_bytes(before)

    book.follow("Look")
    book.follow(
        "Mend", before={"certfactory keys list": lambda: under_another_key(works, tmp_path)}
    )

    book.follow("Afterwards")


def under_another_key(works: Works, folder: Path) -> None:
    """A new seal under a new identity, and a version of the register that names it."""
    given, name = keyring_of(folder, datetime.now(UTC)), f"{PROFILE}-2"
    keyring = works.settings.keyring_dir
    shutil.copytree(given, keyring / "identities" / name)
    shutil.copy(keyring / "identities" / COST_ENGINEER / "seal.png", keyring / "identities" / name)
    shutil.copy(given / "root.pem", keyring / "roots" / f"{name}.pem")
    install(works, UNDER_ANOTHER_KEY, (f'identity = "{PROFILE}"', f'identity = "{name}"'))
