"""The `paper-bitmart` command: reads options, starts the room that does the work, tells errors in one line.

Rooms are imported when their command runs: `--help` and `--version` wait for nothing.
Exit codes: 0 done, 1 failed while running, 2 what was asked for cannot be done (the reason is on stderr).
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paper_bitmart import __version__, cli_session
from paper_bitmart.cli_backtest import backtest, convert
from paper_bitmart.cli_options import (
    Latency,
    LatencyLoad,
    LatencySeed,
    MakerFee,
    NoFees,
    QueueModelName,
    RestUrl,
    TakerFee,
    WsUrl,
)
from paper_bitmart.cli_realism import calibrate, score
from paper_bitmart.cli_record import record
from paper_bitmart.connector.hummingbot.cli import app as hummingbot_app

if TYPE_CHECKING:
    from paper_bitmart.backtest.replay import Progress, ReplaySummary
    from paper_bitmart.connector.paper_exchange import OpenSource

EXIT_USAGE = 2
SOURCES = "demo|FILE|bitmart|binance|ccxt:NAME"
INFO_COLUMNS = 150
"""Width of the table that `info` prints."""

app = typer.Typer(
    name="paper-bitmart",
    help="A paper BitMart: a live or recorded market in, orders matched locally, BitMart's own API out.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
journal_app = typer.Typer(
    help="What a state directory has recorded.", no_args_is_help=True, rich_markup_mode=None
)

Balances = Annotated[
    list[str] | None, typer.Option("--balance", metavar="ASSET=AMOUNT", help="First deposit; repeatable.")
]
EntryLatency = Annotated[
    str | None, typer.Option("--entry-latency-ms", metavar="MS", help="From you to the exchange; default 0.")
]
Symbols = Annotated[
    Path | None,
    typer.Option(
        "--symbols",
        metavar="FILE",
        help="Rules: a symbols/details reply. Default: symbols_details.json beside the capture.",
    ),
]
State = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="Directory of the journal; none keeps nothing.")
]
Speed = Annotated[str, typer.Option("--speed", metavar="N|max", help="Market seconds per real second.")]
Pairs = Annotated[
    str | None,
    typer.Option("--pairs", metavar="BTC-USDT,ETH-USDT", help="Default: all of a recording; live these two."),
]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="DIR", help="Record the session; see docs/sessions.md.")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"paper-bitmart {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of all commands."""


@app.command()
def connect(
    connector: Annotated[
        str, typer.Argument(metavar="CONNECTOR", help="There is one.")
    ] = "bitmart_paper_trade",
    source: Annotated[str, typer.Option(metavar=SOURCES, help="Where the market comes from.")] = "demo",
    speed: Speed = "1",
    pairs: Pairs = None,
    rest_url: RestUrl = None,
    ws_url: WsUrl = None,
    balance: Balances = None,
    symbols: Symbols = None,
    state: State = None,
    queue_model: QueueModelName = None,
    latency: Latency = None,
    entry_latency_ms: EntryLatency = None,
    latency_load_us: LatencyLoad = None,
    seed: LatencySeed = 0,
    record: Record = None,
) -> None:
    """Trade by hand in a shell, or by lines from a pipe.

    With --speed max market time passes only by the shell's `wait`, at full speed, and equal lines give equal
    answers. A piped session ends with 2 when one of its lines could not be understood, else with 0.
    """
    from paper_bitmart import config

    if connector != config.CONNECTOR:
        raise config.ConfigError("CONNECTOR", f"there is {config.CONNECTOR}, not {connector!r}")
    rules, symbols_wanted = config.check_source(source, symbols), config.parse_pairs(pairs)
    market_speed = config.parse_speed(speed)
    config.check_live_time(source, market_speed)
    live_market = _live_market(source, symbols_wanted, rules, config.parse_urls(source, rest_url, ws_url))
    settings: dict[str, Any] = {
        "capture": None if source == config.DEMO or live_market else Path(source),
        "source": live_market,
        "symbols": rules,
        "speed": market_speed,
        "pairs": symbols_wanted,
        "balances": config.parse_balances(balance or []),
        "state": state,
        "latency": config.parse_latency(
            latency, entry_ms=entry_latency_ms, load_us=latency_load_us, seed=seed
        ),
        "queue_model": config.parse_queue_model(queue_model),
        "record": record,
    }
    _warm_up()
    from paper_bitmart.connector.paper_exchange import PaperOptions
    from paper_bitmart.connector.shell_run import run_shell

    raise typer.Exit(run_shell(PaperOptions(**settings), connector))


