"""Waits for Hummingbot's modules to be imported, and hands them to `patches`.

This file is also copied into environments by `enabling`, where it is imported by every Python process that
starts: it needs nothing but `sys`, and costs one text comparison per import until Hummingbot comes along.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

PATCHES = "paper_bitmart.connector.hummingbot.patches"
WATCHED = frozenset(
    {
        "hummingbot.client.settings",
        "hummingbot.client.config.security",
        "hummingbot.client.command.connect_command",
        "hummingbot.core.connector_manager",
        "hummingbot.user.user_balances",
    }
)
"""Modules that are changed after they were imported."""
FOLDER = "hummingbot.connector.exchange.bitmart_paper_trade"
ALIASES = {
    FOLDER: "paper_bitmart.connector.hummingbot",
    FOLDER + ".bitmart_paper_trade_exchange": "paper_bitmart.connector.hummingbot.exchange",
    FOLDER + ".bitmart_paper_trade_utils": "paper_bitmart.connector.hummingbot.config_map",
}
"""Where Hummingbot looks for a connector of that name -> where it is."""


class Hook:
    """A meta path finder; see `sys.meta_path` in Python's library reference."""

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """The spec of a watched module, with a loader that patches it; None for every other module."""
        if not name.startswith("hummingbot."):
            return None
        if name in ALIASES:
            from importlib.util import spec_from_loader

            return spec_from_loader(name, _alias_loader(), is_package=name == FOLDER)
        if name not in WATCHED:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if isinstance(finder, Hook) or find is None else find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = PatchingLoader(spec.loader)
                return spec
        return None


class PatchingLoader:
    """Does what the module's own loader does, then patches the module."""

    def __init__(self, loader: "Any") -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)

    def create_module(self, spec: object) -> "Any":
        return self._loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        self._loader.exec_module(module)
        patch(module)


def _alias_loader() -> "Any":
    """Gives a module of ours the name under which Hummingbot looks for it."""
    from importlib import import_module
    from importlib.abc import Loader

    class AliasLoader(Loader):
        def exec_module(self, module: "ModuleType") -> None:
            own = vars(import_module(ALIASES[module.__name__]))
            vars(module).update({key: own[key] for key in own if not key.startswith("__")})

    return AliasLoader()


def patch(module: "ModuleType") -> None:
    """Change a module of Hummingbot; when that cannot be done, say so, and let Hummingbot run as it is."""
    from importlib import import_module

    try:
        patches = import_module(PATCHES)
    except ImportError as error:
        sys.stderr.write(f"paper-bitmart: bitmart_paper_trade is not available: {error}\n")
        return
    patches.apply(module)


def install() -> None:
    """Begin to wait; a second call changes nothing."""
    if not any(type(finder).__name__ == "Hook" and hasattr(finder, "find_spec") for finder in sys.meta_path):
        sys.meta_path.insert(0, Hook())
