"""What `certfactory up` tells once it is ready: lines that can be pasted as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jobs.commands import running
from jobs.settings import Settings


@pytest.mark.parametrize("name", ["plain", "with a space", "it's $HOME", "数据"])
def test_the_line_with_the_key_can_be_pasted_whatever_the_folder_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    key = folder / "http.key"
    key.write_text("cfk_0123456789abcdef\n")

    running.tell_ready(Settings.from_env({"FACTORY_DATA_DIR": str(folder)}), key, ())

    [line] = [each for each in capsys.readouterr().err.splitlines() if "export API=" in each]
    pasted = ["bash", "-c", f'{line}\nprintf %s "$KEY"']
    done = subprocess.run(pasted, check=True, capture_output=True, text=True)
    assert done.stdout == "cfk_0123456789abcdef"
