"""The demonstration's last act: a rename, looked at first, confirmed, watched, reported, proved."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from factory.errors import ConflictError
from factory.model import BatchId, BatchState, EditionState, Kind
from jobs import desk, documents, enquiry, intake, waiting
from jobs.bulk import confirming, preview, progress, proving, report
from jobs.bulk.progress import Progress
from jobs.bulk.report import Form
from storage.ledger import batches

if TYPE_CHECKING:
    from jobs.wiring import Plant

SAMPLES = 2
FOLDER = "rename"


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """How the rename went; paths are below the demonstration's folder.

    seconds:  from the confirmation to the last certificate.
    pictures: samples, as they are and as they will be.
    missed:   how many certificates the batch should have reached and did not.
    checked:  what the stand-alone script says of the proof, offline.
    old_file, old_link: what is said of the certificate that was replaced.
    """

    batch: int
    old_name: str
    new_name: str
    total: int
    done: int
    skipped: int
    held: int
    missed: int
    seconds: float
    pictures: tuple[str, ...]
    report: str
    sealed: tuple[str, ...]
    proof: str
    checked: str
    registration: str
    old_file: str
    old_link: str

    @property
    def faults(self) -> list[str]:
        """What is not as it should be."""
        wanted = {
            "items are held": not self.held,
            "somebody was missed": not self.missed,
            "there is no picture of the preview": bool(self.pictures),
            "there is no sealed report": bool(self.sealed),
            "the proof does not hold": self.checked.startswith("PROVEN"),
            "the old file is not said to be superseded": "superseded" in self.old_file,
            "the old certificate still has a link": "superseded" in self.old_link,
        }
        return [fault for fault, is_well in wanted.items() if not is_well]


def rename(
    plant: Plant,
    event: Path,
    out: Path,
    checker: Path,
    *,
    who: str,
    patience: float,
    tell: Callable[[int], None],
) -> Renamed:
    """Submit the event, look at what it will do, confirm it, and account for all of it.

    checker: docs/check_proof.py.  ConflictError: the event was not taken.
    """
    batch, folder = _prepared(plant, event, who=who, patience=patience), out / FOLDER
    seen = preview.preview(plant, batch, folder, most=SAMPLES)
    number = _one_of(plant, batch)
    link = desk.link(plant, number, who=who).url
    confirming.confirm(plant, batch, who=who, why="the demonstration's rename")
    waiting.settle(plant, seconds=patience, tell=tell)
    found = progress.progress(plant, batch)
    old = _kept(folder / "old.pdf", _downloaded(link))
    return Renamed(
        batch=batch,
        old_name=found.subject["old_name"],
        new_name=found.subject["new_name"],
        total=found.total,
        done=found.done,
        skipped=found.skipped,
        held=found.held,
        missed=_missed(plant, batch),
        seconds=_took(found),
        pictures=tuple(_below(out, each.picture) for each in seen.samples if each.picture),
        report=_reported(plant, batch, out),
        sealed=tuple(_sealed(plant, batch, out, who)),
        proof=f"{FOLDER}/proof.json",
        checked=_checked(plant, number, batch, out, checker),
        registration=number,
        old_file=_said(plant, old),
        old_link=_refusal(plant, number, who),
    )


def _prepared(plant: Plant, event: Path, *, who: str, patience: float) -> BatchId:
    """The batch of the event, once it waits for its confirmation."""
    outcome = intake.submit(plant, event.read_bytes(), who=who)
    if outcome.batch is None:
        raise ConflictError(f"{event.name}: {outcome.status}")
    batch = BatchId(outcome.batch)
    waiting.until_state(plant, batch, BatchState.AWAITING, seconds=patience)
    return batch


def _took(found: Progress) -> float:
    """Seconds from the confirmation to the last certificate."""
    ended, begun = found.completed_at or found.created_at, found.confirmed_at or found.created_at
    return (ended - begun).total_seconds()


def _missed(plant: Plant, batch: BatchId) -> int:
    missed = report.missed(plant, batch)
    return len(missed.no_item) + len(missed.unfinished)


def _reported(plant: Plant, batch: BatchId, out: Path) -> str:
    """A line an item, in a file of this name."""
    lines = report.written(report.rows(plant, batch), Form.CSV)
    (out / FOLDER / "report.csv").write_text("".join(lines), encoding="utf-8")
    return f"{FOLDER}/report.csv"


def _kept(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    return data


def _one_of(plant: Plant, batch: BatchId) -> str:
    """The first registration of the batch whose holder has collected a certificate."""
    for row in report.rows(plant, batch):
        number = str(row["registration"])
        current = enquiry.registration_status(plant, number).registration.current
        if current is not None and current.state is EditionState.COLLECTED and current.files:
            return number
    raise ConflictError("rename: nobody of the enterprise has collected a certificate")


def _sealed(plant: Plant, batch: BatchId, out: Path, who: str) -> list[str]:
    """The sealed summaries, one a register."""
    names = []
    for each in documents.of_batch(plant, batch):
        if each.kind is Kind.BATCH_REPORT and each.stands:
            given = documents.link(plant, batch, each.kind, who=who, profile=each.profile)
            names.append(f"{FOLDER}/{each.profile}-report.pdf")
            (out / names[-1]).write_bytes(_downloaded(given.url))
    return names


def _checked(plant: Plant, number: str, batch: BatchId, out: Path, checker: Path) -> str:
    """What the script says, which knows nothing of us, with the root that the ledger keeps."""
    proof = out / FOLDER / "proof.json"
    proof.write_text(
        json.dumps(proving.prove(plant, number, batch), ensure_ascii=False, indent=2) + "\n",
        encoding="utf-8",
    )
    with plant.ledger.read() as tx:
        root = batches.get(tx, batch).merkle_root or ""
    done = subprocess.run(
        [sys.executable, str(checker), str(proof), "--root", root, str(out / FOLDER / "old.pdf")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return (done.stdout + done.stderr).strip().replace(f"{out}/", "")


def _said(plant: Plant, data: bytes) -> str:
    finding = desk.examine(plant, data)
    return "; ".join((finding.word, finding.state or "", *finding.reasons))


def _refusal(plant: Plant, number: str, who: str) -> str:
    """Why there is no link to the edition that was replaced."""
    editions = enquiry.registration_status(plant, number).registration.editions
    old = [each for each in editions if each.state is EditionState.SUPERSEDED][-1]
    try:
        return desk.link(plant, number, who=who, edition=old.number).url
    except ConflictError as error:
        return str(error)


def _downloaded(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - a link of our own
        data: bytes = answer.read()
    return data


def _below(out: Path, path: str) -> str:
    return str(Path(path).relative_to(out))
