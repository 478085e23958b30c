"""The `backtest` and `convert` commands: their options, checked, handed to `backtest/`."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paper_bitmart.cli_options import (
    Latency,
    LatencyLoad,
    LatencySeed,
    MakerFee,
    NoFees,
    QueueModelName,
    TakerFee,
)

if TYPE_CHECKING:
    from paper_bitmart.backtest.backtest import Progress
    from paper_bitmart.backtest.history_convert import Converted
    from paper_bitmart.backtest.results import Results
    from paper_bitmart.backtest.tape import Tape
    from paper_bitmart.matching.latency_load import RecordedLoad

Rules = Annotated[
    Path | None,
    typer.Option(
        "--symbols",
        metavar="FILE",
        help="Rules: a symbols/details reply. Default: symbols_details.json beside the data; histories bring "
        "their own.",
    ),
]


def backtest(
    strategy: Annotated[
        str, typer.Argument(metavar="FILE.py:NAME", help="Your strategy, or one of examples/.")
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Catalogue, history, capture or .npz; repeatable. Default: the demo market."
        ),
    ] = None,
    symbols: Rules = None,
    pairs: Annotated[str | None, typer.Option(metavar="BTC-USDT,ETH-USDT", help="Default: all.")] = None,
    arguments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Argument of the strategy; repeatable."),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an HTML report here.")] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a picture of the first symbol here.")
    ] = None,
    balance: Annotated[
        list[str] | None,
        typer.Option("--balance", metavar="ASSET=AMOUNT", help="First deposit; repeatable. Default: ample."),
    ] = None,
    latency: Latency = None,
    entry_latency_ms: Annotated[str | None, typer.Option(metavar="MS", help="Orders and cancels.")] = None,
    response_latency_ms: Annotated[str | None, typer.Option(metavar="MS", help="Answers and fills.")] = None,
    data_latency_ms: Annotated[str | None, typer.Option(metavar="MS", help="Market data.")] = None,
    latency_load_us: LatencyLoad = None,
    seed: LatencySeed = 0,
    queue_model: QueueModelName = None,
    maker_fee_ppm: MakerFee = None,
    taker_fee_ppm: TakerFee = None,
    no_fees: NoFees = False,
) -> None:
    """Run a strategy on recorded markets and say what it earned; equal inputs give equal results.

    NAME is a Strategy class, or an async function that takes the asyncio connector's exchange.
    """
    from paper_bitmart import config

    config.check_folder("--report", report)
    config.check_folder("--png", png)
    settings: dict[str, Any] = {
        "symbols": config.parse_pairs(pairs),
        "balances": config.parse_balances(balance or []),
        "fees": config.parse_fees(maker_fee_ppm, taker_fee_ppm, no_fees=no_fees),
        "queue_model": config.parse_queue_model(queue_model),
    }
    delays = config.parse_latency(
        latency, entry_ms=entry_latency_ms, response_ms=response_latency_ms, data_ms=data_latency_ms,
        load_us=latency_load_us, seed=seed,
    )  # fmt: skip
    from paper_bitmart.backtest.backtest import Backtest
    from paper_bitmart.backtest.engine import overrides
    from paper_bitmart.backtest.strategy import Strategy
    from paper_bitmart.backtest.strategy_file import load_strategy_or_program, parse_arguments
    from paper_bitmart.backtest.tape import open_data
    from paper_bitmart.matching.warmup import warm_up

    chosen = load_strategy_or_program(strategy, parse_arguments(arguments or []))
    warm_up(_say)
    tapes = open_data(*_data(data, symbols), settings.pop("symbols"))
    settings["latency"] = delays.profile(_load(tapes) if delays.load_ns else None)
    if isinstance(chosen, Strategy):
        from paper_bitmart.backtest.warmup import warm_up_loop

        run = Backtest(tapes, chosen, **settings)
        warm_up_loop(run.engine, _say)
        with _progress_bar() as show:
            results = run.run(progress=show)
    else:
        from paper_bitmart.connector.connector_backtest import ConnectorBacktest

        results = ConnectorBacktest(tapes, chosen, name=strategy.rpartition(":")[2], **settings).run()
    _print(results)
    if results.refused and isinstance(chosen, Strategy) and not overrides(chosen, "on_refused"):
        _say("why commands were refused is told to on_refused(desk, ticket, error) of a strategy")
    if report is not None:
        from paper_bitmart.backtest.report import write_report

        write_report(results, report)
        typer.echo(f"report: {report}", err=True)
    if png is not None and results.pairs:
        from paper_bitmart.backtest.report_png import write_png

        write_png(results, png, *results.pairs[0])
        typer.echo(f"picture: {png}", err=True)


def convert(
    sources: Annotated[list[Path], typer.Argument(metavar="FILE", help="Market data of any known form.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="FILE.npz, or the directory of a catalogue.")],
    symbols: Rules = None,
    symbol: Annotated[
        str | None, typer.Option(metavar="BTC-USDT", help="Only this one; for files that do not name it.")
    ] = None,
    packed: Annotated[bool, typer.Option("--packed", help="Compress the histories.")] = False,
    to: Annotated[str, typer.Option(metavar="events|hftbacktest", help="Form of FILE.npz.")] = "events",
) -> None:
    """Convert market data to histories (OUT is a directory) or to one file (OUT is FILE.npz).

    Read are captures, hftbacktest .npz, Tardis CSV (incremental_book_L2 with trades), Binance raw recordings,
    converted events and histories; each is told by its content. New histories are checked.
    """
    from paper_bitmart.backtest.history_convert import Form, form_of
    from paper_bitmart.bitmart.rules import load_rules
    from paper_bitmart.config import ConfigError, rules_of

    if to not in ("events", "hftbacktest"):
        raise ConfigError("--to", f"must be events or hftbacktest, not {to!r}")
    forms = [form_of(path) for path in sources]
    foreign = [path for path, form in zip(sources, forms, strict=True) if form is not Form.HISTORY]
    rules = load_rules(rules_of(foreign, symbols)) if foreign or symbols else {}
    if symbol is not None:
        symbol = symbol.upper().replace("-", "_").replace("/", "_")
    if out.suffix == ".npz":
        _convert_to_file(sources, out, rules, symbol, to)
        return
    from paper_bitmart.backtest.history_convert import convert as convert_files

    done = convert_files(sources, out, rules, symbol=symbol, packed=packed)
    _print_converted(done)
    for history in done.histories:
        typer.echo(history.path)


def _convert_to_file(sources: list[Path], out: Path, rules: Any, symbol: str | None, form: str) -> None:
    """Everything in one file: events of several symbols, or hftbacktest's of one."""
    from tempfile import TemporaryDirectory

    from paper_bitmart.backtest.history_convert import convert as convert_files
    from paper_bitmart.backtest.history_hftbacktest import write_hftbacktest
    from paper_bitmart.config import ConfigError
    from paper_bitmart.feed.event_file import save_events

    with TemporaryDirectory(dir=out.parent) as folder:
        done = convert_files(sources, Path(folder), rules, symbol=symbol)
        _print_converted(done)
        if form == "events":
            save_events(out, {history.symbol: history.read() for history in done.histories})
            return
        if len(done.histories) != 1:
            raise ConfigError("--symbol", f"choose one of {', '.join(h.symbol for h in done.histories)}")
        (history,) = done.histories
        exported = write_hftbacktest(out, history.read(), history.rules)
    for line in exported.lines_for_people():
        typer.echo(line, err=True)


