"""`/v1/batches`: bulk events: what they will do, confirming, how far they are, and the report."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from factory.codes import private_number_fault
from factory.errors import FieldError, TooManyError
from factory.model import BatchId, Kind
from jobs import documents
from jobs.bulk import confirming, preview, progress, proving, report
from jobs.bulk.preview import Outline, Shown
from jobs.bulk.report import Form
from jobs.wiring import Plant
from portal.asking import Asked, ForEnterprise, Linker, Reader, Steerer, asker_of, plant_of
from portal.paths import BatchNumber, RegistrationNumber, Visible
from portal.reading import Strict
from portal.shown import (
    BatchShown,
    ChangeShown,
    CountShown,
    DocumentShown,
    ExpectedShown,
    LinkShown,
    PreviewShown,
    SampleShown,
)

router = APIRouter(prefix="/v1/batches", tags=["batches"], route_class=Strict)
MOST_SAMPLES = 5
WAIT_SECONDS, AGAIN = 5.0, timedelta(seconds=5)
_DRAWING = Lock()
MOST_IN_MEMORY = 1024 * 1024  #: of a report; a larger one goes through a file
PART_BYTES = 64 * 1024
MEDIA = {Form.JSONL: "application/x-ndjson", Form.CSV: "text/csv; charset=utf-8"}


class Confirmation(Asked):
    """The enterprise that is renamed confirms it (确认更名)."""

    reason: Visible = Field(min_length=1, max_length=200, description="Kept in the audit log.")
    on_behalf_of: ForEnterprise


class BatchLink(Asked):
    """A download of one of its documents."""

    kind: Literal["rename_list", "batch_report"]
    profile: Visible | None = Field(default=None, max_length=48)


@router.get("", summary="The newest bulk events")
def listed(caller: Reader, plant: Annotated[Plant, Depends(plant_of)]) -> list[BatchShown]:
    """The hundred newest that keep within this key's registers, the newest first."""
    return list(map(BatchShown.of, progress.all_progress(plant, asker=asker_of(caller))))


@router.get("/{batch}", summary="How far a bulk event is")
def show(
    batch: BatchNumber, caller: Reader, plant: Annotated[Plant, Depends(plant_of)]
) -> BatchShown:
    """Its state, counts, rate, and how long is left."""
    return _progress(plant, batch, caller)


@router.get("/{batch}/preview", summary="What a bulk event will do")
def previewed(
    batch: BatchNumber,
    caller: Steerer,
    plant: Annotated[Plant, Depends(plant_of)],
    samples: Annotated[int, Query(ge=0, le=MOST_SAMPLES)] = 1,
) -> PreviewShown:
    """How many will be made, whose not and why, and certificates drawn as they will be.

    The pictures show people's data, beside the present certificate; nothing is sealed.
    """
    _progress(plant, batch, caller)
    with _alone(), tempfile.TemporaryDirectory() as folder:
        return _outline(preview.preview(plant, BatchId(batch), Path(folder), most=samples))


@contextmanager
def _alone() -> Iterator[None]:
    """Pages are drawn for one at a time, so that previews keep nobody else waiting.

    TooManyError: another preview is being drawn.
    """
    if not _DRAWING.acquire(timeout=WAIT_SECONDS):
        raise TooManyError("preview: another one is being drawn", again_after=AGAIN)
    try:
        yield
    finally:
        _DRAWING.release()


def _outline(found: Outline) -> PreviewShown:
    return PreviewShown(
        batch=found.batch,
        kind=found.kind,
        total=found.total,
        to_make=found.to_make,
        to_skip=found.to_skip,
        to_hold=found.to_hold,
        counts=[CountShown.model_validate(each) for each in found.counts],
        held=[ExpectedShown.model_validate(each) for each in found.held],
        samples=[_sample(each) for each in found.samples],
        seconds=found.expects.usual if found.expects else None,
    )


