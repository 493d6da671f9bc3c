"""The parties (签署方) who sign a form with keys of their own, and whose certificates count.

A party's key is at a certification authority (CA) or in a USB key; the factory only looks at
the certificate: who issued it, and whom it names.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from factory.model import Party

#: where personal certificates carry the number of the identity paper and those of enterprises
#: their organisation code (GM/T 0015-2023, 5.2.4), or the subject's serialNumber (RFC 4519, 2.31)
IDENTITY_CODE = "1.2.156.10260.4.1.1"
ORGANISATION_CODE = "1.2.156.10260.4.1.4"
ORGANISATION_IDENTIFIER = "2.5.4.97"
SERIAL_NUMBER = "2.5.4.5"
COMMON_NAME = "2.5.4.3"
ORGANISATION = "2.5.4.10"

Oid = Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")]
What = Literal["name", "number"]


class Algorithm(StrEnum):
    """With what a party signs."""

    RSA = "rsa"  #: RFC 8017
    ECDSA = "ecdsa"  #: FIPS 186-5
    SM2 = "sm2"  #: GB/T 32918


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names one thing twice")
    return values


class PartyRules(BaseModel):
    """Whose certificates count as one party's.

    trust:         the folder of the keyring, below ``parties``, with the roots of their CA.
    identified_by: what of the certificate must be what the application says.
    name_in:       where their name stands: an attribute of the subject; the first that is there.
    number_in:     where the number of the identity paper or the credit code stands: an attribute
                   of the subject or an extension; the first that is there.
    algorithms:    with what they may sign.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trust: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    identified_by: Annotated[tuple[What, ...], Field(min_length=1), AfterValidator(_distinct)] = (
        "name",
        "number",
    )
    name_in: Annotated[tuple[Oid, ...], Field(min_length=1), AfterValidator(_distinct)]
    number_in: Annotated[tuple[Oid, ...], Field(min_length=1), AfterValidator(_distinct)]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1), AfterValidator(_distinct)] = (
        Algorithm.RSA,
        Algorithm.ECDSA,
    )


class SigningRules(BaseModel):
    """How the parties sign (签署), where they do.

    minutes: how long a prepared form waits for its signature.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: int = Field(default=30, ge=1, le=24 * 60)
    applicant: PartyRules = PartyRules(
        trust="applicants", name_in=(COMMON_NAME,), number_in=(IDENTITY_CODE, SERIAL_NUMBER)
    )
    enterprise: PartyRules = PartyRules(
        trust="enterprises",
        name_in=(ORGANISATION, COMMON_NAME),
        number_in=(ORGANISATION_CODE, ORGANISATION_IDENTIFIER, SERIAL_NUMBER),
    )

    def takes(self, algorithm: Algorithm) -> bool:
        """Whether a party may sign with it."""
        return any(algorithm in each.algorithms for each in (self.applicant, self.enterprise))

    def of(self, party: Party) -> PartyRules:
        """The rules of one party."""
        return self.applicant if party is Party.APPLICANT else self.enterprise
