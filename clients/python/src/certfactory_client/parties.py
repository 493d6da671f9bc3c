"""Whom an upstream system asks for; without one of these it asks for itself, as the counter would.

That they are who they say they are, the upstream system has made sure of (实名, 法人一证通).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ForEnterprise:
    """An enterprise, by its unified social credit code (统一社会信用代码)."""

    credit_code: str

    def as_json(self) -> dict[str, str]:
        """As a request says it."""
        return {"viewer": "enterprise", "credit_code": self.credit_code}


@dataclass(frozen=True, slots=True)
class ForHolder:
    """A person, by the number of their identity paper; id_type as in GB/T 36903."""

    id_number: str = field(repr=False)
    id_type: str = "111"

    def as_json(self) -> dict[str, str]:
        """As a request says it."""
        return {"viewer": "holder", "id_type": self.id_type, "id_number": self.id_number}
