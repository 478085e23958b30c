"""The import hook on a stand-in for Hummingbot: what it touches, and what it costs everybody else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from paper_bitmart.connector.hummingbot import hook
from paper_bitmart.connector.hummingbot.hook import WATCHED, Hook

SITE = [str(Path(__file__).parents[2]), *sys.path]
CORE = """
class ConnectorManager:
    def create_connector(self, connector_name, trading_pairs, trading_required=True, api_keys=None):
        return "theirs"
"""


def stand_in(folder, version="dev-2.18.0"):
    """A package that looks like Hummingbot from outside."""
    core = folder / "hummingbot" / "core"
    core.mkdir(parents=True)
    (folder / "hummingbot" / "__init__.py").touch()
    (folder / "hummingbot" / "VERSION").write_text(version + "\n")
    (core / "__init__.py").touch()
    (core / "connector_manager.py").write_text(CORE)
    return folder


def python(folder, code):
    """Run code in a Python of its own that sees the stand-in; what it printed and complained about."""
    begin = f"import sys; sys.path[:0] = {[str(folder), *SITE]!r}\n"
    done = subprocess.run([sys.executable, "-c", begin + code], capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr


HOOKED = "from paper_bitmart.connector.hummingbot.hook import install; install()\n"
CREATE = "from hummingbot.core.connector_manager import ConnectorManager as C\nprint(C.create_connector.{0})"


def test_a_watched_module_is_patched_after_its_import(tmp_path):
    said, complaints = python(stand_in(tmp_path), HOOKED + CREATE.format("__wrapped__.__qualname__"))
    assert (said, complaints) == ("ConnectorManager.create_connector", "")


def test_other_connectors_are_left_to_hummingbot(tmp_path):
    code = HOOKED + (
        "from hummingbot.core.connector_manager import ConnectorManager as C\n"
        "C.connectors = {}\nprint(C().create_connector('binance_paper_trade', []))"
    )
    assert python(stand_in(tmp_path), code)[0] == "theirs"


def test_an_unknown_version_is_left_alone_and_named(tmp_path):
    code = HOOKED + CREATE.format("__name__") + "; print(hasattr(C.create_connector, '__wrapped__'))"
    said, complaints = python(stand_in(tmp_path, "dev-9.9.9"), code)
    assert said.splitlines() == ["create_connector", "False"]
    assert "bitmart_paper_trade is not available: Hummingbot dev-9.9.9" in complaints
    assert "it knows 20260922" in complaints


def test_without_the_hook_nothing_is_patched(tmp_path):
    said, _ = python(stand_in(tmp_path), CREATE.format("__dict__"))
    assert said == "{}"


def test_a_process_without_hummingbot_loads_nothing_for_the_hook():
    code = (
        "import sys; before = set(sys.modules)\n"
        f"sys.path.insert(0, {str(Path(hook.__file__).parent)!r})\n"
        "import hook; hook.install(); import json as later\n"
        "new = set(sys.modules) - before\n"
        "print([m for m in new if 'paper' in m or m in ('typing', 'importlib.util')])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["json", "hummingbot", "hummingbot.core", "hummingbotx.client.settings"])
def test_modules_that_are_not_watched_are_passed_on(name):
    assert Hook().find_spec(name) is None


def test_installing_twice_is_installing_once(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = len(sys.meta_path)
    hook.install()
    hook.install()
    assert len(sys.meta_path) == before + 1


def test_every_watched_module_has_its_patch_and_every_patch_is_watched():
    from paper_bitmart.connector.hummingbot import patches

    assert set(patches._PATCHES) == WATCHED


def test_a_hook_left_behind_by_an_uninstalled_package_only_says_so(tmp_path):
    stand_in(tmp_path)
    (tmp_path / "left_hook.py").write_text(Path(hook.__file__).read_text())
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n"
        "import left_hook; left_hook.install()\n"
        "import hummingbot.core.connector_manager\nprint('runs')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "runs"
    assert "bitmart_paper_trade is not available" in done.stderr


def test_names_of_the_connectors_modules_follow_hummingbots_rule():
    folder = "hummingbot.connector.exchange.bitmart_paper_trade"
    assert json.dumps(sorted(hook.ALIASES)) == json.dumps(
        [folder, f"{folder}.bitmart_paper_trade_exchange", f"{folder}.bitmart_paper_trade_utils"]
    )
