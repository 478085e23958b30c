"""Options that several commands share."""

from typing import Annotated

import typer

Latency = Annotated[
    str | None,
    typer.Option(
        "--latency",
        metavar="PRESET|FILE.csv",
        help="none, measured_tail, assumed_near, assumed_retail, assumed_far, or a recorded series.",
    ),
]
LatencyLoad = Annotated[
    str | None,
    typer.Option(
        "--latency-load-us", metavar="US", help="Added per market message of the last 100 ms; default 0."
    ),
]
LatencySeed = Annotated[int, typer.Option("--seed", min=0, help="Of the random delays.")]
RestUrl = Annotated[
    str | None, typer.Option("--rest-url", metavar="URL", help="Of the live venue, in place of its own.")
]
WsUrl = Annotated[
    str | None, typer.Option("--ws-url", metavar="URL", help="Of the live venue; goes with --rest-url.")
]
QueueModelName = Annotated[
    str | None,
    typer.Option(
        "--queue-model",
        metavar="NAME[:PARAMETER=NUMBER,...]",
        help="How the queue ahead is estimated; see docs/matching.md.",
    ),
]
MakerFee = Annotated[
    int | None, typer.Option("--maker-fee-ppm", metavar="PPM", help="Parts per million; default 2500.")
]
TakerFee = Annotated[
    int | None, typer.Option("--taker-fee-ppm", metavar="PPM", help="Parts per million; default 2500.")
]
NoFees = Annotated[bool, typer.Option("--no-fees", help="Charge nothing.")]
