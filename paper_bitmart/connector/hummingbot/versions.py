"""Which Hummingbot is there, and whether it is one that `patches` knows.

HummingbotNotFound   no Hummingbot where it was looked for
UnknownHummingbot    one whose inner workings were never checked
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

KNOWN = {"dev-2.18.0": "20260922"}
"""Text of Hummingbot's file VERSION -> release that was checked, by reading and by running it."""


class HummingbotNotFound(Exception):
    """There is no Hummingbot. Carries `place`."""

    def __init__(self, place: str) -> None:
        super().__init__(f"there is no Hummingbot {place}")
        self.place = place


class UnknownHummingbot(Exception):
    """A Hummingbot that may work differently inside. Carries `version` and `folder`."""

    def __init__(self, version: str, folder: Path) -> None:
        known = ", ".join(f"{release} (its VERSION file reads {text})" for text, release in KNOWN.items())
        super().__init__(
            f"Hummingbot {version} in {folder} is not one that this version can hook; it knows {known}"
        )
        self.version, self.folder = version, folder


@dataclass(frozen=True, slots=True)
class Hummingbot:
    """An installed package or a source checkout; `folder` holds the package `hummingbot`."""

    version: str
    folder: Path

    @property
    def release(self) -> str | None:
        """The checked release that this is; None for an unknown one."""
        return KNOWN.get(self.version)


def find(path: Path | None = None) -> Hummingbot:
    """The Hummingbot of this environment, or of the source checkout at `path`; nothing of it is imported.

    Raises:
        HummingbotNotFound: there is none.
    """
    if path is not None:
        folder = path
        place = f"checkout at {path}"
    else:
        spec = find_spec("hummingbot")
        if spec is None or not spec.submodule_search_locations:
            raise HummingbotNotFound("in this Python environment; a source checkout is given by --path")
        folder = Path(next(iter(spec.submodule_search_locations))).parent
        place = f"in {folder}"
    file = folder / "hummingbot" / "VERSION"
    if not file.is_file():
        raise HummingbotNotFound(place)
    return Hummingbot(file.read_text().strip(), folder)


def check(path: Path | None = None) -> Hummingbot:
    """As `find`, but only a known one.

    Raises:
        HummingbotNotFound, UnknownHummingbot: as they say.
    """
    found = find(path)
    if found.release is None:
        raise UnknownHummingbot(found.version, found.folder)
    return found
