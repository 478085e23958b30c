"""Starts Hummingbot's interactive client with bitmart_paper_trade, without enabling anything.

python -m paper_bitmart.connector.hummingbot [--path CHECKOUT] [--folder DIR]
"""

import argparse
import os
import runpy
import sys
from pathlib import Path

from paper_bitmart.connector.hummingbot import hook, versions

EXIT_REFUSED = 2


def main(arguments: list[str] | None = None) -> int:
    """Run until the user leaves; 2 when this Hummingbot cannot be hooked."""
    parser = argparse.ArgumentParser(prog="python -m paper_bitmart.connector.hummingbot", description=__doc__)
    parser.add_argument("--path", type=Path, help="a source checkout; its bin/hummingbot.py is run")
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the installed package keeps conf, logs, data and scripts; default: hummingbot_files",
    )
    parser.add_argument(
        "--password", default=os.environ.get("CONFIG_PASSWORD"), help="default: CONFIG_PASSWORD, or asked for"
    )
    options = parser.parse_args(arguments)
    try:
        found = versions.check(options.path)
    except (versions.HummingbotNotFound, versions.UnknownHummingbot) as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_REFUSED
    _warm_up()
    hook.install()
    if options.path is not None:
        return _run_checkout(found.folder)
    from paper_bitmart.connector.hummingbot import client

    client.keep_in(options.folder or Path("hummingbot_files"), found.folder)
    return client.run(options.password)


def _warm_up() -> None:
    """Compile before the client shows, whose commands give up after 30 seconds."""
    from paper_bitmart.matching.warmup import warm_up

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    warm_up(say)


def _run_checkout(folder: Path) -> int:
    """As `bin/hummingbot.py` is run by its own start script."""
    os.chdir(folder)
    sys.path[:0] = [str(folder), str(folder / "bin")]
    sys.argv = [str(folder / "bin" / "hummingbot.py")]
    runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
