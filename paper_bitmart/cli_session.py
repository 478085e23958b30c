"""The commands of recorded sessions: `replay --session` and `diff`."""

from pathlib import Path
from typing import Annotated

import typer

from paper_bitmart.cli_options import NoFees

EXIT_OK, EXIT_DIFFERENT = 0, 1
TABLE_COLUMNS = 150
ROWS = 40


def replay_session(folder: Path, out: Path | None) -> int:
    """Replay a session and tell the verdict; returns the exit code."""
    _warm_up()
    from paper_bitmart.backtest.session_replay import replay_session as replayed

    verdict = replayed(folder, out=out)
    for line in verdict.lines():
        typer.echo(line)
    return EXIT_OK if verdict.is_identical else EXIT_DIFFERENT


def diff(
    session: Annotated[Path, typer.Argument(metavar="DIR", help="A recorded session.")],
    queue_model: Annotated[
        str | None,
        typer.Option(metavar="NAME[:PARAMETER=NUMBER,...]", help="Another one; see docs/matching.md."),
    ] = None,
    entry_latency_ms: Annotated[str | None, typer.Option(metavar="MS", help="Constant.")] = None,
    cancel_latency_ms: Annotated[
        str | None, typer.Option(metavar="MS", help="Constant; default: as the entry latency.")
    ] = None,
    maker_fee_ppm: Annotated[
        int | None, typer.Option(metavar="PPM", help="Parts per million, for everybody.")
    ] = None,
    taker_fee_ppm: Annotated[
        int | None, typer.Option(metavar="PPM", help="Parts per million, for everybody.")
    ] = None,
    no_fees: NoFees = False,
    rows: Annotated[int, typer.Option(min=0, help="Of the table, at most.")] = ROWS,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; all rows.")] = False,
) -> None:
    """Say what would have been different in a recorded session under another setting.

    The orders are sent as they were; what they come to is compared with what they came to.
    """
    from paper_bitmart import config

    config.parse_fees(maker_fee_ppm, taker_fee_ppm, no_fees=no_fees)
    entry_ns = config.parse_latency_ns("--entry-latency-ms", entry_latency_ms)
    cancel_ns = config.parse_latency_ns("--cancel-latency-ms", cancel_latency_ms)
    model = None if queue_model is None else config.parse_queue_model(queue_model)
    given = (model, entry_ns, cancel_ns, maker_fee_ppm, taker_fee_ppm, no_fees or None)
    if all(value is None for value in given):
        raise config.ConfigError("diff", "needs a changed setting, e.g. --queue-model proportional")
    _warm_up()
    from paper_bitmart.backtest.session_changed import Change
    from paper_bitmart.backtest.session_diff import diff_session

    change = Change(
        queue_model=model,
        maker_ppm=0 if no_fees else maker_fee_ppm,
        taker_ppm=0 if no_fees else taker_fee_ppm,
        entry_latency_ns=entry_ns,
        cancel_latency_ns=entry_ns if cancel_ns is None else cancel_ns,
    )
    found = diff_session(session, change)
    if as_json:
        import json

        typer.echo(json.dumps(found.as_dict(), indent=1))
        return
    for line in found.lines():
        typer.echo(line)
    if found.orders and rows:
        _print_table(found.rich(rows), len(found.orders), rows)


def _print_table(table: object, found: int, rows: int) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    # Narrower, its columns would be cut to nothing.
    console.width = max(console.width, TABLE_COLUMNS)
    console.print(table)
    if found > rows:
        typer.echo(f"and {found - rows:,} more; --rows N or --json shows them")


def _warm_up() -> None:
    from paper_bitmart.matching.warmup import warm_up

    warm_up(lambda text: typer.echo(text, err=True))
