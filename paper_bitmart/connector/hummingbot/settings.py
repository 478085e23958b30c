"""What a Hummingbot user may set about bitmart_paper_trade, checked once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "bitmart_paper_trade_"
DEMO = "demo"
MEMORY = "memory"


class PaperSettingsError(ValueError):
    """A setting breaks its rule. Carries `field` and `why`."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{PREFIX}{field}: {why}")
        self.field, self.why = field, why


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """Where the paper exchange is, or what it plays.

    Attributes:
        source: of an exchange in this process: "demo", the path of a capture, played in a loop, or a live
            market: bitmart, binance, ccxt:NAME.
        symbols: the capture's symbols/details file; empty looks beside it.
        state: directory of the journal, so that balances and orders outlive the process; empty: Hummingbot's
            data folder; "memory" keeps nothing.
        server: URL of a running `paper-bitmart serve` to use instead, with a key set that it made.
    """

    source: str = DEMO
    symbols: str = ""
    state: str = ""
    server: str = ""
    server_key: str = ""
    server_secret: str = ""
    server_memo: str = ""

    def __post_init__(self) -> None:
        if not self.server:
            return
        parts = urlsplit(self.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PaperSettingsError(
                "server", f"must be a URL such as http://127.0.0.1:8080, not {self.server!r}"
            )
        if (parts.hostname or "").rstrip(".").endswith("bitmart.com"):
            raise PaperSettingsError("server", "is the real BitMart; this connector only trades on paper")
        if not self.server_key or not self.server_secret:
            raise PaperSettingsError(
                "server_key", "is needed, with its secret, of the key set that the server made"
            )

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "PaperSettings":
        """From the connector's keyword arguments, each named PREFIX + attribute.

        Raises:
            PaperSettingsError: a value breaks its rule.
            TypeError: an argument that there is none of.
        """
        return cls(**{name.removeprefix(PREFIX): str(value or "").strip() for name, value in fields.items()})

    def state_dir(self, data: Path) -> Path | None:
        """Directory of the journal: one for each source, for a journal belongs to one market's symbols."""
        if self.state == MEMORY:
            return None
        folder = Path(self.state).expanduser() if self.state else data / "bitmart_paper_trade"
        return folder / re.sub(r"[^A-Za-z0-9]+", "_", Path(self.source).name)
