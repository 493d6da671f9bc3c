"""One application whose form parties sign, for tests of what happens at one moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from factory import courses, verify
from factory.courses import Case
from factory.kinds.form_design import FIELDS
from factory.model import ApplicationType, Kind, Party
from factory.verify import VerdictWord
from jobs import completing, documents, forms, intake, outsiders, signing
from jobs.intake import Outcome, Status
from jobs.signing import Waiting
from jobs.wiring import Plant
from storage.ledger.documents import DocumentView
from storage.outside import OutsideParty
from tests.telling import work

WHO = "applying"
PROFILE = "shanghai-constructor"

JsonObject = dict[str, Any]


class Application:
    """An application whose form is drawn, and its applicant."""

    def __init__(self, plant: Plant, seed: int) -> None:
        self.plant = plant
        with plant.ledger.read() as tx:
            profile, today = plant.profile(tx, PROFILE), plant.today(tx)
        first = today - courses.LONGEST
        self.case = Case(profile=profile, kind=ApplicationType.INITIAL, seed=seed, first=first)
        [self.saved] = courses.up_to("application.saved", courses.course(self.case))
        assert submit(plant, self.saved).status is Status.ACCEPTED
        work(plant)
        self.parties = {
            party: outsiders.party_of(plant, self.number, party, profile=PROFILE) for party in Party
        }

    @property
    def number(self) -> str:
        return self.case.acceptance_number

    @property
    def form(self) -> DocumentView:
        """The newest revision of its form."""
        found = documents.of_application(self.plant, self.number)
        return [each for each in found if each.kind is Kind.APPLICATION_FORM][-1]

    def prepare(self, party: Party = Party.APPLICANT) -> Waiting:
        """Its form, prepared for a party."""
        chain = self.parties[party].chain
        return signing.prepare(
            self.plant, self.number, party, who=WHO, chain=chain, profile=PROFILE
        )

    def complete(self, waiting: Waiting) -> Callable[[], Outcome]:
        """Brings a signature of its own: each ECDSA value is another."""
        return bring(self.plant, waiting, self.parties[waiting.party])

    def save(self, revision: int) -> Outcome:
        """The next revision."""
        raw = deepcopy(self.saved)
        raw["id"] = f"{raw['id']}-{revision}"
        raw["data"] |= {"revision": revision, "saved_at": datetime.now(UTC).isoformat()}
        return submit(self.plant, raw)

    def check(self) -> None:
        """A file a step, and what has been signed is valid."""
        files = self.form.files
        assert [each.step for each in files] == list(range(len(files)))
        for file in files[1:]:
            data = self.plant.store.get(file.object_key, sha256=file.sha256)
            verdict = verify.verify_pdf(data, (), forms.all_roots(self.plant))
            assert verdict.verdict is VerdictWord.SIGNED, verdict
            assert verdict.signed_by == tuple(FIELDS[each] for each in list(Party)[: file.step])


def submit(plant: Plant, raw: JsonObject) -> Outcome:
    """Take an event."""
    return intake.submit(plant, json.dumps(raw).encode(), who=WHO)


def another_value(party: OutsideParty, attributes: bytes) -> bytes:
    """A signature that is another each time, as ECDSA allows (FIPS 186-5, 6.4)."""
    assert isinstance(party.key, ec.EllipticCurvePrivateKey)
    return party.key.sign(attributes, ec.ECDSA(hashes.SHA256()))


def bring(plant: Plant, waiting: Waiting, party: OutsideParty) -> Callable[[], Outcome]:
    """Brings one signature to the desk, as often as it is called."""
    assert waiting.signed_attributes is not None
    signature = another_value(party, waiting.signed_attributes)
    return lambda: completing.complete(
        plant, waiting.token, who=WHO, way="value", signature=signature
    )
