"""The `score` command: its options, checked, handed to `realism/`."""

from pathlib import Path
from typing import Annotated

import typer

from paper_bitmart.cli_options import Latency, LatencyLoad, LatencySeed

Rules = Annotated[
    Path, typer.Option("--symbols", help="Rules: a symbols/details reply of BitMart, as a file.")
]


def score(
    capture: Annotated[Path, typer.Argument(help="Raw capture, or a converted one (.npz).")],
    orders: Annotated[Path, typer.Argument(help="Commands, as for replay.")],
    truth: Annotated[Path, typer.Argument(help="What really became of them; see docs/score.md.")],
    symbols: Rules,
    fills: Annotated[
        Path | None, typer.Option(metavar="OUT.jsonl", help="Score this OUT file in place of a replay.")
    ] = None,
    bbo: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Exact best prices for mids; default: the capture's own book."),
    ] = None,
    queue_model: Annotated[
        str | None, typer.Option(metavar="NAME[:PARAMETER=NUMBER,...]", help="See docs/matching.md.")
    ] = None,
    latency: Latency = None,
    entry_latency_ms: Annotated[str | None, typer.Option(metavar="MS")] = None,
    cancel_latency_ms: Annotated[str | None, typer.Option(metavar="MS", help="Default: as entry.")] = None,
    jitter_ms: Annotated[str | None, typer.Option(metavar="MS", help="Mean of a random delay.")] = None,
    latency_load_us: LatencyLoad = None,
    seed: LatencySeed = 0,
    out: Annotated[Path | None, typer.Option(help="Write an HTML report here.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write its charts as a picture here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say how far simulated fills are from the truth: replay CAPTURE with ORDERS, compare with TRUTH.

    A report (--out, --png) replays under every queue model too, for its curve of fill probability.
    """
    from paper_bitmart import config

    delays = config.parse_latency(
        latency, entry_ms=entry_latency_ms, cancel_ms=cancel_latency_ms, jitter_ms=jitter_ms,
        load_us=latency_load_us, seed=seed,
    )  # fmt: skip
    model = config.parse_queue_model(queue_model)
    from paper_bitmart.matching.warmup import warm_up

    warm_up(_say)
    from paper_bitmart.realism.score_report import lines, write_score_png, write_score_report
    from paper_bitmart.realism.score_run import ScoreOptions, run_score

    options = ScoreOptions(
        capture=capture, symbols=symbols, orders=orders, truth=truth, fills=fills, bbo=bbo, queue_model=model,
        latency=delays,
        with_probabilities=out is not None or png is not None,
    )  # fmt: skip
    scored = run_score(options, _say)
    if as_json:
        import json

        typer.echo(json.dumps(scored.score.as_dict(), indent=1))
    else:
        typer.echo("\n".join(lines(scored)))
    if out is not None:
        write_score_report(scored, out)
        _say(f"report: {out}")
    if png is not None:
        write_score_png(scored, png)
        _say(f"picture: {png}")


def _say(text: str) -> None:
    typer.echo(text, err=True)
