"""`paper-bitmart hummingbot enable | disable | status`."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    help="bitmart_paper_trade as a connector of Hummingbot.", no_args_is_help=True, rich_markup_mode=None
)

EXIT_REFUSED = 2

Checkout = Annotated[
    Path | None,
    typer.Option(
        "--path", metavar="DIR", help="Hummingbot's source checkout; default: the installed package."
    ),
]


@app.command()
def enable(path: Checkout = None) -> None:
    """Add the connector to the Hummingbot of this Python environment; Hummingbot's files stay as they are."""
    from paper_bitmart.connector.hummingbot import enabling, versions
    from paper_bitmart.matching.warmup import warm_up

    try:
        found = enabling.enable(path)
    except (versions.HummingbotNotFound, versions.UnknownHummingbot, enabling.EnablingError) as error:
        _refuse(error)
    # Now, because Hummingbot's commands give up after 30 seconds, which compiling may take.
    warm_up(lambda text: typer.echo(text, err=True))
    typer.echo(f"enabled for Hummingbot {found.release} in {found.folder}")
    typer.echo("In Hummingbot, type: connect bitmart_paper_trade")


@app.command()
def disable() -> None:
    """Take the connector out of this Python environment again."""
    from paper_bitmart.connector.hummingbot import enabling

    try:
        was_there = enabling.disable()
    except enabling.EnablingError as error:
        _refuse(error)
    typer.echo("disabled" if was_there else "was not enabled")


@app.command()
def status(path: Checkout = None) -> None:
    """Say whether the connector is enabled here, and whether this Hummingbot is one that is known."""
    from paper_bitmart.connector.hummingbot import enabling, versions

    now = enabling.status()
    if not now.is_enabled:
        typer.echo(f"not enabled in {now.site}")
    elif now.is_current:
        typer.echo(f"enabled in {now.site}")
    else:
        typer.echo(f"enabled in {now.site} by another version of paper-bitmart; run enable again")
    try:
        found = versions.check(path)
    except (versions.HummingbotNotFound, versions.UnknownHummingbot) as error:
        typer.echo(str(error))
    else:
        typer.echo(f"Hummingbot {found.release} in {found.folder}: known")


def _refuse(error: Exception) -> NoReturn:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(EXIT_REFUSED)