@app.command()
def replay(
    capture: Annotated[
        Path | None,
        typer.Argument(metavar="CAPTURE", help="Raw capture, or a converted one (.npz).", show_default=False),
    ] = None,
    symbols: Symbols = None,
    orders: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Commands, one JSON object per line, by time.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What became of them, one JSON object per line.")
    ] = None,
    balance: Balances = None,
    queue_model: QueueModelName = None,
    latency: Latency = None,
    entry_latency_ms: EntryLatency = None,
    cancel_latency_ms: Annotated[
        str | None, typer.Option(metavar="MS", help="Default: as the entry latency.")
    ] = None,
    jitter_ms: Annotated[
        str | None, typer.Option(metavar="MS", help="Mean of a random delay on top of both latencies.")
    ] = None,
    latency_load_us: LatencyLoad = None,
    seed: LatencySeed = 0,
    maker_fee_ppm: MakerFee = None,
    taker_fee_ppm: TakerFee = None,
    no_fees: NoFees = False,
    state: State = None,
    until: Annotated[
        int | None, typer.Option(metavar="NS", min=0, help="Stop after this market time.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --state.")] = False,
    session: Annotated[
        Path | None,
        typer.Option("--session", metavar="DIR", help="Replay a recorded session instead; only with --out."),
    ] = None,
) -> None:
    """Play a capture with a list of orders at full speed; equal inputs give equal bytes.

    Without --balance every account has ample funds. With --session DIR, the folder that serve or connect
    recorded, everything is in there; what comes of it is compared with what came of it live (exit code 1: it
    differs).
    """
    from paper_bitmart import config

    if session is not None:
        config.check_session_alone(capture, symbols=symbols, orders=orders, state=state)
        raise typer.Exit(cli_session.replay_session(session, out))
    capture, symbols, orders, out = config.check_replay_files(capture, symbols, orders, out)
    if resume and state is None:
        raise config.ConfigError("--resume", "needs --state, the directory that the run was started with")
    settings: dict[str, Any] = {
        "balances": config.parse_balances(balance or []),
        "fees": config.parse_fees(maker_fee_ppm, taker_fee_ppm, no_fees=no_fees),
        "latency": config.parse_latency(
            latency,
            entry_ms=entry_latency_ms,
            cancel_ms=cancel_latency_ms,
            jitter_ms=jitter_ms,
            load_us=latency_load_us,
            seed=seed,
        ),
        "queue_model": config.parse_queue_model(queue_model),
    }
    _warm_up()
    from paper_bitmart.backtest.replay import ReplayOptions
    from paper_bitmart.backtest.replay import replay as run_replay

    options = ReplayOptions(
        capture=capture, symbols=symbols, orders=orders, out=out, state=state, until_ns=until, resume=resume,
        **settings,
    )  # fmt: skip
    with _progress_bar() as show:
        summary = run_replay(options, progress=show)
    _print_summary(summary)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A capture.")],
    symbols: Symbols = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what is in a capture: symbols, times, messages, gaps."""
    from paper_bitmart.config import check_is_capture

    check_is_capture("FILE", file)
    _warm_up_mirror()
    from paper_bitmart.bitmart.rules import rules_beside
    from paper_bitmart.feed.info import describe

    described = describe(file, symbols or rules_beside(file))
    if as_json:
        import json

        typer.echo(json.dumps(described.as_dict(), indent=1))
        return
    from rich.console import Console

    console = Console(highlight=False)
    # Narrower, its columns would be cut to nothing.
    console.width = max(console.width, INFO_COLUMNS)
    console.print(described.rich())


@app.command()
def serve(
    source: Annotated[
        str, typer.Option("--source", "--feed", metavar=SOURCES, help="Where the market comes from.")
    ] = "demo",
    symbols: Symbols = None,
    pairs: Pairs = None,
    rest_url: RestUrl = None,
    ws_url: WsUrl = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")] = 8080,
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Serve other machines too.")] = False,
    balance: Balances = None,
    api_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="A key set of your own; default: one is made.")
    ] = None,
    api_secret: Annotated[str | None, typer.Option(metavar="SECRET", help="Its secret.")] = None,
    api_memo: Annotated[str | None, typer.Option(metavar="MEMO", help="Its memo.")] = None,
    speed: Speed = "1",
    state: State = None,
    book: Annotated[str, typer.Option(metavar="market|merged", help="What public books show.")] = "market",
    rate_limits: Annotated[str, typer.Option(metavar="bitmart|off|FILE")] = "bitmart",
    clock: Annotated[str, typer.Option(metavar="wall|recorded", help="A replay's outgoing times.")] = "wall",
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="A fault plan, TOML.")] = None,
    queue_model: QueueModelName = None,
    latency: Latency = None,
    entry_latency_ms: EntryLatency = None,
    latency_load_us: LatencyLoad = None,
    seed: LatencySeed = 0,
    maker_fee_ppm: MakerFee = None,
    taker_fee_ppm: TakerFee = None,
    no_fees: NoFees = False,
    push_delay_ms: Annotated[
        int, typer.Option(metavar="MS", help="Private pushes let the REST answer go first.")
    ] = 20,
    lenient_topics: Annotated[
        bool, typer.Option("--lenient-topics", help="Take private topics on /api and public ones on /user.")
    ] = False,
    record: Record = None,
) -> None:
    """Serve BitMart's REST and websocket API, for any client that can be given a URL.

    --speed max is 100 here: clients live in time, and have to follow. Without --state nothing outlives the
    server but the key sets that it made, in ~/.paper-bitmart/keys.json.
    """
    from paper_bitmart import config

    rules = config.check_source(source, symbols)
    chosen = config.parse_latency(latency, entry_ms=entry_latency_ms, load_us=latency_load_us, seed=seed)
    market_speed = config.parse_speed(speed)
    config.check_live_time(source, market_speed, clock)
    settings: dict[str, Any] = {
        "source": source,
        "symbols": rules,
        "pairs": config.parse_pairs(pairs),
        "venue_urls": config.parse_urls(source, rest_url, ws_url),
        "speed": market_speed or config.SERVE_SPEED_MAX,
        "balances": config.parse_balances(balance or []),
        "fees": config.parse_fees(maker_fee_ppm, taker_fee_ppm, no_fees=no_fees),
        "api_key": config.parse_api_key(api_key, api_secret, api_memo),
        "keys_file": None if api_key else config.default_keys_file(),
        "queue_model": config.parse_queue_model(queue_model),
        "faults": faults,
        "record": record,
    }
    _warm_up()
    from paper_bitmart.server.serve import ServeOptions
    from paper_bitmart.server.serve import serve as run_server
    from paper_bitmart.server.settings import BookMode, ClockMode, ServerSettings

    server = ServerSettings(
        host=host, port=port, allow_remote=allow_remote, rate_limits=rate_limits, state_dir=state,
        book=config.choice("--book", book, BookMode), clock=config.choice("--clock", clock, ClockMode),
        private_push_delay_ms=push_delay_ms, lenient_topics=lenient_topics,
    )  # fmt: skip
    profile = None if chosen.is_none else chosen.profile()
    raise typer.Exit(run_server(ServeOptions(settings=server, latency=profile, **settings)))


for command in (backtest, score, calibrate, cli_session.diff, record, convert):
    app.command()(command)
app.add_typer(journal_app, name="journal")
app.add_typer(hummingbot_app, name="hummingbot")


@journal_app.command("export")
def journal_export(
    state_dir: Annotated[Path, typer.Argument(metavar="DIR", help="The state directory.")],
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Where the CSV files go.")],
) -> None:
    """Write orders, fills, balances and feed gaps as CSV."""
    from paper_bitmart.exchange.journal_export import export_csv

    for name, rows in export_csv(state_dir, out_dir).items():
        typer.echo(f"{out_dir / name}: {rows:,} rows")


def main() -> None:
    """Entry point of the command. A mistake of the user is one line on stderr and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from paper_bitmart.user_errors import is_user_error, told

        if not is_user_error(error):
            raise
        typer.echo(f"error: {told(error)}", err=True)
        sys.exit(EXIT_USAGE)


