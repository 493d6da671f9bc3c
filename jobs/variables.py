"""Environment variables as the fields of a dataclass: how one is declared, read and written.

A reader takes the text of a variable and gives its value; a ValueError says what the text must
be, and never the text itself, which may be a secret.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from factory.errors import SettingsError
from storage import passphrases

LOG_LEVELS = ("debug", "info", "warning", "error")
POSTGRESQL = "postgresql+psycopg://"

#: What a default may look at: the environment's machine and the settings read before it.
Default = str | Callable[[Mapping[str, Any]], str]


def setting(
    read: Callable[[str], object],
    default: Default,
    meaning: str,
    *,
    example: str = "",
    shown: str = "",
    secret: bool = False,
) -> Any:
    """A field that knows how it is read, what it falls back to and what it means.

    example: a right value, where the default is not one.
    shown:   the default in words, where it is not the same on every machine.
    """
    words = {"read": read, "default": default, "meaning": meaning}
    return field(
        repr=not secret,
        metadata={**words, "example": example or default, "shown": shown, "secret": secret},
    )


def variable(each: "Field[Any]") -> str:
    """The environment variable of a field, e.g. ``FACTORY_DATA_DIR``."""
    return f"FACTORY_{each.name.upper()}"


def value_of(each: "Field[Any]", environ: Mapping[str, str], before: Mapping[str, Any]) -> object:
    """One field's value from its variable, its file or its default."""
    said = _given(each, environ) or _default(each, before)
    try:
        return each.metadata["read"](said)
    except ValueError as error:
        problem = f"{variable(each)} {error}; for example {each.metadata['example']}"
        raise SettingsError(problem) from None


def _given(each: "Field[Any]", environ: Mapping[str, str]) -> str:
    """What the environment says about a field; an empty variable says nothing."""
    text = environ.get(variable(each), "").strip()
    file = environ.get(f"{variable(each)}_FILE", "").strip()
    if not each.metadata["secret"] or not file:
        return text
    if text:
        raise SettingsError(f"{variable(each)} and {variable(each)}_FILE are both set: keep one")
    return _secret(each, Path(file))


def _secret(each: "Field[Any]", file: Path) -> str:
    """The secret that a file holds, without the line's end."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise SettingsError(f"{variable(each)}_FILE: {file}: {reason}") from None
    if not text:
        raise SettingsError(f"{variable(each)}_FILE: {file} is empty")
    return text


def _default(each: "Field[Any]", before: Mapping[str, Any]) -> str:
    default: Default = each.metadata["default"]
    return default if isinstance(default, str) else default(before)


def written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return os.pathsep.join(str(part) for part in value)
    return str(value)


def plain(text: str) -> str:
    return text


def path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def maybe_path(text: str) -> Path | None:
    return path(text) if text else None


def maybe_secret_file(text: str) -> Path | None:
    """A file or an open descriptor (``fd:3``)."""
    return passphrases.place(text) if text else None


def paths(text: str) -> tuple[Path, ...]:
    return tuple(path(part) for part in text.split(os.pathsep) if part)


def whole(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number from least to most."""

    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def switch(text: str) -> bool:
    """Reads on or off."""
    if text not in ("on", "off"):
        raise ValueError("must be on or off")
    return text == "on"


def matching(pattern: str, rule: str) -> Callable[[str], str]:
    """Reads a text of one shape; rule says the shape in words."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {rule}")
        return text

    return read


def url(*schemes: str, empty: bool = False) -> Callable[[str], str]:
    """Reads a URL with a host under one of the schemes."""

    def read(text: str) -> str:
        if empty and not text:
            return text
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(f"must be a URL that begins with {' or '.join(schemes)}://")
        return text

    return read


def signer_address(text: str) -> str:
    """Reads where a signer process is: a Unix socket's whole path, or a host with its port."""
    kind, _, rest = text.partition(":")
    is_https = kind == "https" and re.fullmatch(
        r"//([0-9A-Za-z.-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}", rest
    )
    if text and not is_https and not (kind == "unix" and rest.startswith("/")):
        raise ValueError("must be unix: and the whole path of a socket, or https://host:port")
    return text


def hosts(text: str) -> str:
    """Reads hosts separated by commas, each with its port if it is not the usual one."""
    host = r"(\[[0-9a-fA-F:]+\]|[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?)(:[0-9]{1,5})?"
    if text and not all(re.fullmatch(host, each.strip()) for each in text.split(",")):
        raise ValueError("must be hosts separated by commas, each as host or host:port")
    return text


def database(text: str) -> str:
    """The URL as SQLAlchemy wants it: PostgreSQL always through psycopg."""
    scheme, found, rest = text.partition("://")
    if found and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return POSTGRESQL + rest
    if scheme == "sqlite" and rest.startswith("/"):
        return text
    raise ValueError("must begin with postgresql:// or sqlite:///")


def level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.lower()
