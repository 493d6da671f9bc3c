"""Signing: a form is prepared, a party signs it outside, and the signature is taken, once."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select, update

from factory import specimen
from factory.errors import (
    AwaitsError,
    ConflictError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    PictureError,
    SignatureRefusedError,
)
from factory.model import Kind, Party
from factory.seals.soft import SoftSigner
from jobs import asker, completing, desk, documents, enquiry, intake, outsiders, signing
from jobs.asker import Asker
from jobs.intake import Outcome, Status
from jobs.settings import Settings
from jobs.signing import Waiting
from jobs.wiring import Plant
from storage import outside
from storage import tables as t
from storage.ledger.documents import DocumentView
from storage.outside import OutsideParty
from tests.telling import whole_factory, work

WHO = "test"
APPLICANT, ENTERPRISE = Party.APPLICANT, Party.ENTERPRISE
GANSU = "gansu-constructor"
JsonObject = dict[str, Any]


@pytest.fixture
def plant(s3: Settings, tmp_path: Path) -> Plant:
    return whole_factory(tmp_path, s3)


@pytest.fixture
def seeds() -> Iterator[int]:
    return count(41_001)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An application, and the little that tests say of it."""

    plant: Plant
    saved: JsonObject

    @property
    def number(self) -> str:
        return str(self.saved["data"]["application"]["acceptance_number"])

    def save(self, revision: int) -> Outcome:
        at = datetime.now(UTC).isoformat() if revision > 1 else self.saved["data"]["saved_at"]
        data = self.saved["data"] | {"revision": revision, "saved_at": at}
        outcome = self.submit(self.saved | {"id": f"{self.saved['id']}-{revision}", "data": data})
        work(self.plant)
        return outcome

    def submit(self, event: JsonObject) -> Outcome:
        return intake.submit(self.plant, json.dumps(event).encode(), who=WHO)

    def party(self, party: Party, algorithm: str = "p256") -> OutsideParty:
        return outsiders.party_of(self.plant, self.number, party, algorithm=algorithm)

    def prepare(self, party: Party, signer: OutsideParty | None, **how: Any) -> Waiting:
        chain = signer.chain if signer else ()
        return signing.prepare(self.plant, self.number, party, who=WHO, chain=chain, **how)

    def complete(self, waiting: Waiting, signature: bytes, way: str = "value") -> Outcome:
        return completing.complete(self.plant, waiting.token, who=WHO, way=way, signature=signature)

    def sign(self, party: Party, algorithm: str = "p256") -> Outcome:
        signer = self.party(party, algorithm)
        waiting = self.prepare(party, signer)
        return self.complete(waiting, raw(signer, waiting))

    @property
    def form(self) -> DocumentView:
        """The one that stands."""
        made = documents.of_application(self.plant, self.number)
        return next(each for each in made if each.kind is Kind.APPLICATION_FORM and each.stands)

    @property
    def steps(self) -> list[int]:
        return [file.step for file in self.form.files]

    @property
    def state(self) -> str:
        [found] = enquiry.application_status(self.plant, self.number)
        return found.stand.label

    def bytes_of(self, document: DocumentView, step: int) -> bytes:
        return self.plant.store.get(document.files[step].object_key)


def raw(signer: OutsideParty, waiting: Waiting) -> bytes:
    assert waiting.signed_attributes is not None
    return signer.sign(waiting.signed_attributes)


def why(outcome: Outcome) -> str:
    assert outcome.status is Status.REFUSED, outcome
    return "; ".join(rule for _, rule in outcome.problems)


@pytest.fixture
def applied(plant: Plant, seeds: Iterator[int]) -> Desk:
    """An application that was saved, its form made."""
    found = Desk(plant=plant, saved=specimen.saved(next(seeds)))
    found.save(1)
    return found


