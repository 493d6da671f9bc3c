"""Tokens of SoftHSM2, all in one folder of this process: a PKCS#11 module looks there once."""

import ctypes
import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from factory.seals.soft import SoftKey
from storage.token_key import Place, TokenKey, Vendor

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN, WRONG_PIN = "271828", "314159"


@dataclass(frozen=True)
class Token:
    """A token with its PIN in a file."""

    label: str
    folder: Path
    pin_file: Path

    def add(self, key: SoftKey, label: str, ident: str = "01") -> None:
        """Put a key made elsewhere into the token."""
        file = self.pin_file.with_name(f"{uuid.uuid4().hex}.p8")
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        run("softhsm2-util", "--import", str(file), "--token", self.label, "--label", label,
            "--id", ident, "--pin", PIN, "--force")  # fmt: skip
        file.unlink()

    def make(self, label: str, *how: str, ident: str = "01") -> None:
        """Make a key pair in the token, as an operator does."""
        self.tool("--keypairgen", "--label", label, "--id", ident, *how)

    def make_with(self, label: str, **attributes: bool) -> None:
        """Make an RSA pair whose private key has these attributes, which pkcs11-tool cannot say."""
        program = (
            "import pkcs11, sys\n"
            "from pkcs11 import Attribute, KeyType\n"
            f"token = pkcs11.lib({str(MODULE)!r}).get_token(token_label={self.label!r})\n"
            f"said = {{Attribute[name]: value for name, value in {attributes!r}.items()}}\n"
            f"with token.open(rw=True, user_pin={PIN!r}) as session:\n"
            "    session.generate_keypair(KeyType.RSA, 2048, store=True,\n"
            f"        label={label!r}, private_template=said)\n"
        )
        run(sys.executable, "-c", program)

    def tool(self, *words: str) -> bytes:
        """pkcs11-tool, logged in."""
        return run("pkcs11-tool", "--module", str(MODULE), "--token-label", self.label,
                   "--login", "--pin", PIN, *words)  # fmt: skip

    def place(self, **changes: Any) -> Place:
        usual = {"module": MODULE, "token": self.label, "slot": None, "pin_file": self.pin_file}
        return Place(**(usual | changes))

    def key(
        self, label: str | None, *, ident: bytes | None = None, vendor: Vendor | None = None,
        **place: Any,
    ) -> TokenKey:  # fmt: skip
        return TokenKey(place=self.place(**place), label=label, ident=ident, vendor=vendor)

    def take_away(self) -> None:
        self.folder.rename(_away(self.folder))

    def bring_back(self) -> None:
        _away(self.folder).rename(self.folder)


def new_token(folder: Path, label: str | None = None) -> Token:
    """An initialised token, its PIN in a file of a folder."""
    there, name = set(_tokens().iterdir()), label or f"t{uuid.uuid4().hex[:12]}"
    run("softhsm2-util", "--init-token", "--free", "--label", name, "--pin", PIN, "--so-pin", PIN)
    [made] = set(_tokens().iterdir()) - there
    pin_file = folder / f"{made.name}.pin"
    pin_file.write_text(PIN + "\n")
    return Token(label=name, folder=made, pin_file=pin_file)


@cache
def library() -> ctypes.CDLL:
    """The same module in this process, to do things behind the back of those who use it."""
    return ctypes.CDLL(str(MODULE))


def slot_of(token: Token) -> int:
    """The number of a token's slot, out of SoftHSM's listing."""
    said = run("softhsm2-util", "--show-slots").decode()
    number = ""
    for line in said.splitlines():
        if line.startswith("Slot "):
            number = line.split()[1]
        if line.split() == ["Label:", token.label]:
            return int(number)
    raise AssertionError(said)


def run(*words: str) -> bytes:
    _tokens()
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


def _away(folder: Path) -> Path:
    return folder.parent.parent / f"away-{folder.name}"


def _tokens() -> Path:
    return Path(_folder().name) / "tokens"


@cache
def _folder() -> "TemporaryDirectory[str]":
    _need("softhsm2-util", "softhsm2")
    _need("pkcs11-tool", "opensc")
    folder = TemporaryDirectory(prefix="factory-tokens-")
    (Path(folder.name) / "tokens").mkdir()
    settings = Path(folder.name) / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder.name}/tokens\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)  # of this process, its children and the module
    return folder


def _need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        absent = f"{program} is not installed: apt-get install {package}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(absent)
