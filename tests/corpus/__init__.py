"""Bad input, made by code: every file named by what is wrong with it, and where it must end."""

from tests.corpus.case import LEFT, STORED, Case
from tests.corpus.contents import contents
from tests.corpus.files import files

__all__ = ["LEFT", "STORED", "Case", "cases"]


def cases() -> list[Case]:
    """All of them."""
    return [*contents(), *files()]
