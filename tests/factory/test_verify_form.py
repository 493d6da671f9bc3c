"""Verdicts on forms that parties signed: honest ones are signed, every change is told apart."""

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.errors import SignatureRefusedError
from factory.model import ApplicationType
from factory.page.fonts import FontBook
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL
from factory.seals import party
from factory.seals.fields import with_fields
from factory.seals.pades import PinnedWriter
from factory.verify import TRUST, Verdict, VerdictWord, fingerprint, verify_pdf
from tests import judges
from tests.factory.sealing import FIELD
from tests.factory.signed_forms import (
    LATER,
    NOW,
    Outsider,
    Parties,
    new_form,
    new_parties,
    new_placed_form,
    prepared_for_enterprise,
    prepared_for_person,
    round_seal,
    signed_by_both,
    signed_by_enterprise,
    signed_by_person,
)
from tests.factory.tampering import (
    TAMPERS,
    UPDATES,
    Change,
    Tamper,
    appended,
    container_digits,
    containers_swapped,
    description,
    holes,
    metadata,
    validation_data,
    with_container,
)

UNDONE = "appearances_anew"  #: the one update that preparing a field takes back by itself


@pytest.fixture(scope="module")
def form(fontbook: FontBook) -> bytes:
    return new_form(fontbook)


@pytest.fixture(scope="module")
def parties() -> Parties:
    return new_parties()


@pytest.fixture(scope="module")
def once(form: bytes, parties: Parties) -> bytes:
    return signed_by_person(form, parties)


@pytest.fixture(scope="module")
def twice(once: bytes, parties: Parties) -> bytes:
    return signed_by_enterprise(once, parties)


@pytest.fixture(scope="module")
def cancelled(fontbook: FontBook, parties: Parties) -> bytes:
    """A forced cancellation, which the enterprise alone signs."""
    document = new_form(fontbook, kind=ApplicationType.FORCED_CANCELLATION)
    prepared = by_enterprise(document, parties, certifies=True, locks=True)
    return party.complete(prepared, parties.enterprise.raw(prepared.digest))


def by_enterprise(
    document: bytes, parties: Parties, *, certifies: bool, locks: bool
) -> party.Prepared:
    return party.prepare(
        document, ENTERPRISE_SEAL, certifies=certifies, locks=locks, look=round_seal(), now=LATER,
        chain=parties.enterprise.chain,
    )  # fmt: skip


def verdict(data: bytes, parties: Parties) -> Verdict:
    return verify_pdf(data, (), parties.roots)


def failed(verdict: Verdict) -> set[str]:
    """The rules that were asked and broken."""
    return {
        check.name
        for check in verdict.checks
        if not check.ok and not check.detail.startswith("was not asked")
    }


@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_an_honest_form_is_signed_by_every_check(form: bytes, algorithm: str) -> None:
    parties = new_parties(algorithm)

    found = verdict(signed_by_both(form, parties), parties)

    assert found.verdict is VerdictWord.SIGNED
    assert all(check.ok for check in found.checks)
    assert found.reasons == ()
    assert found.whole_file


def test_the_verdict_says_which_parties_signed_and_names_nobody(
    twice: bytes, parties: Parties
) -> None:
    found = verdict(twice, parties)

    assert found.signed_by == (APPLICANT_SIGN, ENTERPRISE_SEAL)
    assert found.signed_at == LATER
    assert found.signer is None
    assert found.signing_cert_sha256 == fingerprint(parties.enterprise.certificate)
    assert found.twin


def test_a_form_signed_by_finished_containers_is_signed(form: bytes, parties: Parties) -> None:
    first = party.prepare(
        form, APPLICANT_SIGN, certifies=True, locks=False, look=round_seal(), now=NOW
    )
    middle = party.complete_cms(first, parties.person.cms(first.content))
    second = party.prepare(
        middle, ENTERPRISE_SEAL, certifies=False, locks=True, look=round_seal(), now=LATER
    )

    signed = party.complete_cms(second, parties.enterprise.cms(second.content))

    assert verdict(signed, parties).verdict is VerdictWord.SIGNED


