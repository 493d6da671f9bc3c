"""Acceptance numbers (受理编号) as one register makes them up, and what one says of its form."""

from __future__ import annotations

from datetime import date

from factory import numbering
from factory.errors import ConflictError
from factory.model import ApplicationType
from factory.numbering import AcceptanceSuffix
from factory.profile import AcceptanceRules, Profile


def rules_of(profile: Profile) -> AcceptanceRules:
    """The register's scheme.  ConflictError: it has none, upstream gives the numbers."""
    rules = profile.numbering.acceptance
    if rules is None:
        raise ConflictError(
            f"profile {profile.id}: upstream gives its acceptance numbers (受理编号);"
            " [numbering.acceptance] is not set"
        )
    return rules


def series(profile: Profile, rules: AcceptanceRules, day: date) -> str:
    """The series of the sequence: a department's, all types together, from 1 every month.

    Registers of one authority that name one department share it: without the digits that the
    form adds, the same number of both could not be told apart.
    """
    return f"{profile.authority.credit_code}/acceptance/{rules.department}/{day:%Y%m}"


def number(rules: AcceptanceRules, kind: ApplicationType, day: date, sequence: int) -> str:
    """The number of an application of that type, as the printed form shows it.

    FieldError: the sequence is not 1 to 9999.
    """
    return numbering.acceptance_number(
        rules.department, day.year, day.month, sequence, _suffix(rules, kind)
    )


def listed(text: str) -> str:
    """The number as lists and result pages show it, without what the form adds.

    >>> listed("W2018040330039180103"), listed("opaque")
    ('W2018040330039', 'opaque')
    """
    parsed = numbering.parse_acceptance_number(text)
    return parsed.short if parsed else text


def contradiction(profile: Profile, kind: ApplicationType, text: str) -> str | None:
    """How a number contradicts the type of its application; None: nothing that can be seen.

    Never a reason to refuse it: no rule is published, a number is opaque text in the end.
    """
    rules, parsed = profile.numbering.acceptance, numbering.parse_acceptance_number(text)
    if rules is None or parsed is None or parsed.suffix is None:
        return None
    said, mine = parsed.suffix.application_type, rules.form(kind)
    others = {each.type for each in rules.forms}
    if said == mine.type if mine else said not in others:
        return None
    expected = f", which has {mine.type}" if mine else ""
    return f"acceptance_number: form code {said} is not that of {kind}{expected}; kept as it is"


def _suffix(rules: AcceptanceRules, kind: ApplicationType) -> AcceptanceSuffix | None:
    code = rules.form(kind)
    if code is None:
        return None
    return AcceptanceSuffix(
        profession=rules.profession, application_type=code.type, variant=code.variant
    )
