"""Feeds most of whose files are refused alike: they look like files of another format."""

from collections import Counter

from pydantic import BaseModel, Field

FEWEST_FILES = 10


class Refusal(BaseModel):
    """The reason that most files of a feed are refused for."""

    files: int
    of: int = Field(description="files that were stored or refused")
    code: str
    pointer: str = Field(description="the JSON pointer of the value at fault")

    def sentence(self) -> str:
        """The reason, and what to do."""
        fault = f"are refused alike ({self.code})"
        if self.code == "missing_field":
            fault = f"lack {self.pointer.lstrip('/')}"
        elif self.pointer:
            fault = f"are refused alike ({self.code} at {self.pointer})"
        return f"{self.files:,} of {self.of:,} files {fault}: they look like another format; try `formats suggest`."


def refusal(places: Counter[tuple[str, str]], stored: int) -> Refusal | None:
    """The reason of most files; None if there is none, or too few. places: refused files by code and pointer."""
    of = stored + places.total()
    for (code, pointer), files in places.most_common(1):
        if files >= FEWEST_FILES and 2 * files > of:
            return Refusal(files=files, of=of, code=code, pointer=pointer)
    return None