def test_an_older_revision_is_what_it_was(twice: bytes, once: bytes, parties: Parties) -> None:
    """No tampering: the person's signature stands, the enterprise's is not there yet."""
    found = verdict(twice[: len(once)], parties)

    assert found.verdict is VerdictWord.SIGNED
    assert found.signed_by == (APPLICANT_SIGN,)


def test_a_forced_cancellation_is_signed_by_the_enterprise_alone(
    cancelled: bytes, parties: Parties
) -> None:
    found = verdict(cancelled, parties)

    assert (found.verdict, found.signed_by) == (VerdictWord.SIGNED, (ENTERPRISE_SEAL,))


def test_a_form_that_nobody_signed_is_unsigned(form: bytes, parties: Parties) -> None:
    assert verdict(form, parties).verdict is VerdictWord.UNSIGNED


def test_a_form_that_waits_for_its_signature_is_not_signed(form: bytes, parties: Parties) -> None:
    prepared = prepared_for_person(form, parties)

    assert verdict(prepared.document, parties).verdict is VerdictWord.ALTERED


@pytest.mark.parametrize("tamper", TAMPERS.values(), ids=TAMPERS.keys())
@pytest.mark.parametrize("step", ["once", "twice", "cancelled"])
def test_tampering_after_each_step_is_refused(
    request: pytest.FixtureRequest, parties: Parties, step: str, tamper: Tamper
) -> None:
    signed: bytes = request.getfixturevalue(step)

    tampered = tamper(signed)

    assert tampered != signed
    assert verdict(tampered, parties).verdict is not VerdictWord.SIGNED


@pytest.mark.parametrize("name", sorted(TAMPERS))
def test_others_see_the_tampering_too(
    twice: bytes, parties: Parties, tmp_path: Path, name: str
) -> None:
    tampered = TAMPERS[name](twice)

    assert not (poppler_agrees(tampered, tmp_path) and pyhanko_agrees(tampered, parties))


def poppler_agrees(data: bytes, folder: Path) -> bool:
    file = folder / "form.pdf"
    file.write_bytes(data)
    opinion = judges.pdfsig(file)
    return opinion.count("Signature is Valid") == 2 and opinion.count("Total document signed") == 1


def pyhanko_agrees(data: bytes, parties: Parties) -> bool:
    roots = [root for each in parties.roots.values() for root in each]
    try:
        found = judges.pyhanko(data, roots, LATER)
    except Exception:  # whatever it says of a broken file, it does not agree
        return False
    return len(found) == 2 and all(each.bottom_line for each in found)


