"""The `record` command: its options, checked, handed to `feed/recording.py`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from paper_bitmart.cli_options import RestUrl, WsUrl

FSYNC = ("never", "rotate", "second")
NS_PER_S = 10**9
MEGABYTE = 1 << 20


def record(
    source: Annotated[str, typer.Option(metavar="bitmart|binance|ccxt:NAME")],
    out: Annotated[Path, typer.Option(help="Folder; an earlier recording in it is gone on with.")],
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
    quiet: Annotated[bool, typer.Option("--quiet", help="No line of progress each second.")] = False,
) -> None:
    """Record a live market for replay, lossless and with receive times.

    Killed at any time it loses at most the last second; started again it goes on.
    """
    from paper_bitmart import config

    if fsync not in FSYNC:
        raise config.ConfigError("--fsync", f"must be one of {', '.join(FSYNC)}, not {fsync!r}")
    options: dict[str, Any] = {
        "source": source,
        "out": out,
        "duration_s": seconds,
        "progress": not quiet,
        "urls": config.parse_urls(source, rest_url, ws_url),
    }
    symbols = config.parse_pairs(pairs)
    if symbols is not None:
        options["pairs"] = symbols
    from paper_bitmart.feed.live.capture_stream import StreamSettings
    from paper_bitmart.feed.recording import RecordOptions
    from paper_bitmart.feed.recording import record as run_recorder
    from paper_bitmart.feed.warmup import warm_up

    warm_up(lambda text: typer.echo(text, err=True))

    stream: Any = {
        "rotate_ns": rotate_minutes * 60 * NS_PER_S,
        "rotate_bytes": rotate_mb * MEGABYTE,
        "fsync": fsync,
    }
    raise typer.Exit(run_recorder(RecordOptions(stream=StreamSettings(**stream), **options)))