def test_a_person_then_the_enterprise_sign_and_the_application_is_accepted(applied: Desk) -> None:
    assert applied.sign(APPLICANT).status is Status.ACCEPTED
    assert applied.state == "待企业签名"

    assert applied.sign(ENTERPRISE, "rsa2048").status is Status.ACCEPTED

    assert applied.state == "已受理"
    assert applied.steps == [0, 1, 2]


def test_the_notice_follows_the_last_signature_and_none_before_it(applied: Desk) -> None:
    def notices() -> list[DocumentView]:
        made = documents.of_application(applied.plant, applied.number)
        return [each for each in made if each.kind is Kind.ACCEPTANCE_NOTICE]

    applied.sign(APPLICANT)
    assert notices() == []

    applied.sign(ENTERPRISE)
    work(applied.plant)

    [notice] = notices()
    assert notice.file is not None


def test_the_enterprise_cannot_sign_before_the_person(applied: Desk) -> None:
    signer = applied.party(ENTERPRISE)

    with pytest.raises(AwaitsError, match="待个人签名"):
        applied.prepare(ENTERPRISE, signer)


def test_a_party_signs_once(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    applied.sign(APPLICANT)

    with pytest.raises(ConflictError, match="has signed revision 1 already"):
        applied.prepare(APPLICANT, signer)


def test_a_form_that_is_not_made_yet_cannot_be_prepared(plant: Plant, seeds: Iterator[int]) -> None:
    desk_ = Desk(plant=plant, saved=specimen.saved(next(seeds)))
    desk_.submit(desk_.saved)

    with pytest.raises(ConflictError, match="生成中"):
        desk_.prepare(APPLICANT, None)


def test_completing_twice_changes_nothing(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)
    signature = raw(signer, waiting)
    assert applied.complete(waiting, signature).status is Status.ACCEPTED
    before = applied.form

    again = applied.complete(waiting, signature)

    assert again.status is Status.DUPLICATE
    assert applied.form == before


def test_another_signature_of_what_is_completed_is_refused(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)
    applied.complete(waiting, raw(signer, waiting))
    before = applied.form
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    from cryptography.hazmat.primitives import hashes

    other = signer.key.sign(waiting.signed_attributes or b"", ec.ECDSA(hashes.SHA256()))

    assert "completed by another signature" in why(applied.complete(waiting, other))
    assert applied.form == before


def test_of_two_preparations_one_is_completed(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    first, second = applied.prepare(APPLICANT, signer), applied.prepare(APPLICANT, signer)
    assert applied.complete(second, raw(signer, second)).status is Status.ACCEPTED

    assert why(applied.complete(first, raw(signer, first)))
    assert applied.steps == [0, 1]


def test_a_wrong_signature_is_refused_and_the_form_stays_signable(applied: Desk) -> None:
    signer, waiting = applied.party(APPLICANT), None
    waiting = applied.prepare(APPLICANT, signer)
    wrong = SoftSigner(signer.key).sign_digests([b"\0" * 32])[0]

    assert "does not fit" in why(applied.complete(waiting, wrong))
    assert applied.state == "待个人签名" and applied.steps == [0]

    assert applied.complete(waiting, raw(signer, waiting)).status is Status.ACCEPTED


def test_what_cannot_be_a_signature_is_refused(applied: Desk) -> None:
    waiting = applied.prepare(APPLICANT, applied.party(APPLICANT))

    assert why(applied.complete(waiting, b"no signature"))
    assert why(applied.complete(waiting, b"no container", way="cms"))
    assert applied.steps == [0]


def test_a_preparation_expires(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)
    with applied.plant.ledger.write(WHO) as tx:
        c = t.preparation.c
        ago = tx.now - timedelta(seconds=1)
        tx.run(update(t.preparation).where(c.token == waiting.token).values(expires_at=ago))

    assert "expired (已过期)" in why(applied.complete(waiting, raw(signer, waiting)))
    assert applied.sign(APPLICANT).status is Status.ACCEPTED


def test_a_preparation_waits_as_long_as_the_profile_says(applied: Desk) -> None:
    minutes = applied.plant.profiles["shanghai-constructor"].all[-1].signing.minutes
    with applied.plant.ledger.read() as tx:
        now = tx.now

    waiting = applied.prepare(APPLICANT, None)

    assert abs(waiting.expires_at - now - timedelta(minutes=minutes)) < timedelta(minutes=1)


def test_a_preparation_nobody_made_is_not_found(applied: Desk) -> None:
    with pytest.raises(NotFoundError, match="preparation"):
        completing.complete(applied.plant, "0" * 32, who=WHO, way="value", signature=b"any")


# --- who signs --------------------------------------------------------------------------------


def stranger(desk_: Desk, party: Party, name: str, number: str) -> OutsideParty:
    folder = desk_.plant.settings.keyring_dir / "outside"
    return outside.issue(folder, party, name, number)


def test_a_certificate_of_somebody_else_is_refused_before_anything_is_prepared(
    applied: Desk,
) -> None:
    person = applied.saved["data"]["holder"]
    another = stranger(applied, APPLICANT, "欧阳示例", person["id_number"])

    with pytest.raises(SignatureRefusedError, match="name"):
        applied.prepare(APPLICANT, another)


def test_a_certificate_with_another_number_is_refused(applied: Desk) -> None:
    person = applied.saved["data"]["holder"]
    another = stranger(applied, APPLICANT, person["name"], specimen.holder(7)["id_number"])

    with pytest.raises(SignatureRefusedError, match="number"):
        applied.prepare(APPLICANT, another)


def test_the_enterprises_ca_is_not_trusted_for_a_person(applied: Desk) -> None:
    person = applied.saved["data"]["holder"]
    another = stranger(applied, ENTERPRISE, person["name"], person["id_number"])

    with pytest.raises(SignatureRefusedError, match="issuer"):
        applied.prepare(APPLICANT, another)


def test_a_finished_container_of_somebody_else_is_refused(applied: Desk) -> None:
    person = applied.saved["data"]["holder"]
    waiting = applied.prepare(APPLICANT, None)
    another = stranger(applied, APPLICANT, "欧阳示例", person["id_number"])

    assert "name" in why(applied.complete(waiting, another.cms(waiting.content), way="cms"))
    assert applied.steps == [0]


def test_refusals_name_nobody(applied: Desk) -> None:
    person = applied.saved["data"]["holder"]
    waiting = applied.prepare(APPLICANT, None)
    another = stranger(applied, APPLICANT, "欧阳示例", specimen.holder(7)["id_number"])

    told = why(applied.complete(waiting, another.cms(waiting.content), way="cms"))

    for secret in (person["name"], person["id_number"], "欧阳示例"):
        assert secret not in told


def test_without_a_certificate_a_finished_container_is_taken(applied: Desk) -> None:
    waiting = applied.prepare(APPLICANT, None)
    signer = applied.party(APPLICANT)

    outcome = applied.complete(waiting, signer.cms(waiting.content), way="cms")

    assert outcome.status is Status.ACCEPTED


def test_without_a_certificate_a_raw_signature_is_not_taken(applied: Desk) -> None:
    waiting = applied.prepare(APPLICANT, None)
    signer = applied.party(APPLICANT)

    assert "certificate" in why(applied.complete(waiting, signer.sign(b"anything")))


def test_an_algorithm_that_the_profile_does_not_allow_is_refused(applied: Desk) -> None:
    rules = applied.plant.profiles["shanghai-constructor"]
    last = rules.all[-1]
    only_rsa = last.signing.applicant.model_copy(update={"algorithms": ("rsa",)})
    signing_rules = last.signing.model_copy(update={"applicant": only_rsa})
    changed = replace(rules, all=(last.model_copy(update={"signing": signing_rules}),))
    applied.plant.profiles = {**applied.plant.profiles, "shanghai-constructor": changed}

    with pytest.raises(SignatureRefusedError, match="RSA"):
        applied.prepare(APPLICANT, applied.party(APPLICANT))
    assert applied.prepare(APPLICANT, applied.party(APPLICANT, "rsa2048")).step == 1


def test_each_party_prepares_for_itself(applied: Desk) -> None:
    person = applied.saved["data"]["holder"]
    holder = asker.holder(person["id_type"], person["id_number"])
    enterprise = Asker(
        viewer=asker.Viewer.ENTERPRISE,
        credit_code=applied.saved["data"]["enterprise"]["credit_code"],
    )

    assert applied.prepare(APPLICANT, None, asker=holder).party is APPLICANT
    with pytest.raises(ForbiddenError, match="does not sign as"):
        applied.prepare(APPLICANT, None, asker=enterprise)
    with pytest.raises(ForbiddenError):
        applied.prepare(APPLICANT, None, asker=asker.holder("111", specimen.holder(7)["id_number"]))
    with pytest.raises(ForbiddenError):
        applied.prepare(APPLICANT, None, asker=asker.ANYBODY)


# --- what is shown ----------------------------------------------------------------------------


def test_a_picture_that_is_brought_is_shown(applied: Desk) -> None:
    plain = applied.prepare(APPLICANT, None)

    shown = applied.prepare(APPLICANT, None, picture=specimen.signature(3))

    assert shown.content != plain.content


def test_an_empty_picture_is_refused(applied: Desk) -> None:
    with pytest.raises(PictureError):
        applied.prepare(APPLICANT, None, picture=b"")


def test_a_name_no_face_has_is_shown_by_its_role(
    applied: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = applied.prepare(APPLICANT, None)
    monkeypatch.setattr(signing.forms, "identity", lambda signer, face: ("\U0010fffd", ""))

    shown = applied.prepare(APPLICANT, None)

    assert shown.content != named.content


def test_a_picture_that_is_none_is_refused(applied: Desk) -> None:
    with pytest.raises(PictureError):
        applied.prepare(APPLICANT, None, picture=b"no picture")


# --- edits ------------------------------------------------------------------------------------


def test_an_edit_voids_the_signature_and_keeps_its_file(applied: Desk) -> None:
    applied.sign(APPLICANT)
    old = applied.form
    signed = applied.bytes_of(old, 1)

    applied.save(2)

    assert applied.state == "待个人签名" and applied.steps == [0]
    finding = desk.examine(applied.plant, signed)
    assert (finding.word, finding.state, finding.in_force) == ("signed", "void", False)
    assert applied.bytes_of(old, 1) == signed


def test_what_was_prepared_before_an_edit_is_stale(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)
    applied.save(2)

    assert "作废" in why(applied.complete(waiting, raw(signer, waiting)))
    assert applied.sign(APPLICANT).status is Status.ACCEPTED


def test_the_enterprise_cannot_sign_what_the_person_signed_before_an_edit(applied: Desk) -> None:
    applied.sign(APPLICANT)
    signer = applied.party(ENTERPRISE)
    waiting = applied.prepare(ENTERPRISE, signer)
    applied.save(2)
    applied.sign(APPLICANT)

    assert "作废" in why(applied.complete(waiting, raw(signer, waiting)))
    assert applied.state == "待企业签名"


def test_a_form_without_the_last_signature_says_that_it_was_signed_since(applied: Desk) -> None:
    applied.sign(APPLICANT)
    assert desk.examine(applied.plant, applied.bytes_of(applied.form, 1)).in_force

    applied.sign(ENTERPRISE)

    before = desk.examine(applied.plant, applied.bytes_of(applied.form, 1))
    assert (before.word, before.state, before.in_force) == ("signed", "signed_since", False)
    assert desk.examine(applied.plant, applied.bytes_of(applied.form, 2)).in_force


def test_a_signed_form_that_nobody_recorded_is_said_to_be_unrecorded(
    applied: Desk,
) -> None:
    applied.sign(APPLICANT)
    signed = applied.bytes_of(applied.form, 1)
    with applied.plant.ledger.write(WHO) as tx:
        c = t.file.c
        tx.run(t.file.update().where(c.object_key == applied.form.files[1].object_key).values(
            sha256="0" * 64))  # fmt: skip

    finding = desk.examine(applied.plant, signed)

    assert (finding.word, finding.genuine) == ("unrecorded", False)


def test_whoever_may_not_see_a_notice_is_told_so_of_the_notice(applied: Desk) -> None:
    with pytest.raises(ForbiddenError, match="acceptance_notice"):
        documents.link(
            applied.plant, applied.number, Kind.ACCEPTANCE_NOTICE, who=WHO, asker=asker.ANYBODY
        )


def test_an_altered_form_is_not_genuine(applied: Desk) -> None:
    applied.sign(APPLICANT)
    signed = applied.bytes_of(applied.form, 1)

    finding = desk.examine(applied.plant, signed.replace(b"/Rotate 0", b"/Rotate 9") + b"\n%")

    assert finding.word == "altered" and not finding.genuine


# --- other ways in ----------------------------------------------------------------------------


def signed_event(desk_: Desk, waiting: Waiting, signature: bytes, **changes: Any) -> JsonObject:
    data = desk_.saved["data"]
    paper = {name: data["holder"][name] for name in ("id_type", "id_number")}
    said = {
        "profile": data["profile"],
        "acceptance_number": desk_.number,
        "holder": paper,
        "revision": waiting.revision,
        "party": waiting.party.value,
        "signed_at": "2026-03-02T09:30:00+08:00",
        "evidence": {"preparation": waiting.token, "value": b64encode(signature).decode()},
    }
    return desk_.saved | {
        "id": f"signed-{waiting.token}",
        "type": "application.signed",
        "data": said | changes,
    }


def test_upstream_sends_the_signature_in_an_event(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)
    event = signed_event(applied, waiting, raw(signer, waiting))

    assert applied.submit(event).status is Status.ACCEPTED
    assert applied.submit(event).status is Status.DUPLICATE
    assert applied.state == "待企业签名" and applied.steps == [0, 1]


def test_the_same_signature_by_another_way_changes_nothing(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)
    signature = raw(signer, waiting)
    applied.submit(signed_event(applied, waiting, signature))

    assert applied.complete(waiting, signature).status is Status.DUPLICATE
    assert applied.steps == [0, 1]


@pytest.mark.parametrize(
    "changes", [{"party": "enterprise"}, {"revision": 2}, {"acceptance_number": "W2026"}]
)
def test_a_signature_of_something_else_than_was_prepared_is_refused(
    applied: Desk, changes: JsonObject
) -> None:
    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)

    told = why(applied.submit(signed_event(applied, waiting, raw(signer, waiting), **changes)))

    assert "another application, revision or party" in told
    assert applied.steps == [0]


def test_a_signature_that_is_only_stated_is_refused(applied: Desk) -> None:
    waiting = applied.prepare(APPLICANT, None)
    event = signed_event(applied, waiting, b"any")
    del event["data"]["evidence"]

    assert "is missing" in why(applied.submit(event))
    assert applied.state == "待个人签名"


def test_what_is_refused_leaves_nothing(applied: Desk) -> None:
    def rows() -> list[int]:
        with applied.plant.ledger.read() as tx:
            tables = (t.inbox, t.fact, t.file, t.hold)
            return [tx.run(select(func.count()).select_from(each)).scalar_one() for each in tables]

    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)
    before = rows()

    applied.complete(waiting, SoftSigner(signer.key).sign_digests([b"\0" * 32])[0])
    applied.submit(signed_event(applied, waiting, raw(signer, waiting), revision=9))

    assert rows() == before


# --- types and registers ----------------------------------------------------------------------


def registered(plant: Plant, seed: int, profile: str) -> JsonObject:
    event = specimen.approved(seed)
    event["data"]["profile"] = profile
    assert intake.submit(plant, json.dumps(event).encode(), who=WHO).status is Status.ACCEPTED
    return event["data"]


def ending(data: JsonObject, kind: str) -> JsonObject:
    """An application that ends the whole registration."""
    kept = {name: data[name] for name in ("profile", "holder", "enterprise", "professions")}
    return {
        "specversion": "1.0",
        "source": specimen.SOURCE,
        "id": f"ending-{data['application']['acceptance_number']}",
        "type": "application.saved",
        "datacontenttype": "application/json",
        "data": kept
        | {
            "application": {
                "type": kind,
                "acceptance_number": data["application"]["acceptance_number"] + "9",
            },
            "reason": "聘用企业与注册人解除劳动合同",
            "revision": 1,
            "saved_at": "2026-10-02T09:00:00+08:00",
        },
    }


def test_a_cancellation_takes_effect_with_the_enterprises_signature(
    plant: Plant, seeds: Iterator[int]
) -> None:
    data = registered(plant, next(seeds), "shanghai-constructor")
    applied = Desk(plant=plant, saved=ending(data, "cancellation"))
    applied.save(1)

    applied.sign(APPLICANT)
    assert applied.state == "待企业签名"
    applied.sign(ENTERPRISE)

    assert applied.state == "办结"
    with plant.ledger.read() as tx:
        wanted = select(t.application.c.holder_id).where(
            t.application.c.acceptance_number == applied.number
        )
        standing = select(t.registration.c.state).where(
            t.registration.c.holder_id == tx.run(wanted).scalar_one()
        )
        assert tx.run(standing).scalar_one() == "cancelled"


def test_a_forced_cancellation_is_signed_by_the_enterprise_alone(
    plant: Plant, seeds: Iterator[int]
) -> None:
    data = registered(plant, next(seeds), GANSU)
    announced = specimen.closed(1)
    announced["data"] = {
        "profile": GANSU,
        "acceptance_number": data["application"]["acceptance_number"],
        "holder": {name: data["holder"][name] for name in ("id_type", "id_number")},
        "outcome": "announced",
        "at": "2026-10-01T09:00:00+08:00",
    }
    announced["id"] += data["application"]["acceptance_number"]
    intake.submit(plant, json.dumps(announced).encode(), who=WHO)
    applied = Desk(plant=plant, saved=ending(data, "forced_cancellation"))
    applied.save(1)

    with pytest.raises(FieldError, match="does not sign this"):
        applied.prepare(APPLICANT, None)
    assert applied.sign(ENTERPRISE).status is Status.ACCEPTED

    assert applied.steps == [0, 1]
    assert desk.examine(plant, applied.bytes_of(applied.form, 1)).word == "signed"


# --- serving ----------------------------------------------------------------------------------


def test_person_and_enterprise_get_the_signed_form_and_nobody_else(applied: Desk) -> None:
    applied.sign(APPLICANT)
    person = applied.saved["data"]["holder"]
    holder = asker.holder(person["id_type"], person["id_number"])
    firm = Asker(
        viewer=asker.Viewer.ENTERPRISE,
        credit_code=applied.saved["data"]["enterprise"]["credit_code"],
    )

    for who in (holder, firm):
        found = documents.link(
            applied.plant, applied.number, Kind.APPLICATION_FORM, who=WHO, asker=who
        )
        assert applied.form.files[1].object_key in found.url
    with pytest.raises(ForbiddenError):
        documents.link(
            applied.plant, applied.number, Kind.APPLICATION_FORM, who=WHO, asker=asker.ANYBODY
        )


def test_every_signature_has_the_certificate_of_its_party(applied: Desk) -> None:
    signer = applied.party(APPLICANT)
    waiting = applied.prepare(APPLICANT, signer)
    applied.complete(waiting, raw(signer, waiting))

    with applied.plant.ledger.read() as tx:
        c = t.file.c
        key = applied.form.files[1].object_key
        kept = tx.run(select(c.signing_cert_sha256).where(c.object_key == key)).scalar_one()

    assert kept == fingerprint(signer.chain[0])


def fingerprint(certificate: x509.Certificate) -> str:
    from factory.verify import fingerprint as of

    return of(certificate)
