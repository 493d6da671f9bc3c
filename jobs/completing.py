"""Completing (完成签署): a signature that is brought to the desk becomes an event of our own."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING

from factory import events
from factory.errors import SignatureRefusedError
from factory.events.data import MOST_SIGNATURE_BYTES
from factory.kinds import application_form
from jobs import intake
from jobs.asker import COUNTER, Asker
from jobs.intake import Outcome
from storage.ledger import Tx, applications, documents, preparations, promises

if TYPE_CHECKING:
    from jobs.wiring import Plant

SIGNED = "application.signed"
DESK = "urn:certfactory:desk"


def complete(
    plant: Plant, token: str, *, who: str, way: str, signature: bytes, asker: Asker = COUNTER
) -> Outcome:
    """Take the signature of a prepared form.

    way: ``value``, a raw signature, or ``cms``, a finished container.

    NotFoundError: there is no such preparation.  InvalidEventError: no signature can look so.
    What else is wrong with it the outcome says; then nothing is changed, and the form can still
    be signed.
    """
    if len(signature) > MOST_SIGNATURE_BYTES:
        raise SignatureRefusedError(
            f"the signature is larger than {MOST_SIGNATURE_BYTES} bytes; is the content inside it?"
            " Make it detached"
        )
    with plant.ledger.read() as tx:
        evidence = {"preparation": token, way: b64encode(signature).decode()}
        raw = _event(tx, token, evidence, asker)
    return intake.submit_own(plant, events.parse(raw), raw, who=who)


def _event(tx: Tx, token: str, evidence: dict[str, str], asker: Asker) -> bytes:
    """What upstream would say of it, were it brought there."""
    known = preparations.get(tx, token)
    document = documents.get(tx, known.document)
    if not asker.reaches([document.profile]):
        raise preparations.none()
    number = applications.numbers(tx, [document.application_id or 0])[document.application_id or 0]
    paper = application_form.read(promises.of_document(tx, known.document).face).holder
    data = {
        "profile": document.profile,
        "acceptance_number": number,
        "holder": {"id_type": paper.id_type, "id_number": paper.id_number},
        "revision": document.revision,
        "party": known.party,
        "signed_at": tx.now.isoformat(),
        "evidence": evidence,
    }
    event = {
        "specversion": "1.0",
        "source": DESK,
        "id": f"signed-{token}",
        "type": SIGNED,
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(event).encode()
