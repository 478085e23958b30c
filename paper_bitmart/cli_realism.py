"""The `score` and `calibrate` commands: their options, checked, handed to `realism/`."""

from pathlib import Path
from typing import Annotated

import typer

from paper_bitmart.cli_options import Latency, LatencyLoad, LatencySeed, QueueModelName

Rules = Annotated[
    Path | None,
    typer.Option(
        "--symbols",
        metavar="FILE",
        help="Rules: a symbols/details reply. Default: symbols_details.json beside CAPTURE.",
    ),
]


def score(
    capture: Annotated[
        Path, typer.Argument(metavar="CAPTURE", help="Raw capture, or a converted one (.npz).")
    ],
    orders: Annotated[Path, typer.Argument(metavar="ORDERS", help="Commands, as for replay.")],
    truth: Annotated[
        Path, typer.Argument(metavar="TRUTH", help="What really became of them; see docs/score.md.")
    ],
    symbols: Rules = None,
    fills: Annotated[
        Path | None, typer.Option(metavar="OUT.jsonl", help="Score this OUT file in place of a replay.")
    ] = None,
    bbo: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Exact best prices for mids; default: the capture's own book."),
    ] = None,
    queue_model: QueueModelName = None,
    latency: Latency = None,
    entry_latency_ms: Annotated[
        str | None, typer.Option(metavar="MS", help="From you to the exchange; default 0.")
    ] = None,
    cancel_latency_ms: Annotated[str | None, typer.Option(metavar="MS", help="Default: as entry.")] = None,
    jitter_ms: Annotated[str | None, typer.Option(metavar="MS", help="Mean of a random delay.")] = None,
    latency_load_us: LatencyLoad = None,
    seed: LatencySeed = 0,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an HTML report here.")] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write its charts as a picture here.")
    ] = None,
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
    config.check_not_folder("CAPTURE", capture)
    symbols = config.rules_of([capture], symbols)
    config.check_folder("--out", out)
    config.check_folder("--png", png)
    from paper_bitmart.matching.warmup import warm_up

    warm_up(_say)
    from paper_bitmart.realism.score_figures import write_score_png
    from paper_bitmart.realism.score_report import lines, write_score_report
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


def calibrate(
    capture: Annotated[
        Path, typer.Argument(metavar="CAPTURE", help="Raw capture, or a converted one (.npz).")
    ],
    symbols: Rules = None,
    real: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Your own real orders and fills of the same time; repeatable."),
    ] = None,
    real_form: Annotated[
        str, typer.Option(metavar="bitmart|csv", help="Form of --real; see docs/calibrate.md.")
    ] = "bitmart",
    queue_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Try only this model and its parameters; default: all.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html|FILE.json", help="Write the findings here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say which settings fit a market, and with what certainty.

    From CAPTURE alone: how its channels and queues work, and which queue model is right about the orders of
    others that can be followed. With --real: your own orders replayed, simulated against real fills, and the
    entry delay and queue model that fit them best.
    """
    from paper_bitmart import config

    only = None if queue_model is None else config.parse_queue_model(queue_model)
    forms = ("bitmart", "csv")
    if real_form not in forms:
        raise config.ConfigError("--real-form", f"must be {' or '.join(forms)}, not {real_form!r}")
    if out is not None and out.suffix not in (".html", ".json"):
        raise config.ConfigError("--out", f"must end in .html or .json, not {out.name!r}")
    config.check_folder("--out", out)
    config.check_not_folder("CAPTURE", capture)
    symbols = config.rules_of([capture], symbols)
    from paper_bitmart.matching.warmup import warm_up

    warm_up(_say)
    from paper_bitmart.realism import calibrate_report
    from paper_bitmart.realism.capture_fit import CaptureFit, fit_capture
    from paper_bitmart.realism.real_fit import RealFit, fit_real

    fit: CaptureFit | RealFit
    if real:
        fit = fit_real(capture, symbols, real, real_form, only, _say)
        title = f"{', '.join(path.name for path in real)} against {capture.name}"
    else:
        fit, title = fit_capture(capture, symbols, only, _say), capture.name
    if as_json:
        typer.echo(calibrate_report.as_json(fit))
    else:
        typer.echo("\n".join(calibrate_report.lines(fit)))
    if out is not None:
        if out.suffix == ".json":
            out.write_text(calibrate_report.as_json(fit) + "\n", encoding="utf-8")
        else:
            calibrate_report.write_calibrate_report(fit, title, out)
        _say(f"report: {out}")


def _say(text: str) -> None:
    typer.echo(text, err=True)