def _live_market(
    source: str, pairs: list[str] | None, rules: Path | None, urls: dict[str, str]
) -> "OpenSource | None":
    """What opens a venue's market, whose notices the shell says; None for a recording."""
    from paper_bitmart.feed.live.registry import is_live, open_source

    if not is_live(source):
        return None
    from paper_bitmart.connector.shell_run import announce

    return lambda clock: open_source(source, pairs, rules, clock, notify=announce, **urls)


def _warm_up() -> None:
    from paper_bitmart.matching.warmup import warm_up

    warm_up(lambda text: typer.echo(text, err=True))
    _warm_up_mirror()


def _warm_up_mirror() -> None:
    from paper_bitmart.feed.warmup import warm_up

    warm_up(lambda text: typer.echo(text, err=True))


@contextmanager
def _progress_bar() -> Iterator["Callable[[Progress], None] | None"]:
    """A bar of market time on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=None)

        def show(progress: "Progress") -> None:
            total = progress.end_ns - progress.start_ns
            bar.update(task, total=total, completed=progress.at_ns - progress.start_ns)

        yield show


def _print_summary(summary: "ReplaySummary") -> None:
    if not summary.orders_sorted:
        typer.echo("orders: not in time order; sorted, lines of equal time as they stood", err=True)
    if summary.report is not None:
        _print_report(summary.report)
    for warning in summary.warnings:
        typer.echo(f"warning: {warning}", err=True)
    tally = summary.tally
    typer.echo(
        f"{tally.accept:,} orders accepted, {tally.reject:,} rejected, {tally.fill:,} fills, "
        f"{tally.cancel:,} canceled; {summary.market_events:,} market events and "
        f"{summary.commands:,} commands in {summary.elapsed_s:.2f} s ({summary.events_per_s:,.0f} events/s)",
        err=True,
    )


def _print_report(report: Any) -> None:
    """What a conversion passed over; nothing is passed over silently."""
    for line in report.lines_for_people():
        typer.echo(line, err=True)


if __name__ == "__main__":
    main()
