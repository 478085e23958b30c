"""Puts the import hook into a Python environment, and takes it out again; Hummingbot's files stay as is.

Two files in the environment's site-packages do it: a `.pth` line that Python runs at every start, and a
copy of `hook.py`, so that the line still works, and says so, when paper-bitmart was uninstalled meanwhile.
"""

import sysconfig
from dataclasses import dataclass
from pathlib import Path

from paper_bitmart.connector.hummingbot import hook, versions

MODULE = "paper_bitmart_hummingbot_hook"
PTH_LINE = f"import {MODULE}; {MODULE}.install()\n"


class EnablingError(Exception):
    """The environment's files cannot be written. Carries `path` and `why`."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


@dataclass(frozen=True, slots=True)
class Status:
    """`is_enabled`: the hook is in `site`. `is_current`: and it is this version's."""

    site: Path
    is_enabled: bool
    is_current: bool


def site_packages() -> Path:
    """Where the running Python looks for packages and `.pth` files."""
    return Path(sysconfig.get_path("purelib"))


def status(site: Path | None = None) -> Status:
    """Whether the hook is in an environment, by default the running one."""
    site = site or site_packages()
    pth, copy = _files(site)
    return Status(
        site,
        is_enabled=pth.is_file(),
        is_current=pth.is_file() and copy.is_file() and copy.read_text() == _source(),
    )


def enable(path: Path | None = None, site: Path | None = None) -> versions.Hummingbot:
    """Make `bitmart_paper_trade` a connector of Hummingbot in this environment; again is no harm.

    Args:
        path: a source checkout that runs in this environment; None: the installed package.

    Raises:
        HummingbotNotFound, UnknownHummingbot: nothing is written then.
        EnablingError: the environment cannot be written.
    """
    hummingbot = versions.check(path)
    pth, copy = _files(site or site_packages())
    try:
        # The module first: a line without its module would be an error at every start of Python.
        copy.write_text(_source())
        pth.write_text(PTH_LINE)
    except OSError as error:
        raise EnablingError(pth, f"cannot be written: {error.strerror}") from error
    return hummingbot


def disable(site: Path | None = None) -> bool:
    """Take the hook out; returns whether it was there.

    Raises:
        EnablingError: a file cannot be removed.
    """
    pth, copy = _files(site or site_packages())
    was_there = pth.exists() or copy.exists()
    try:
        pth.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)
    except OSError as error:
        raise EnablingError(pth, f"cannot be removed: {error.strerror}") from error
    return was_there


def _files(site: Path) -> tuple[Path, Path]:
    return site / f"{MODULE}.pth", site / f"{MODULE}.py"


def _source() -> str:
    return Path(hook.__file__).read_text()