def _sample(shown: Shown) -> SampleShown:
    picture = Path(shown.picture).read_bytes() if shown.picture else None
    return SampleShown(
        registration=shown.registration,
        profile=shown.profile,
        why=shown.why.value,
        changes=[
            ChangeShown(
                sort=each.sort.value,
                label=each.label,
                now=None if each.is_own else each.now,
                then=None if each.is_own else each.then,
                own=each.is_own,
                note=each.note,
            )
            for each in shown.changes
        ],
        problem=shown.problem,
        picture=b64encode(picture).decode() if picture else None,
    )


@router.post("/{batch}/confirmation", summary="Confirm a rename (确认更名)")
def confirm(
    batch: BatchNumber,
    asked: Confirmation,
    caller: Steerer,
    plant: Annotated[Plant, Depends(plant_of)],
) -> BatchShown:
    """The enterprise lets its rename take effect, where the registers leave it to them."""
    asker = asker_of(caller, asked.on_behalf_of)
    if fault := private_number_fault(asked.reason):
        raise FieldError("reason", "the audit log and reports are read by many", fault)
    confirming.confirm(plant, BatchId(batch), who=caller.who, why=asked.reason, asker=asker)
    return _progress(plant, batch, caller)


@router.get(
    "/{batch}/report",
    summary="What became of every item",
    response_class=StreamingResponse,
    responses={200: {"content": {each: {"schema": {"type": "string"}} for each in MEDIA.values()}}},
)
def reported(
    batch: BatchNumber,
    caller: Reader,
    plant: Annotated[Plant, Depends(plant_of)],
    form: Annotated[Form, Query(alias="format")] = Form.JSONL,
    *,
    failed: Annotated[bool, Query(description="Only what is held.")] = False,
) -> StreamingResponse:
    """A line an item: registration number, outcome, reason, editions and the files' SHA-256."""
    _progress(plant, batch, caller)
    rows = report.rows(plant, BatchId(batch), failed=failed, asker=asker_of(caller))
    found = _written(report.written(rows, form))
    return StreamingResponse(iter(partial(found.read, PART_BYTES), b""), media_type=MEDIA[form])


def _written(lines: Iterator[str]) -> IO[bytes]:
    """All of them, before the first is sent: whoever reads slowly keeps no transaction."""
    found = tempfile.SpooledTemporaryFile(MOST_IN_MEMORY)  # noqa: SIM115 - closed when it is let go
    for line in lines:
        found.write(line.encode())
    found.seek(0)
    return found


@router.get("/{batch}/documents", summary="Its lists and sealed reports")
def papers(
    batch: BatchNumber, caller: Reader, plant: Annotated[Plant, Depends(plant_of)]
) -> list[DocumentShown]:
    """What was drawn when it had ended, a list and a report for each register."""
    found = documents.of_batch(plant, BatchId(batch), asker=asker_of(caller))
    return [DocumentShown.of(each) for each in found]


@router.post("/{batch}/links", summary="A signed link to its list or report")
def link(
    batch: BatchNumber,
    asked: BatchLink,
    caller: Linker,
    plant: Annotated[Plant, Depends(plant_of)],
) -> LinkShown:
    """Downloads the list of results or the sealed report."""
    given = documents.link(
        plant,
        BatchId(batch),
        Kind(asked.kind),
        who=caller.who,
        profile=asked.profile,
        asker=asker_of(caller),
    )
    return LinkShown.of(given)


@router.get("/{batch}/proofs/{number}", summary="That one registration is in the sealed report")
def prove(
    batch: BatchNumber,
    number: RegistrationNumber,
    caller: Reader,
    plant: Annotated[Plant, Depends(plant_of)],
) -> dict[str, Any]:
    """An inclusion proof (RFC 6962); docs/check_proof.py checks it offline."""
    _progress(plant, batch, caller)
    return proving.prove(plant, number, BatchId(batch))


def _progress(plant: Plant, batch: int, caller: Any) -> BatchShown:
    """NotFoundError: there is none within the caller's registers."""
    return BatchShown.of(progress.progress(plant, BatchId(batch), asker=asker_of(caller)))
