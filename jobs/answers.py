"""Signed answers (查验结果) for programs: a JSON Web Signature (RFC 7515) with ES256 (RFC 7518)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import jwt
from jwt.algorithms import ECAlgorithm

from jobs.verifying import Answer
from storage import answer_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from jobs.wiring import Plant

ALGORITHM = "ES256"


def signed(plant: Plant, answer: Answer, asked: str) -> dict[str, Any]:
    """What is told, and the same with who says so, when, and of what as a compact JWS.

    asked: the code as it stands in the address; its SHA-256 is what the answer is about (``sub``).
    SettingsError: the keyring has no key for it.
    """
    key = answer_key.load(plant.settings.keyring_dir)
    said = as_json(answer)
    claims = {
        "iss": plant.settings.http_public_url,
        "iat": int(answer.at.timestamp()),
        "sub": hashlib.sha256(asked.encode()).hexdigest(),
        **said,
    }
    token = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": _name(key)})
    return {"answer": said, "jws": token}


def keys(plant: Plant) -> dict[str, Any]:
    """The public key as a JWK set (RFC 7517)."""
    key = answer_key.load(plant.settings.keyring_dir)
    return {"keys": [_public(key) | {"kid": _name(key), "alg": ALGORITHM, "use": "sig"}]}


def as_json(answer: Answer) -> dict[str, Any]:
    """Identifiers for programs; what is printed as it is printed, the name masked."""
    told = answer.told
    return {
        "status": answer.status.value,
        "at": answer.at.isoformat(timespec="seconds"),
        "same_bytes": answer.is_file,
        "certificate": None if told is None else {
            "title": told.title,
            "authority": told.authority,
            "edition": told.edition,
            "issued_on": told.issued_on.isoformat(),
            "rows": [{"label": label, "lines": list(lines)} for label, lines in told.rows],
        },
        "later": [
            {"edition": each.number, "on": each.on.isoformat(), "cause": each.cause}
            for each in answer.later
        ],
        "changed": list(answer.changed),
        "withdrawn_from": answer.until.isoformat() if answer.until else None,
        "log": answer.logged.proof if answer.logged else None,
        "erased": answer.erased,
    }  # fmt: skip


def _public(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return found


def _name(key: ec.EllipticCurvePrivateKey) -> str:
    """The thumbprint of the key (RFC 7638)."""
    jwk = _public(key)
    text = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
