"""Hummingbot's interactive client, started as its own `bin/hummingbot.py` starts it.

The registry's package has no start script, but `hummingbot.client` has all that one calls.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import hummingbot

FOLDERS = (
    "conf/connectors", "conf/strategies", "conf/scripts", "conf/controllers", "logs", "data", "certs",
    "scripts", "controllers",
)  # fmt: skip


def keep_in(folder: Path, package_root: Path) -> None:
    """Make Hummingbot keep its files in `folder`, not beside its package; before the client is imported.

    Hummingbot finds its own package through the same root, hence the link.

    Raises:
        OSError: the folder cannot be made.
    """
    folder = folder.expanduser().resolve()
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    link = folder / "hummingbot"
    if not link.exists():
        link.symlink_to(package_root / "hummingbot", target_is_directory=True)
    for name in ("scripts", "controllers"):
        (folder / name / "__init__.py").touch()
    hummingbot.root_path = lambda: folder
    hummingbot.set_prefix_path(str(folder))
    hummingbot.set_data_path(str(folder / "data"))
    # Scripts are imported as a package of the root, and looked for in the working directory.
    sys.path.insert(0, str(folder))
    os.chdir(folder)


def run(password: str | None) -> int:
    """Log in, show the client, return when the user leaves; 1 after a wrong password."""
    from hummingbot.client.config.config_crypt import ETHKeyFileSecretManger, store_password_verification
    from hummingbot.client.config.config_helpers import load_client_config_map_from_file
    from hummingbot.client.config.security import Security
    from hummingbot.client.ui import login_prompt
    from hummingbot.client.ui.style import load_style

    client_config = load_client_config_map_from_file()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    if password is None:
        secrets = login_prompt(ETHKeyFileSecretManger, style=load_style(client_config))
    else:
        secrets = ETHKeyFileSecretManger(password)
        if Security.new_password_required():
            store_password_verification(secrets)
    if not secrets:
        return 1
    return loop.run_until_complete(_show(client_config, secrets))


async def _show(client_config: Any, secrets: Any) -> int:
    from hummingbot.client.runner import bootstrap_application

    application = await bootstrap_application(client_config, secrets)
    if application is None:
        return 1
    await application.run()
    return 0
