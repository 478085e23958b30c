"""Settings as a user types them: option texts in, checked values out, and one error that names the option.

ConfigError    an option, the rule that its text breaks
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from paper_bitmart.bitmart.decimals import BadNumber, parse_decimal
from paper_bitmart.bitmart.topics import symbol_of

if TYPE_CHECKING:
    from paper_bitmart.exchange.fees import FeeRates
    from paper_bitmart.exchange.latency_choice import LatencyChoice
    from paper_bitmart.matching.models import QueueModel

E = TypeVar("E", bound=StrEnum)

DEMO = "demo"
CONNECTOR = "bitmart_paper_trade"
NS_PER_MS = 10**6
NS_PER_US = 10**3
SPEED_MAX = 10**6
SERVE_SPEED_MAX = 100.0
"""What `max` means to a server: of the demo some 80,000 market events a second."""
LATENCY_MS_MAX = 60_000
PPM = 10**6

NOT_GIVEN = "is needed (or --session DIR, which replays a recorded session)"


class ConfigError(ValueError):
    """An option's text breaks its rule. Carries `option` and `why`."""

    def __init__(self, option: str, why: str) -> None:
        super().__init__(f"{option}: {why}")
        self.option, self.why = option, why


def parse_balances(texts: Sequence[str]) -> dict[str, Decimal] | None:
    """`USDT=10000` ... by asset; None when there is no text.

    Raises:
        ConfigError: not ASSET=AMOUNT, a negative amount, or an asset twice.
    """
    balances: dict[str, Decimal] = {}
    for text in texts:
        asset, equals, amount = text.partition("=")
        asset = asset.upper()
        if not asset or not equals:
            raise ConfigError("--balance", f"must read ASSET=AMOUNT, e.g. USDT=10000, not {text!r}")
        if asset in balances:
            raise ConfigError("--balance", f"{asset} is given twice")
        balances[asset] = _number("--balance", amount)
        if balances[asset] < 0:
            raise ConfigError("--balance", f"{text}: must not be negative")
    return balances or None


def parse_pairs(text: str | None) -> list[str] | None:
    """`BTC-USDT,ETH-USDT` as symbols; None when there is no text.

    Raises:
        ConfigError: an entry is no trading pair.
    """
    if text is None:
        return None
    try:
        pairs = [pair.strip().upper().replace("_", "-").replace("/", "-") for pair in text.split(",")]
        return [symbol_of(pair) for pair in pairs]
    except ValueError as error:
        raise ConfigError("--pairs", f"{error}; write e.g. BTC-USDT,ETH-USDT") from error


def parse_speed(text: str) -> float | None:
    """Market seconds per real second; None for `max`.

    Raises:
        ConfigError: neither `max` nor a number above 0.
    """
    if text == "max":
        return None
    try:
        speed = parse_decimal(text)
    except BadNumber:
        speed = Decimal(0)
    if not 0 < speed <= SPEED_MAX:
        raise ConfigError("--speed", f"must be max, or above 0 and at most {SPEED_MAX}, not {text}")
    return float(speed)


def parse_latency_ns(option: str, text: str | None) -> int | None:
    """Milliseconds, also fractions of one, as ns; None when there is no text.

    Raises:
        ConfigError: not a number from 0 to LATENCY_MS_MAX.
    """
    if text is None:
        return None
    latency_ms = _number(option, text)
    if not 0 <= latency_ms <= LATENCY_MS_MAX:
        raise ConfigError(option, f"must be 0 to {LATENCY_MS_MAX} ms, not {text}")
    return int(latency_ms * NS_PER_MS)


def parse_latency(
    base: str | None,
    *,
    entry_ms: str | None = None,
    cancel_ms: str | None = None,
    response_ms: str | None = None,
    data_ms: str | None = None,
    jitter_ms: str | None = None,
    load_us: str | None = None,
    seed: int = 0,
) -> "LatencyChoice":
    """The latency that a command's options ask for; `base` is a preset, the file of a series, or None.

    Raises:
        ConfigError: no such preset or file, a number outside its range, or jitter on top of a preset.
    """
    from paper_bitmart.exchange.latency_choice import LatencyChoice
    from paper_bitmart.matching.latency_presets import PRESETS

    chosen: str | Path = base or "none"
    if chosen not in PRESETS:
        chosen = Path(chosen)
        if not chosen.is_file():
            raise ConfigError("--latency", f"must be one of {', '.join(PRESETS)} or a file, not {base!r}")
    jitter_ns = parse_latency_ns("--jitter-ms", jitter_ms) or 0
    if jitter_ns and chosen != "none":
        raise ConfigError("--jitter-ms", "contradicts --latency, which brings its own")
    load = _number("--latency-load-us", load_us or "0")
    if not 0 <= load <= LATENCY_MS_MAX:
        raise ConfigError("--latency-load-us", f"must be 0 to {LATENCY_MS_MAX}, not {load_us}")
    return LatencyChoice(
        base=chosen,
        entry_ns=parse_latency_ns("--entry-latency-ms", entry_ms),
        cancel_ns=parse_latency_ns("--cancel-latency-ms", cancel_ms),
        response_ns=parse_latency_ns("--response-latency-ms", response_ms),
        market_data_ns=parse_latency_ns("--data-latency-ms", data_ms),
        jitter_ns=jitter_ns,
        seed=seed,
        load_ns=int(load * NS_PER_US),
    )


