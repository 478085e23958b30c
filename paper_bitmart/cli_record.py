"""The `record` command: its options, checked, handed to `feed/recording.py`, or with orders to the server."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paper_bitmart.cli_options import RestUrl, WsUrl

if TYPE_CHECKING:
    from paper_bitmart.feed.live.capture_stream import StreamSettings

FSYNC = ("never", "rotate", "second")
NS_PER_S = 10**9
MEGABYTE = 1 << 20


def record(
    source: Annotated[str, typer.Option(metavar="bitmart|binance|ccxt:NAME")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder; an earlier recording in it is gone on with.")
    ],
    pairs: Annotated[str | None, typer.Option(metavar="BTC-USDT,ETH-USDT", help="The default.")] = None,
    rotate_minutes: Annotated[int, typer.Option(min=1, help="A new file after so long.")] = 60,
    rotate_mb: Annotated[int, typer.Option(min=1, help="A new file at this compressed size.")] = 256,
    fsync: Annotated[
        str, typer.Option(metavar="never|rotate|second", help="When the disk must have it.")
    ] = "rotate",
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Stop after so long; default: on Ctrl-C.")
    ] = None,
    rest_url: RestUrl = None,
    ws_url: WsUrl = None,
    with_orders: Annotated[
        bool,
        typer.Option("--with-orders", help="Serve a paper exchange on it, recorded into OUT too."),
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Of --with-orders; default 8080, 0 picks one.")
    ] = None,
    balance: Annotated[
        list[str] | None,
        typer.Option("--balance", metavar="ASSET=AMOUNT", help="Of --with-orders; repeatable."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line of progress each second.")] = False,
) -> None:
    """Record a live market for replay, lossless and with receive times.

    Killed at any time it loses at most the last second; started again it goes on. With --with-orders
    BitMart's API is served on loopback meanwhile, and OUT, which must be new, also holds every order, cancel
    and fill: replay --session OUT proves them.
    """
    from paper_bitmart import config

    if fsync not in FSYNC:
        raise config.ConfigError("--fsync", f"must be one of {', '.join(FSYNC)}, not {fsync!r}")
    config.check_goes_with("--with-orders", with_orders, {"--port": port, "--balance": balance})
    urls, symbols = config.parse_urls(source, rest_url, ws_url), config.parse_pairs(pairs)
    balances = config.parse_balances(balance or [])
    from paper_bitmart.feed.live.capture_stream import StreamSettings
    from paper_bitmart.feed.live.registry import DEFAULT_PAIRS

    stream: Any = {
        "rotate_ns": rotate_minutes * 60 * NS_PER_S,
        "rotate_bytes": rotate_mb * MEGABYTE,
        "fsync": fsync,
    }
    market: dict[str, Any] = {"source": source, "pairs": symbols or DEFAULT_PAIRS, "duration_s": seconds}
    _warm_up()
    if with_orders:
        raise typer.Exit(_serve(out, StreamSettings(**stream), port, not quiet, urls, balances, market))
    from paper_bitmart.feed.recording import RecordOptions
    from paper_bitmart.feed.recording import record as run_recorder

    options = RecordOptions(out=out, stream=StreamSettings(**stream), progress=not quiet, urls=urls, **market)
    raise typer.Exit(run_recorder(options))


def _serve(
    out: Path,
    stream: "StreamSettings",
    port: int | None,
    progress: bool,
    urls: dict[str, str],
    balances: "Mapping[str, Decimal] | None",
    market: dict[str, Any],
) -> int:
    """The server of `serve`, with its session and its market recorded into one folder."""
    from paper_bitmart.feed.recording import check_recordable
    from paper_bitmart.server.serve import ServeOptions, serve
    from paper_bitmart.server.settings import ServerSettings

    check_recordable(market["source"])
    settings = ServerSettings() if port is None else ServerSettings(port=port)
    return serve(
        ServeOptions(
            record=out, keep_market=stream, progress=progress, venue_urls=urls, balances=balances,
            settings=settings, **market,
        )
    )  # fmt: skip


def _warm_up() -> None:
    from paper_bitmart.feed.warmup import warm_up

    warm_up(lambda text: typer.echo(text, err=True))
