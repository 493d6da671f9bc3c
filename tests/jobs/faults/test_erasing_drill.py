"""The erasure drill: in a factory at work people are erased by order and by age, one of them past
a SIGKILL, and afterwards nothing of theirs is anywhere, while all that was proved is proved still.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import select

import cli
from factory import finished, verify
from factory.errors import ErasedError
from factory.model import BatchId, BatchState, Format
from factory.retention import Ground
from jobs import door as served
from jobs import signatures
from jobs.embedded import Embedded
from jobs.log import heads, proving
from jobs.log.sequencing import append_all
from jobs.personal import erasing
from jobs.servers import LOOPBACK, free_port
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import Tx, audit, batches, inbox, personal, status
from storage.ledger.erasing import past
from tests.jobs.bulking import with_retention
from tests.jobs.personal.lives import REASON, REGISTER, WHO, WITH_SCANS, Life, live
from tests.plants import put_scans

from .dying import killed_at
from .searching import PIECE, Secret, broker, files, found, rows, spelled
from .works import WITH_OFD, Works, at_work, wait_for

SCRIPT = Path(__file__).parents[3] / "docs" / "check_proof.py"
IN_THE_MIDDLE = "storage/blobs.py:delete:return"  #: the first file is gone, the others are there
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
GONE = "持证人的个人信息已依规定删除"
UNDER_WAY = (BatchState.PREPARING, BatchState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who lived in it.

    ordered:   erased by order, the registration cancelled; killed in the middle.
    colleague: of the same firm, erased by order while registered, as the register allows.
    aged:      of another register, with scans; erased by age.
    in_ofd:    of a third one, whose certificates are OFD too; erased by age.
    neighbour: of the same firm as the first, erased by nobody.
    """

    ordered: Life
    colleague: Life
    aged: Life
    in_ofd: Life
    neighbour: Life

    @property
    def erased(self) -> Sequence[Life]:
        """All but one."""
        return (self.ordered, self.colleague, self.aged, self.in_ofd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is noted before anybody is erased.

    secrets: of each person, by holder; wrapped: their data keys as the ledger has them.
    objects: of each the object keys and digests; codes: verification codes.
    proofs:  from the log, with the head they rest on, and a file each.
    """

    holders: Mapping[str, int]
    secrets: Mapping[int, Sequence[Secret]]
    wrapped: Mapping[int, Sequence[bytes]]
    objects: Mapping[int, Sequence[Any]]
    codes: Mapping[int, str]
    proofs: Mapping[int, Any]
    head: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """A factory in which the drill has been."""

    works: Works
    people: People
    known: Known
    searched: Mapping[str, bytes]  #: before anybody was erased
    left: Mapping[str, bytes]  #: everything there is, afterwards
    proofs: Sequence[Any]  #: of the erasures

    @property
    def plant(self) -> Plant:
        """The factory's."""
        return self.works.plant

    def holder(self, life: Life) -> int:
        """Whose row it was."""
        return self.known.holders[life.number]


@pytest.fixture(scope="module")
def drilled(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    """Lived, erased, and looked at."""
    folder, port = tmp_path_factory.mktemp("drill"), free_port()
    door = {"HTTP_PORT": str(port), "HTTP_PUBLIC_URL": f"http://{LOOPBACK}:{port}"}
    with pytest.MonkeyPatch.context() as patch, at_work(servers, folder, **door) as works:
        patch.setattr(signatures, "finish", lambda plant, data: None)  # as `stated_signatures`
        put_scans(works.plant)
        people = lived(works)
        known = note(works.plant, people)
        searched = everything(works, folder)
        proofs = erase(works, people)
        yield Drilled(
            works=works,
            people=people,
            known=known,
            searched=searched,
            left=everything(works, folder),
            proofs=proofs,
        )


# --- living, and being erased -----------------------------------------------------------------


def lived(works: Works) -> People:
    """Each applies, is registered, renamed with the firm, and collects; three end."""

    def made(_: Plant) -> None:
        wait_for(lambda: is_quiet(works), "everything is made")

    one = live(works.plant, 71, REGISTER, made=made)
    two, three = (live(works.plant, seed, REGISTER, beside=one, made=made) for seed in (72, 73))
    aged = live(works.plant, 74, WITH_SCANS, made=made)
    in_ofd = live(works.plant, 75, WITH_OFD, made=made)
    rename_again(works, one)
    for each in (one, aged, in_ofd):
        each.end()
    return People(ordered=one, colleague=two, neighbour=three, aged=aged, in_ofd=in_ofd)


def rename_again(works: Works, one: Life) -> None:
    """All three of the firm are in one bulk event, and named by its list."""
    [event] = [dict(each) for each in one.events if each["type"] == "enterprise.renamed"]
    firm = event["data"]["enterprise"]
    name = firm["new_name"]
    firm = firm | {"old_name": name, "new_name": name.replace("有限公司", "集团有限公司")}
    event |= {"id": f"{event['id']}-again", "data": event["data"] | {"enterprise": firm}}
    batch = BatchId(works.submit(event).batch or 0)
    works.until_state(batch, BatchState.AWAITING)
    works.confirm(batch)
    wait_for(lambda: is_quiet(works), "the firm has its second name")


def is_quiet(works: Works) -> bool:
    with works.plant.ledger.read() as tx:
        busy = [each for each in batches.all_batches(tx) if each.state in UNDER_WAY]
        return status.open_work(tx) == 0 and not busy


def erase(works: Works, people: People) -> Sequence[Any]:
    """One by order, killed and given again; one by order while registered; two by age."""
    words = ("personal", "erase", people.ordered.number, "--reason", REASON, "--json")
    assert killed_at(IN_THE_MIDDLE, *words, settings=works.settings)
    done = CliRunner(env=works.settings.to_env()).invoke(cli.main, words)
    assert done.exit_code == 0, done.output
    [first] = json.loads(done.stdout)
    ruled = with_retention(works.plant, REGISTER, in_force="erase")
    wait_for(lambda: is_quiet(works), "the list is made anew")  # which names the colleague
    second = erased(ruled, people.colleague.holder, Ground.REQUEST)
    for register in (WITH_SCANS, WITH_OFD):
        ruled = with_retention(ruled, register, due_years=10)
    later = in_years(ruled, people)
    third = [erased(later, each, Ground.DUE) for each in list(erasing.due(later))]
    wait_for(lambda: is_quiet(works), "lists are made anew")
    return [first, second, *third]


def erased(plant: Plant, holder: int, ground: Ground) -> Any:
    done = erasing.erase(plant, holder, who=WHO, ground=ground, why=REASON)
    return {"proof": done.proof, "left": done.left}


def in_years(plant: Plant, people: People) -> Plant:
    """The day on which all whose time began to run are due, and nobody else."""
    with plant.ledger.read() as tx:
        ends = [past(tx, personal.of(tx, life.holder)).end for life in (people.aged, people.in_ofd)]
    return plant.on(max(ends).replace(year=max(ends).year + 10) + timedelta(days=1))


# --- what is noted, and where it is looked for ------------------------------------------------


def note(plant: Plant, people: People) -> Known:
    append_all(plant.ledger)
    heads.sign(plant, pause=timedelta(0))
    lives = (*people.erased, people.neighbour)
    holders, c = {life.number: life.holder for life in lives}, t.edition.c
    with plant.ledger.read() as tx:
        objects = {each: objects_of(tx, each) for each in holders.values()}
        newest = {each.holder: status.by_number(tx, each.number).newest for each in lives}
        codes = {
            holder: tx.run(select(c.code).where(c.id == edition.id)).scalar_one()
            for holder, edition in newest.items()
            if edition is not None
        }
        wrapped = {each: keys_of(tx, each) for each in holders.values()}
    head = proving.newest(plant)
    return Known(
        holders=holders,
        secrets={holders[life.number]: list(secrets_of(plant, life)) for life in lives},
        wrapped=wrapped,
        objects=objects,
        codes=codes,
        proofs={holders[life.number]: proving.edition(plant, life.number) for life in lives},
        head=head.text,
        size=head.size,
    )


def objects_of(tx: Tx, holder: int) -> Sequence[Any]:
    """Rows of all files of a person."""
    o, keys = t.production_order.c, personal.of(tx, holder).keys
    wanted = select(t.file).join(t.production_order, o.id == t.file.c.order_id)
    return list(tx.run(wanted.where(o.data_key_id.in_(keys)).order_by(t.file.c.id)))


def keys_of(tx: Tx, holder: int) -> Sequence[bytes]:
    c = t.data_key.c
    return list(tx.run(select(c.wrapped).where(c.id.in_(personal.of(tx, holder).keys))).scalars())


def secrets_of(plant: Plant, life: Life) -> Iterator[Secret]:
    """Name, identity number and phone in all spellings; the portrait as it is printed."""
    people = (each["data"].get("holder", {}) for each in life.events)
    said = next(each for each in people if "mobile" in each)
    for what in ("name", "id_number", "mobile"):
        yield from spelled(f"{what} of {life.number}", said[what])
    with plant.ledger.read() as tx:
        printed = [each for each in objects_of(tx, life.holder) if each.edition_id is not None]
    pictures = {
        picture
        for row in printed
        for picture in finished.read(plant.store.get(row.object_key), Format(row.format)).pictures
    }
    for picture in pictures:
        middle = len(picture) // 2
        piece = picture[middle : middle + PIECE]
        yield Secret(what=f"picture of {life.number}", spelling="bytes", text=piece)


def everything(works: Works, folder: Path) -> Mapping[str, bytes]:
    """All there is of a factory: objects laid open, ledger, broker, logs, metrics, keyring."""
    found = {"metrics": works.metrics().encode()}
    found |= broker(works) | files(folder) | files(works.servers.settings.data_dir / "log")
    found |= rows(works)
    for store in (works.plant.store, works.plant.intake_store):
        keys = list(store.list())
        found |= {f"object keys of {store.bucket}": "\n".join(keys).encode()}
        found |= {f"{store.bucket}/{key}": laid_open(store.get(key)) for key in keys}
    return found


def laid_open(data: bytes) -> bytes:
    """The bytes, what is packed in them, and the text that a reader finds."""
    if data.startswith(b"%PDF"):
        return b"\n".join([data, *unpacked(data), *read(data, Format.PDF)])
    if data.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(data)) as package:
            members = [package.read(name) for name in package.namelist()]
        return b"\n".join([data, *members, *read(data, Format.OFD)])
    return data


def read(data: bytes, fmt: Format) -> Iterator[bytes]:
    yield "".join(finished.read(data, fmt).lines).encode()
    yield verify.twin(data) or b""


def unpacked(data: bytes) -> Iterator[bytes]:
    for stream in STREAM.findall(data):
        opened = zlib.decompressobj()
        try:
            yield opened.decompress(stream)
        except zlib.error:  # it is packed otherwise, or not at all: then its bytes are there
            continue


# --- afterwards -------------------------------------------------------------------------------


def test_before_it_everything_personal_was_found_where_it_is_printed(drilled: Drilled) -> None:
    """Or what follows would say nothing."""
    stores = {name: data for name, data in drilled.searched.items() if "/" in name}
    for life in (*drilled.people.erased, drilled.people.neighbour):
        secrets = drilled.known.secrets[drilled.holder(life)]
        seen = found(secrets, stores)
        forms = life.case.profile.id != WITH_SCANS  # there the forms are scans of others
        for what in ("name", "picture", *(["id_number"] * forms)):
            assert any(each.startswith(f"{what} of") for each in seen), (what, life.number)
        wrapped = drilled.known.wrapped[drilled.holder(life)]
        assert any(key in data for key in wrapped for data in drilled.searched.values())


def test_nothing_personal_of_theirs_is_left_anywhere(drilled: Drilled) -> None:
    """Objects laid open, ledger, broker, logs, metrics: no word, no picture, no key."""
    for life in drilled.people.erased:
        assert found(drilled.known.secrets[drilled.holder(life)], drilled.left) == []
        for key in drilled.known.wrapped[drilled.holder(life)]:
            assert [name for name, data in drilled.left.items() if key in data] == []


def test_no_sealed_column_of_theirs_opens_and_no_object_is_there(drilled: Drilled) -> None:
    plant = drilled.plant
    for life in drilled.people.erased:
        holder = drilled.holder(life)
        with plant.ledger.read() as tx:
            person = personal.of(tx, holder)
            assert personal.counts(tx, person)["holder.person"]
            with pytest.raises(ErasedError):
                list(personal.values(tx, person))
            for event in tx.run(select(t.inbox.c.id).where(t.inbox.c.data_key_id.in_(person.keys))):
                with pytest.raises(ErasedError):
                    inbox.body(tx, event.id)
        assert {plant.store.head(each.object_key) for each in drilled.known.objects[holder]} == {
            None
        }
        assert plant.intake_store.head(life.photo) is None


def test_whoever_was_not_erased_has_everything(drilled: Drilled) -> None:
    plant, life = drilled.plant, drilled.people.neighbour
    holder = drilled.holder(life)
    for each in drilled.known.objects[holder]:
        assert plant.store.get(each.object_key, sha256=each.sha256)
    assert plant.intake_store.head(life.photo) is not None
    with plant.ledger.read() as tx:
        assert list(personal.values(tx, personal.of(tx, holder)))
        assert keys_of(tx, holder) == drilled.known.wrapped[holder]
    kept = {each.split(" in ")[0] for each in found(drilled.known.secrets[holder], drilled.left)}
    before = found(drilled.known.secrets[holder], drilled.searched)
    assert kept == {each.split(" in ")[0] for each in before}


def test_each_erasure_is_proved_once(drilled: Drilled) -> None:
    assert [each["left"] for each in drilled.proofs] == [{}] * 4
    grounds = [each["proof"]["ground"] for each in drilled.proofs]
    assert grounds == ["request", "request", "due", "due"]
    for each in drilled.proofs:
        assert erasing.left(drilled.plant, each["proof"]["holder"]) == {}
        with drilled.plant.ledger.read() as tx:
            noted = audit.of(tx, "holder", each["proof"]["holder"])
        assert [row.what for row in noted if row.action == "erased"] == [each["proof"]]
    named = {each["proof"]["holder"] for each in drilled.proofs}
    assert named == {drilled.holder(life) for life in drilled.people.erased}


def test_the_page_of_verification_says_that_it_is_erased(drilled: Drilled, tmp_path: Path) -> None:
    """Of who was registered still; of who was not, why not, and nothing of the content."""
    people = drilled.people
    asked = (people.ordered, people.colleague, people.neighbour)
    codes = {life.number: drilled.known.codes[drilled.holder(life)] for life in asked}
    pages = page_of_each(drilled, codes, tmp_path / "door.log")

    cancelled, registered, standing = pages.values()
    assert "已注销" in cancelled and GONE in cancelled
    assert "信息已删除" in registered and "已注销" not in registered
    assert "信息已删除" not in standing and GONE not in standing
    told = {"pages": "".join(pages.values()).encode()}
    told |= {"door.log": (tmp_path / "door.log").read_bytes()}
    for life in people.erased:
        assert found(drilled.known.secrets[drilled.holder(life)], told) == []


def page_of_each(drilled: Drilled, codes: Mapping[str, str], log: Path) -> Mapping[str, str]:
    """What a browser gets, from the door in a process of its own."""
    settings = drilled.works.settings
    with (
        log.open("wb") as said,
        subprocess.Popen(served.COMMAND, env=settings.to_env(), stderr=said) as running,
    ):
        try:
            served.wait_until_open(settings)
            url = f"http://{LOOPBACK}:{settings.http_port}/verify"
            return {
                number: httpx.post(url, data={"number": number, "code": code}).text
                for number, code in codes.items()
            }
        finally:
            running.terminate()


def test_the_audit_and_the_register_hold(drilled: Drilled) -> None:
    append_all(drilled.plant.ledger)
    for words in (("audit", "verify", "--json"), ("recheck", "--processes", "1", "--json")):
        done = CliRunner(env=drilled.works.settings.to_env()).invoke(cli.main, words)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["findings"] == []
    assert json.loads(done.stdout)["erased"] > 4


def test_what_the_log_proved_it_proves_still_offline(drilled: Drilled, tmp_path: Path) -> None:
    """With the head of before, with one of now, and that this one follows from that."""
    plant, known = drilled.plant, drilled.known
    append_all(plant.ledger)
    heads.sign(plant, pause=timedelta(0))
    (tmp_path / "before.txt").write_text(known.head, "utf-8")
    (tmp_path / "now.txt").write_text(proving.newest(plant).text, "utf-8")
    follows = proving.consistency(plant, known.size)
    assert checks(tmp_path, follows, "--head", tmp_path / "before.txt") == 0
    for life in (*drilled.people.erased, drilled.people.neighbour):
        before = known.proofs[drilled.holder(life)]
        assert checks(tmp_path, before, "--head", tmp_path / "before.txt") == 0
        now = proving.edition(plant, life.number)
        assert now["entries"][0]["leaf"] == before["entries"][0]["leaf"]
        assert checks(tmp_path, now, "--head", tmp_path / "now.txt") == 0
        now["entries"][0]["leaf"] = now["entries"][0]["leaf"].replace("edition", "Edition", 1)
        assert checks(tmp_path, now, "--head", tmp_path / "now.txt") == 1


def checks(folder: Path, said: Any, *words: str | Path) -> int:
    """The stand-alone script's exit code."""
    (folder / "proof.json").write_text(json.dumps(said), "utf-8")
    run = [sys.executable, "-I", SCRIPT, folder / "proof.json", *words]
    return subprocess.run(run, capture_output=True, check=False).returncode
