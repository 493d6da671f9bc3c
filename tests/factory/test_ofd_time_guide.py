"""docs/ofd-time.md: its commands take the stamp out of an OFD, and openssl judges it."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from factory.seals import ofd
from tests import ofd_stamps
from tests.seal_making import BOX, MEMBERS, NOW, identity

GUIDE = (Path(__file__).parents[2] / "docs" / "ofd-time.md").read_text("utf-8")
[COMMANDS] = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (ofd_stamps.token, "Verification: OK"),
        (lambda over: ofd_stamps.token(over + b"\0"), "message imprint mismatch"),
    ],
    ids=["its own", "another's"],
)
def test_the_commands_of_the_guide_judge_the_stamp(
    token: Callable[[bytes], bytes], says: str, tmp_path: Path
) -> None:
    prepared = ofd.prepare(MEMBERS, BOX, identity(), now=NOW)
    [signature] = identity().signer.sign_digests([prepared.digest])
    package = ofd.complete(prepared, signature, token(signature))
    (tmp_path / "certificate.ofd").write_bytes(package)
    root = ofd_stamps.authority().root.public_bytes(Encoding.PEM)
    (tmp_path / "tsa-root.pem").write_bytes(root)
    at = f" -attime {int(NOW.timestamp())}"  # when the authority of tests is valid

    done = subprocess.run(
        ["sh", "-e"], input=COMMANDS.rstrip() + at, cwd=tmp_path, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip

    assert says in done.stdout + done.stderr
    assert (tmp_path / "signature.der").read_bytes() == signature
    assert (done.returncode == 0) == says.endswith("OK")
