"""What a Hummingbot user may set, and where a journal goes."""

from pathlib import Path

import pytest

from paper_bitmart.connector.hummingbot.settings import PaperSettings, PaperSettingsError

KEYS = {"server_key": "k", "server_secret": "s"}


def test_fields_lose_their_prefix_and_blanks():
    settings = PaperSettings.of({"bitmart_paper_trade_source": " demo ", "bitmart_paper_trade_symbols": None})
    assert settings == PaperSettings()


def test_an_unknown_field_is_named():
    with pytest.raises(TypeError, match="api_key"):
        PaperSettings.of({"bitmart_paper_trade_api_key": "x"})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"server": "127.0.0.1:80"} | KEYS, "bitmart_paper_trade_server: must be a URL"),
        ({"server": "ftp://x"} | KEYS, "bitmart_paper_trade_server: must be a URL"),
        ({"server": "https://api-cloud.bitmart.com"} | KEYS, "is the real BitMart"),
        ({"server": "https://API-CLOUD.bitmart.com./"} | KEYS, "is the real BitMart"),
        ({"server": "http://127.0.0.1:8080"}, "bitmart_paper_trade_server_key: is needed"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused(fields, said):
    with pytest.raises(PaperSettingsError, match=said):
        PaperSettings(**fields)


@pytest.mark.parametrize(
    ("fields", "folder"),
    [
        ({}, Path("data/bitmart_paper_trade/demo")),
        ({"source": "/x/my capture.jsonl"}, Path("data/bitmart_paper_trade/my_capture_jsonl")),
        ({"state": "elsewhere"}, Path("elsewhere/demo")),
        ({"state": "memory"}, None),
    ],
)
def test_each_source_has_a_journal_of_its_own(fields, folder):
    assert PaperSettings(**fields).state_dir(Path("data")) == folder