@pytest.mark.parametrize("name", sorted(UPDATES.keys() - {UNDONE}))
def test_an_enterprise_cannot_change_something_as_it_signs(
    once: bytes, parties: Parties, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one revision with its signature, which covers it."""

    monkeypatch.setattr(party, "PinnedWriter", changing(UPDATES[name]))
    try:
        signed = signed_by_enterprise(once, parties)
    except SignatureRefusedError:
        return

    assert verdict(signed, parties).verdict is not VerdictWord.SIGNED


@pytest.mark.parametrize("change", [metadata, description, validation_data])
def test_what_the_usual_policy_lets_pass_is_refused_too(
    once: bytes, parties: Parties, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is meant for archiving: a form keeps its description, and its hidden twin."""
    monkeypatch.setattr(party, "PinnedWriter", changing(change))

    signed = signed_by_enterprise(once, parties)

    found = verdict(signed, parties)
    assert pyhanko_agrees(signed, parties)
    assert (found.verdict, failed(found)) == (VerdictWord.ALTERED, {"own field"})


def changing(change: Change) -> type[PinnedWriter]:
    """A writer that does more than it should."""

    class Changing(PinnedWriter):
        def __init__(self, document: bytes, now: datetime) -> None:
            super().__init__(document, now)
            change(self)

    return Changing


@pytest.mark.parametrize("change", UPDATES.values(), ids=UPDATES.keys())
def test_an_enterprise_cannot_sign_over_a_change(
    once: bytes, parties: Parties, change: Change
) -> None:
    """It may have a key of its own; what the person signed has to stay."""
    changed = appended(change)(once)

    try:
        signed = signed_by_enterprise(changed, parties)
    except SignatureRefusedError:
        return

    found = verdict(signed, parties)
    assert found.verdict is not VerdictWord.SIGNED


def test_containers_cannot_change_places(twice: bytes, parties: Parties) -> None:
    found = verdict(containers_swapped(twice), parties)

    assert found.verdict is VerdictWord.ALTERED


def test_the_signature_of_another_form_is_not_this_ones(
    fontbook: FontBook, once: bytes, parties: Parties
) -> None:
    other = signed_by_person(new_form(fontbook, name="王五"), parties)

    found = verdict(with_container(once, container_digits(other)), parties)

    assert found.verdict is VerdictWord.ALTERED
    assert "signatures" in failed(found)


def test_a_form_that_others_of_the_same_names_signed_is_untrusted(
    twice: bytes, parties: Parties
) -> None:
    found = verdict(twice, new_parties())

    assert (found.verdict, failed(found)) == (VerdictWord.UNTRUSTED, {TRUST})


def test_each_party_is_trusted_under_its_own_roots_only(twice: bytes, parties: Parties) -> None:
    person, enterprise = parties.roots[APPLICANT_SIGN], parties.roots[ENTERPRISE_SEAL]

    swapped = verify_pdf(twice, (), {APPLICANT_SIGN: enterprise, ENTERPRISE_SEAL: person})
    half = verify_pdf(twice, (), {APPLICANT_SIGN: person})

    assert swapped.verdict is VerdictWord.UNTRUSTED
    assert len(swapped.reasons) == 2
    assert half.verdict is VerdictWord.UNTRUSTED
    assert [each.partition(":")[0] for each in half.reasons] == [ENTERPRISE_SEAL]


def test_the_roots_of_seals_do_not_count_for_parties(twice: bytes, parties: Parties) -> None:
    everybody = [root for each in parties.roots.values() for root in each]

    assert verify_pdf(twice, everybody).verdict is VerdictWord.UNTRUSTED


def test_a_certificate_that_had_ended_is_untrusted(form: bytes, parties: Parties) -> None:
    late = parties.person.certificate.not_valid_after_utc + timedelta(seconds=1)
    prepared = party.prepare(
        form, APPLICANT_SIGN, certifies=True, locks=False, look=round_seal(), now=late,
        chain=parties.person.chain,
    )  # fmt: skip

    signed = party.complete(prepared, parties.person.raw(prepared.digest))

    found = verdict(signed, parties)
    assert (found.verdict, failed(found)) == (VerdictWord.UNTRUSTED, {TRUST})


def signed_edited(prepared: party.Prepared, outsider: Outsider, old: bytes, new: bytes) -> bytes:
    """Signed in order, but with a word of the prepared file exchanged before the signature."""
    assert len(old) == len(new)
    start, end = prepared.hole
    place = prepared.document.rindex(old)
    edited = prepared.document[:place] + new + prepared.document[place + len(old) :]
    digest = sha256(edited[:start] + edited[end:]).digest()
    assert prepared.container is not None
    attributes = sha256(prepared.container.signed_attributes(digest)).digest()
    odd = replace(prepared, document=edited, document_digest=digest)
    return party.complete(odd, outsider.raw(attributes))


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"/P 2\n", b"/P 3\n", "certified"),
        (b"/P 2\n", b"/P 1\n", "certified"),
        (b"/DocMDP\n", b"/DocMDQ\n", "certified"),
        (b"/ETSI.CAdES.detached", b"/adbe.pkcs7.detached", "profile"),
        (rb"/M (D\0722026", rb"/X (D\0722026", "signing time"),
        (rb"/M (D\0722026", rb"/M (D\0722036", TRUST),
    ],
)
def test_a_person_that_signs_otherwise_is_not_trusted(
    form: bytes, parties: Parties, old: bytes, new: bytes, rule: str
) -> None:
    odd = signed_edited(prepared_for_person(form, parties), parties.person, old, new)

    found = verdict(odd, parties)

    assert found.verdict is VerdictWord.UNTRUSTED
    assert rule in failed(found)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"/Action /All", b"/Action /Alm", None),
        (b"/FieldMDP\n", b"/FieldMDQ\n", "locked"),
        (b"/FieldMDP\n", b"/DocMDP  \n", "certified"),
    ],
)
def test_an_enterprise_that_does_not_lock_is_not_trusted(
    once: bytes, parties: Parties, old: bytes, new: bytes, rule: str | None
) -> None:
    prepared = prepared_for_enterprise(once, parties)
    odd = signed_edited(prepared, parties.enterprise, old, new)

    found = verdict(odd, parties)

    assert found.verdict is not VerdictWord.SIGNED
    assert rule is None or rule in failed(found)


