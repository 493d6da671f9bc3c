"""The policy: which identity signs which kind of document of which register; nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from factory.errors import SettingsError
from storage.key_sources import HEAD, LOG_HOME

Use = tuple[str, str, str]  #: identity, profile, kind

HEADS: Use = (LOG_HOME, LOG_HOME, HEAD)  #: heads of the log, signed with its own key
ADD_HEADS = (
    'the key of the log may not sign its heads: add {"identity": "log", "profile": "log",'
    ' "kind": "head"} to the uses of FACTORY_SIGNER_POLICY and start the signer process again'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that may be signed."""

    uses: frozenset[Use]

    @property
    def identities(self) -> frozenset[str]:
        """Whose keys are asked for at all."""
        return frozenset(identity for identity, _, _ in self.uses)

    def why_not(self, identity: str, profile: str | None, kind: str | None) -> str | None:
        """Why that may not be signed; None: it may."""
        if profile is None or kind is None:
            return f"{identity} does not sign without being told what for"
        if (identity, profile, kind) in self.uses:
            return None
        if (identity, profile, kind) == HEADS:
            return ADD_HEADS
        return f"{identity} does not sign {kind} of {profile}"


def written(uses: Iterable[Use]) -> str:
    """A policy as JSON."""
    rows = [
        {"identity": identity, "profile": profile, "kind": kind}
        for identity, profile, kind in sorted(uses)
    ]
    return json.dumps({"uses": rows}, ensure_ascii=False, indent=1)


def read(text: str) -> Policy:
    """A policy from its JSON.  SettingsError: it is none."""
    try:
        rows = json.loads(text)["uses"]
        uses = frozenset((row["identity"], row["profile"], row["kind"]) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError("the signer process's policy is not what it should be") from error
    if not all(isinstance(word, str) for use in uses for word in use):
        raise SettingsError("the signer process's policy must name everything as text")
    return Policy(uses=uses)
