"""enable, disable, status: two files in an environment, and none in Hummingbot's."""

import subprocess
import sys

import pytest
from test_hummingbot_hook import CREATE, SITE, stand_in
from typer.testing import CliRunner

from paper_bitmart.connector.hummingbot import enabling, versions
from paper_bitmart.connector.hummingbot.cli import app
from paper_bitmart.connector.hummingbot.versions import HummingbotNotFound, UnknownHummingbot


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def checkout(tmp_path):
    return stand_in(tmp_path / "checkout")


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_enabling_writes_two_files_and_none_of_hummingbots(site, checkout):
    before = contents(checkout)
    assert enabling.enable(checkout, site).release == "20260922"
    assert sorted(path.name for path in site.iterdir()) == [
        "paper_bitmart_hummingbot_hook.pth", "paper_bitmart_hummingbot_hook.py",
    ]  # fmt: skip
    assert contents(checkout) == before
    assert enabling.status(site) == enabling.Status(site, True, True)


def test_disabling_leaves_nothing_behind(site, checkout):
    enabling.enable(checkout, site)
    assert enabling.disable(site)
    assert list(site.iterdir()) == []
    assert not enabling.disable(site)
    assert enabling.status(site) == enabling.Status(site, False, False)


def test_an_older_copy_of_the_hook_is_noticed(site, checkout):
    enabling.enable(checkout, site)
    (site / "paper_bitmart_hummingbot_hook.py").write_text("def install(): pass\n")
    assert enabling.status(site) == enabling.Status(site, True, False)
    enabling.enable(checkout, site)
    assert enabling.status(site).is_current


def test_every_python_of_the_environment_is_hooked(site, checkout):
    """Processing the .pth file as Python does at its start."""
    enabling.enable(checkout, site)
    code = (
        f"import sys, site; sys.path[:0] = {[str(checkout), *SITE]!r}; site.addsitedir({str(site)!r})\n"
        + CREATE.format("__wrapped__.__name__")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("create_connector", "")


@pytest.mark.parametrize(("version", "error"), [("dev-9.9.9", UnknownHummingbot), (None, HummingbotNotFound)])
def test_what_is_not_known_is_refused_and_nothing_is_written(site, tmp_path, version, error):
    folder = tmp_path / "other"
    folder.mkdir()
    if version is not None:
        stand_in(folder, version)
    with pytest.raises(error):
        enabling.enable(folder, site)
    assert list(site.iterdir()) == []


def test_a_site_that_cannot_be_written_is_named(tmp_path, checkout):
    with pytest.raises(enabling.EnablingError, match="cannot be written"):
        enabling.enable(checkout, tmp_path / "nowhere")


def test_a_refusal_tells_which_versions_are_known(tmp_path):
    folder = stand_in(tmp_path, "dev-1.0.0")
    with pytest.raises(UnknownHummingbot, match=r"dev-1.0.0 .* it knows 20260922 \(its VERSION file reads"):
        versions.check(folder)


class TestCommands:
    @pytest.fixture(autouse=True)
    def here(self, monkeypatch, site):
        monkeypatch.setattr(enabling, "site_packages", lambda: site)

    def run(self, *arguments):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return done.exit_code, done.output

    def test_a_round_of_all_three(self, site, checkout):
        assert self.run("status", "--path", checkout)[1].startswith(f"not enabled in {site}")
        code, said = self.run("enable", "--path", checkout)
        assert (code, "connect bitmart_paper_trade" in said) == (0, True)
        said = self.run("status", "--path", checkout)[1]
        assert said.splitlines() == [f"enabled in {site}", f"Hummingbot 20260922 in {checkout}: known"]
        assert self.run("disable") == (0, "disabled\n")
        assert self.run("disable") == (0, "was not enabled\n")

    def test_a_refusal_is_one_line_and_exit_code_2(self, tmp_path):
        code, said = self.run("enable", "--path", tmp_path)
        assert (code, said.strip().count("\n")) == (2, 0)
        assert said.startswith("error: there is no Hummingbot checkout at")

    def test_another_versions_hook_is_told(self, site, checkout):
        self.run("enable", "--path", checkout)
        (site / "paper_bitmart_hummingbot_hook.py").write_text("")
        assert "by another version of paper-bitmart; run enable again" in self.run("status")[1]