def _print_converted(done: "Converted") -> None:
    """What was written, and everything that was passed over or looks wrong."""
    lines = [line for report in done.captures for line in report.lines_for_people()]
    lines += done.notes
    lines += [line for report in done.reports for line in report.lines()]
    for line in lines:
        typer.echo(line, err=True)


def _load(tapes: "Mapping[str, Tape]") -> "RecordedLoad":
    """How busy the markets were: the receive time of every message."""
    from paper_bitmart.feed.events import message_times
    from paper_bitmart.matching.latency_load import RecordedLoad

    return RecordedLoad(message_times([events for tape in tapes.values() for events in tape.chunks()]))


def _data(data: list[Path] | None, symbols: Path | None) -> tuple[list[Path], Path | None]:
    """The data and their rules: the bundled market when none are named."""
    if data:
        return data, symbols
    from paper_bitmart.feed.sources import DEMO_CAPTURE, DEMO_RULES, demo_folder

    return [demo_folder() / DEMO_CAPTURE], demo_folder() / DEMO_RULES


def _print(results: "Results") -> None:
    from paper_bitmart.backtest.oversized import oversized_orders
    from paper_bitmart.backtest.report import run_line
    from paper_bitmart.backtest.statistics import statistics

    for warning in oversized_orders(results):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{run_line(results)}; {results.events_per_s:,.0f} events/s", err=True)
    for row in statistics(results):
        for name, value in row.as_dict().items():
            typer.echo(f"{name:20} {value:,.6g}" if isinstance(value, float) else f"{name:20} {value}")
        typer.echo("")


def _say(text: str) -> None:
    typer.echo(text, err=True)


@contextmanager
def _progress_bar() -> Iterator["Callable[[Progress], None] | None"]:
    """Market time, events/s and time left on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"))
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("backtest", total=None, speed="")

        def show(progress: "Progress") -> None:
            speed = progress.events / progress.elapsed_s if progress.elapsed_s else 0.0
            bar.update(
                task,
                total=progress.end_ns - progress.start_ns,
                completed=progress.at_ns - progress.start_ns,
                description=_clock(progress.at_ns),
                speed=f"{speed:,.0f} events/s",
            )

        yield show


def _clock(at_ns: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