@pytest.mark.parametrize(
    ("certifies", "locks", "rule"), [(False, False, "locked"), (False, True, None)]
)
def test_the_last_signature_locks(
    once: bytes, parties: Parties, certifies: bool, locks: bool, rule: str | None
) -> None:
    prepared = by_enterprise(once, parties, certifies=certifies, locks=locks)

    found = verdict(party.complete(prepared, parties.enterprise.raw(prepared.digest)), parties)

    assert failed(found) == ({rule} if rule else set())


def test_an_enterprise_does_not_sign_before_the_person(form: bytes, parties: Parties) -> None:
    prepared = by_enterprise(form, parties, certifies=True, locks=False)

    found = verdict(party.complete(prepared, parties.enterprise.raw(prepared.digest)), parties)

    assert (found.verdict, failed(found)) == (VerdictWord.UNTRUSTED, {"order"})


def signed_in(document: bytes, field: str, parties: Parties, *, first: bool) -> bytes:
    prepared = party.prepare(
        document, field, certifies=first, locks=not first, look=round_seal(), now=NOW,
        chain=parties.enterprise.chain,
    )  # fmt: skip
    return party.complete(prepared, parties.enterprise.raw(prepared.digest))


def test_a_form_with_a_signature_in_another_field_goes_by_the_rules_of_seals(
    fontbook: FontBook, parties: Parties
) -> None:
    """Whoever signs there, and under whichever root: no seal of an authority is one of many."""
    document, placed = new_placed_form(fontbook)
    made = with_fields(document, (placed.signatures[0], FIELD), now=NOW)
    once = signed_in(made, APPLICANT_SIGN, parties, first=True)
    mixed = signed_in(once, FIELD.name, parties, first=False)
    everybody = [root for each in parties.roots.values() for root in each]

    found = verify_pdf(mixed, everybody, dict.fromkeys(party.signed_fields(mixed), everybody))

    assert found.verdict is VerdictWord.ALTERED
    assert "carries more than one signature" in found.reasons


def test_a_party_cannot_sign_in_the_place_of_the_seal(fontbook: FontBook, parties: Parties) -> None:
    document, _ = new_placed_form(fontbook)
    made = with_fields(document, (FIELD,), now=NOW)

    signed = signed_in(made, FIELD.name, parties, first=True)

    assert verdict(signed, parties).verdict is VerdictWord.UNTRUSTED


@settings(max_examples=120, deadline=None)
@given(place=st.floats(min_value=0, max_value=1, exclude_max=True), flip=st.integers(1, 255))
def test_no_flipped_byte_of_what_is_signed_stays_signed(
    twice: bytes, parties: Parties, place: float, flip: int
) -> None:
    first, second = holes(twice)[-1]
    position = int(place * (len(twice) - (second - first)))
    position += (second - first) if position >= first else 0

    changed = bytearray(twice)
    changed[position] ^= flip

    assert verdict(bytes(changed), parties).verdict is not VerdictWord.SIGNED


def test_a_strangers_file_is_not_compared_revision_by_revision(
    twice: bytes, parties: Parties
) -> None:
    """That is dear, and says nothing of a file that nobody known has signed."""
    checks = {check.name: check for check in verdict(twice, new_parties()).checks}

    assert not checks["changes"].ok
    assert checks["changes"].detail.startswith("was not asked")


def test_verifying_raises_nothing_for_cut_forms(twice: bytes, parties: Parties) -> None:
    for size in range(0, len(twice), 997):
        assert verdict(twice[:size], parties).verdict is not VerdictWord.SIGNED