def parse_fees(maker_ppm: int | None, taker_ppm: int | None, *, no_fees: bool) -> "FeeRates":
    """Fee rates in parts per million; what is not given is the default schedule's 2500 (0.25 %).

    Raises:
        ConfigError: a rate is outside 0..1,000,000, or given together with `no_fees`.
    """
    from paper_bitmart.exchange.fees import DEFAULT_FEES, NO_FEES, FeeRates

    given = {"--maker-fee-ppm": maker_ppm, "--taker-fee-ppm": taker_ppm}
    for option, rate_ppm in given.items():
        if rate_ppm is None:
            continue
        if no_fees:
            raise ConfigError(option, "contradicts --no-fees")
        if not 0 <= rate_ppm <= PPM:
            raise ConfigError(option, f"must be 0 to {PPM}, not {rate_ppm}")
    if no_fees:
        return NO_FEES
    return FeeRates(
        DEFAULT_FEES.maker_ppm if maker_ppm is None else maker_ppm,
        DEFAULT_FEES.taker_ppm if taker_ppm is None else taker_ppm,
    )


def default_keys_file() -> Path:
    """Where `serve` keeps the key sets that it made when it has no state directory."""
    return Path.home() / ".paper-bitmart" / "keys.json"


def parse_queue_model(text: str | None) -> "QueueModel":
    """A queue model, `NAME` or `NAME:PARAMETER=NUMBER,...`; the default one for None.

    Raises:
        ConfigError: no such model or parameter, or a number out of range.
    """
    from paper_bitmart.matching.models import DEFAULT_MODEL, ParameterError, model_named

    if text is None:
        return DEFAULT_MODEL
    try:
        return model_named(text)
    except ParameterError as error:
        raise ConfigError("--queue-model", str(error)) from error


def check_source(source: str, symbols: Path | None) -> Path | None:
    """The symbols file that goes with a source; None for the demo and for venues, which bring their own.

    A capture without `--symbols` uses the file beside it. Those given with a venue's market are used in place
    of the venue's.

    Raises:
        ConfigError: a source that does not exist, a missing file, or no symbols file.
    """
    from paper_bitmart.feed.live.registry import is_live

    if source == DEMO:
        if symbols is not None:
            raise ConfigError("--symbols", "the demo market brings its own rules")
        return None
    if is_live(source):
        return symbols
    path = Path(source)
    check_not_folder("--source", path)
    if not path.is_file():
        raise ConfigError(
            "--source", f"there is no capture file {source!r}; else it is demo, bitmart, binance or ccxt:NAME"
        )
    return rules_of([path], symbols)


def rules_of(data: Sequence[Path], symbols: Path | None) -> Path:
    """The symbols/details file of market data: the one given, or the one that stands beside all of them.

    Raises:
        ConfigError: there is none, or there are several.
    """
    from paper_bitmart.bitmart.rules import RULES_NAMES, rules_beside

    if symbols is not None:
        return symbols
    found = {rules_beside(path) for path in data}
    if len(found) == 1 and (only := found.pop()) is not None:
        return only
    names = " or ".join(RULES_NAMES)
    raise ConfigError("--symbols", f"is needed: there is no {names} beside {', '.join(map(str, data))}")


def check_not_folder(option: str, path: Path) -> None:
    """A recording is a folder, its captures are files. Raises ConfigError that names them."""
    if path.is_dir():
        captures = ", ".join(found.name for found in sorted(path.glob("market-*.jsonl*"))[:3])
        hint = f"name a capture in it: {captures}" if captures else "a capture is a file"
        raise ConfigError(option, f"{path} is a folder; {hint}")


