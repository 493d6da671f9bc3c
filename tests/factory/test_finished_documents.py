"""What a reader finds in a finished document: words, symbols and pictures, in either format."""

import pytest

from factory import finished
from factory.errors import LintError
from factory.model import Format


@pytest.mark.parametrize("fmt", list(Format))
def test_what_is_no_document_cannot_be_read(fmt: Format) -> None:
    with pytest.raises(LintError, match="cannot be read"):
        finished.read(b"neither", fmt)
