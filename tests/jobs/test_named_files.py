"""Files that a person names: what is read of them, and what is none."""

import os
from pathlib import Path

import pytest

from factory.errors import NotFoundError
from jobs.commands.files import read_file


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")

    assert read_file(tmp_path / "file", 5) == b"12345"


def test_a_byte_more_than_may_be_tells_that_a_file_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1234567")

    assert read_file(tmp_path / "file", 5) == b"123456"


def test_a_link_to_a_file_is_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")

    assert read_file(tmp_path / "link", 5) == b"12345"


def test_a_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is a folder"):
        read_file(tmp_path, 5)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(NotFoundError, match="is no regular file"):
        read_file(tmp_path / "pipe", 5)


def test_a_file_that_is_not_there_is_said_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="missing: No such file"):
        read_file(tmp_path / "missing", 5)