def check_is_capture(option: str, path: Path) -> None:
    """Raises ConfigError for a folder, and for the converted file of a capture."""
    check_not_folder(option, path)
    if path.suffix == ".npz":
        raise ConfigError(option, f"{path} is a converted file, not the capture that it was made of")


def check_folder(option: str, out: Path | None) -> None:
    """A file to be written needs its folder, before hours of work. Raises ConfigError when there is none."""
    if out is not None and not out.parent.is_dir():
        raise ConfigError(option, f"there is no folder {out.parent} to write {out.name} into")


def check_goes_with(option: str, given: bool, others: Mapping[str, object]) -> None:
    """Options that only mean something beside another. Raises ConfigError naming one given without it."""
    for other, value in others.items():
        if value is not None and not given:
            raise ConfigError(other, f"goes with {option}")


def check_live_time(source: str, speed: float | None, clock: str = "wall") -> None:
    """A venue's market has its own time. Raises ConfigError when asked for another."""
    from paper_bitmart.feed.live.registry import is_live

    if not is_live(source):
        return
    if speed != 1:
        raise ConfigError("--speed", f"{source} is a live market, which runs at speed 1")
    if clock == "recorded":
        raise ConfigError("--clock", f"{source} is a live market, which has no recorded times")


def parse_urls(source: str, rest_url: str | None, ws_url: str | None) -> dict[str, str]:
    """Where a venue is, as the options of its source; empty for its own addresses.

    Raises:
        ConfigError: one without the other, no such URL, or a source that has no URLs.
    """
    given = {"--rest-url": (rest_url, "http", "--ws-url"), "--ws-url": (ws_url, "ws", "--rest-url")}
    urls: dict[str, str] = {}
    for option, (url, scheme, other) in given.items():
        if url is None:
            continue
        if source not in ("bitmart", "binance"):
            raise ConfigError(option, f"goes with --source bitmart or binance, not {source}")
        if not url.startswith((f"{scheme}://", f"{scheme}s://")):
            raise ConfigError(option, f"must begin with {scheme}:// or {scheme}s://, not {url!r}")
        if not all((rest_url, ws_url)):
            raise ConfigError(other, f"is needed with {option}: books and updates must be of one venue")
        urls[option[2:].replace("-", "_")] = url
    return urls


def check_replay_files(
    capture: Path | None, symbols: Path | None, orders: Path | None, out: Path | None
) -> tuple[Path, Path, Path, Path]:
    """The files of a replay.

    Raises:
        ConfigError: one was not given, or OUT is one of the inputs, which it would overwrite.
    """
    if capture is None:
        raise ConfigError("CAPTURE", NOT_GIVEN)
    if orders is None:
        raise ConfigError("--orders", NOT_GIVEN)
    if out is None:
        raise ConfigError("--out", NOT_GIVEN)
    check_not_folder("CAPTURE", capture)
    symbols = rules_of([capture], symbols)
    for option, path in {"CAPTURE": capture, "--symbols": symbols, "--orders": orders}.items():
        if out.exists() and path.exists() and out.samefile(path):
            raise ConfigError("--out", f"{out} is the file of {option}; it would be overwritten")
    return capture, symbols, orders, out


def check_session_alone(capture: Path | None, **others: Path | None) -> None:
    """A recorded session brings all its inputs. Raises ConfigError naming one given beside it."""
    for option, path in {"CAPTURE": capture, **{f"--{name}": path for name, path in others.items()}}.items():
        if path is not None:
            raise ConfigError(option, "is in the session already; --session goes with --out only")


def parse_api_key(key: str | None, secret: str | None, memo: str | None) -> tuple[str, str, str] | None:
    """A key set given whole; None when nothing is given.

    Raises:
        ConfigError: one of key and secret is missing.
    """
    if key is None and secret is None and memo is None:
        return None
    if not key:
        raise ConfigError("--api-key", "is missing; a key set is --api-key, --api-secret and --api-memo")
    if not secret:
        raise ConfigError("--api-secret", "is missing; a key set is --api-key, --api-secret and --api-memo")
    return key, secret, memo or ""


def choice(option: str, text: str, vocabulary: type[E]) -> E:
    """The member of an enum. Raises ConfigError naming all of them when there is no such."""
    try:
        return vocabulary(text)
    except ValueError:
        raise ConfigError(option, f"must be one of {', '.join(vocabulary)}, not {text!r}") from None


def _number(option: str, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except BadNumber as error:
        raise ConfigError(option, str(error)) from error
