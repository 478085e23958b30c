"""Option texts: what they mean, and the message when they mean nothing."""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pytest

from paper_bitmart import config
from paper_bitmart.config import ConfigError
from paper_bitmart.exchange.fees import DEFAULT_FEES, NO_FEES, FeeRates
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.matching.models import DEFAULT_MODEL, MODELS


def test_balances_are_read_by_asset():
    assert config.parse_balances(["USDT=10000", "BTC=0.5"]) == {"USDT": Decimal(10000), "BTC": Decimal("0.5")}
    assert config.parse_balances([]) is None


def test_pairs_become_symbols_in_any_spelling():
    assert config.parse_pairs("BTC-USDT, eth_usdt") == ["BTC_USDT", "ETH_USDT"]
    assert config.parse_pairs(None) is None


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("0.5", 0.5), ("max", None)])
def test_speeds(text, speed):
    assert config.parse_speed(text) == speed


@pytest.mark.parametrize(("text", "latency_ns"), [("5", 5_000_000), ("0.25", 250_000), (None, None)])
def test_latencies(text, latency_ns):
    assert config.parse_latency_ns("--entry-latency-ms", text) == latency_ns


def test_fees_not_given_are_the_default_schedule():
    assert config.parse_fees(None, None, no_fees=False) == DEFAULT_FEES
    assert config.parse_fees(100, None, no_fees=False) == FeeRates(100, DEFAULT_FEES.taker_ppm)
    assert config.parse_fees(None, None, no_fees=True) == NO_FEES


def test_a_key_set_is_given_whole_or_not_at_all():
    assert config.parse_api_key(None, None, None) is None
    assert config.parse_api_key("k", "s", None) == ("k", "s", "")


def test_queue_models_are_known_by_name():
    assert config.parse_queue_model(None) is DEFAULT_MODEL
    assert {name: config.parse_queue_model(name) for name in MODELS} == MODELS


def test_a_queue_model_takes_parameters_by_name_and_says_them():
    model = config.parse_queue_model("order_list:weight=4.5,share=0.1")
    assert model.params == (4.5, 0.1)
    assert model.setting == "order_list:weight=4.5,share=0.1"
    assert config.parse_queue_model(model.setting) == model
    assert config.parse_queue_model("power:n=3").setting == "power"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: config.parse_balances(["USDT"]), "--balance: must read ASSET=AMOUNT"),
        (lambda: config.parse_balances(["=5"]), "--balance: must read ASSET=AMOUNT"),
        (lambda: config.parse_balances(["USDT=much"]), "--balance: 'much' is not a number"),
        (lambda: config.parse_balances(["USDT=-1"]), "--balance: USDT=-1: must not be negative"),
        (lambda: config.parse_balances(["A=1", "A=2"]), "--balance: A is given twice"),
        (lambda: config.parse_pairs("BTC"), "--pairs: 'BTC' does not read BASE-QUOTE"),
        (
            lambda: config.parse_speed("fast"),
            "--speed: must be max, or above 0 and at most 1000000, not fast",
        ),
        (lambda: config.parse_speed("0"), "--speed: must be max, or above 0"),
        (lambda: config.parse_latency_ns("--x-ms", "-1"), "--x-ms: must be 0 to 60000 ms, not -1"),
        (lambda: config.parse_fees(-1, None, no_fees=False), "--maker-fee-ppm: must be 0 to 1000000"),
        (lambda: config.parse_fees(None, 5, no_fees=True), "--taker-fee-ppm: contradicts --no-fees"),
        (lambda: config.parse_api_key(None, "s", None), "--api-key: is missing"),
        (lambda: config.parse_api_key("k", None, "m"), "--api-secret: is missing"),
        (lambda: config.parse_queue_model("best"), "--queue-model: must be one of conservative, "),
        (lambda: config.parse_queue_model("power:n"), "--queue-model: 'n' is not PARAMETER=NUMBER"),
        (lambda: config.parse_queue_model("power:n=x"), "--queue-model: 'n=x' is not PARAMETER=NUMBER"),
        (lambda: config.parse_queue_model("power:k=2"), "--queue-model: power has n, not 'k'"),
        (lambda: config.parse_queue_model("log:n=2"), "--queue-model: log has no parameters, not 'n'"),
        (lambda: config.parse_queue_model("power:n=0"), "--queue-model: n must be above 0 and at most 20"),
        (lambda: config.parse_queue_model("power:n=nan"), "--queue-model: n must be above 0 and at most 20"),
        (
            lambda: config.choice("--colour", "green", Colour),
            "--colour: must be one of red, blue, not 'green'",
        ),
    ],
)
def test_a_text_that_breaks_its_rule_is_told_with_the_option(read, message):
    with pytest.raises(ConfigError) as caught:
        read()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("source", ["bitmart", "binance", "ccxt:okx"])
def test_a_live_market_brings_its_rules_unless_told_others(source):
    assert config.check_source(source, None) is None
    assert config.check_source(source, Path("mine.json")) == Path("mine.json")


@pytest.mark.parametrize("source", ["bitmart", "binance", "ccxt:okx"])
@pytest.mark.parametrize(
    ("speed", "clock", "message"),
    [
        (2.0, "wall", "--speed: {} is a live market, which runs at speed 1"),
        (None, "wall", "--speed: {} is a live market, which runs at speed 1"),
        (1.0, "recorded", "--clock: {} is a live market, which has no recorded times"),
    ],
)
def test_a_live_market_has_its_own_time(source, speed, clock, message):
    with pytest.raises(ConfigError) as caught:
        config.check_live_time(source, speed, clock)
    assert str(caught.value) == message.format(source)
    config.check_live_time(source, 1.0)
    config.check_live_time("demo", speed, clock)


def test_urls_are_options_of_the_source():
    assert config.parse_urls("demo", None, None) == {}
    urls = {"rest_url": "http://there:1", "ws_url": "wss://there:1/api"}
    assert config.parse_urls("bitmart", **urls) == urls


@pytest.mark.parametrize(
    ("source", "rest_url", "ws_url", "message"),
    [
        ("demo", "http://a", "ws://a", "--rest-url: goes with --source bitmart or binance, not demo"),
        ("ccxt:okx", None, "ws://a", "--ws-url: goes with --source bitmart or binance, not ccxt:okx"),
        ("bitmart", "http://a", None, "--ws-url: is needed with --rest-url: "),
        ("binance", None, "ws://a", "--rest-url: is needed with --ws-url: "),
        ("bitmart", "a:80", "ws://a", "--rest-url: must begin with http:// or https://, not 'a:80'"),
        ("bitmart", "http://a", "http://a", "--ws-url: must begin with ws:// or wss://, not 'http://a'"),
    ],
)
def test_urls_that_cannot_be_are_told_with_the_option(source, rest_url, ws_url, message):
    with pytest.raises(ConfigError) as caught:
        config.parse_urls(source, rest_url, ws_url)
    assert str(caught.value).startswith(message)


def test_the_demo_market_needs_no_files_and_takes_none(tmp_path):
    assert config.check_source("demo", None) is None
    with pytest.raises(ConfigError, match="brings its own rules"):
        config.check_source("demo", tmp_path)


def test_a_capture_takes_the_rules_beside_it_unless_told_others(tmp_path):
    capture = tmp_path / "capture.jsonl"
    capture.touch()
    with pytest.raises(ConfigError, match="--symbols: is needed"):
        config.check_source(str(capture), None)
    (tmp_path / "symbols.json").touch()
    assert config.check_source(str(capture), None) == tmp_path / "symbols.json"
    assert config.check_source(str(capture), tmp_path / "other.json") == tmp_path / "other.json"


def test_rules_beside_several_data_must_be_the_same(tmp_path):
    paths = [tmp_path / "one" / "a.jsonl", tmp_path / "two" / "b.jsonl"]
    for path in paths:
        path.parent.mkdir()
        (path.parent / "symbols_details.json").touch()
    assert config.rules_of(paths[:1], None) == tmp_path / "one" / "symbols_details.json"
    with pytest.raises(ConfigError, match=r"--symbols: is needed: there is no symbols_details\.json or"):
        config.rules_of(paths, None)


def test_currencies_and_pairs_are_read_in_any_spelling():
    assert config.parse_balances(["usdt=5"]) == {"USDT": Decimal(5)}
    assert config.parse_pairs("btc/usdt, ETH_USDT") == ["BTC_USDT", "ETH_USDT"]


@pytest.mark.parametrize("check", [config.check_not_folder, config.check_is_capture])
def test_a_recordings_folder_is_told_the_captures_in_it(tmp_path, check):
    (tmp_path / "market-1.jsonl.zst").touch()
    check("FILE", tmp_path / "market-1.jsonl.zst")
    with pytest.raises(ConfigError, match=r"is a folder; name a capture in it: market-1\.jsonl\.zst"):
        check("FILE", tmp_path)
    with pytest.raises(ConfigError, match=r"--source: .* is a folder"):
        config.check_source(str(tmp_path), None)


def test_a_file_to_be_written_needs_its_folder(tmp_path):
    config.check_folder("--out", None)
    config.check_folder("--out", tmp_path / "report.html")
    with pytest.raises(ConfigError, match=r"--out: there is no folder .*nowhere to write report.html into"):
        config.check_folder("--out", tmp_path / "nowhere" / "report.html")


@pytest.mark.parametrize(("place", "option"), [(0, "CAPTURE"), (1, "--symbols"), (2, "--orders")])
def test_a_replay_never_writes_over_what_it_reads(tmp_path, place, option):
    files = [tmp_path / name for name in ("capture.jsonl", "rules.json", "orders.jsonl")]
    for path in files:
        path.touch()
    link = tmp_path / "link"
    link.symlink_to(files[place])
    for out in (files[place], link):
        with pytest.raises(ConfigError, match=f"^--out: .* is the file of {option}"):
            config.check_replay_files(*files, out)
    assert config.check_replay_files(*files, tmp_path / "out.jsonl")[3] == tmp_path / "out.jsonl"


def test_a_capture_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="there is no capture file 'nothing'"):
        config.check_source("nothing", None)


# --- latency ---


def test_a_latency_is_a_preset_a_file_or_constants(tmp_path):
    series = tmp_path / "series.csv"
    series.write_text("at_ns,entry_ns\n1,2\n")
    assert config.parse_latency(None).is_none
    assert config.parse_latency("assumed_near", seed=3) == LatencyChoice(base="assumed_near", seed=3)
    assert config.parse_latency(str(series)).base == series
    chosen = config.parse_latency(None, entry_ms="5", jitter_ms="1", load_us="0.5")
    assert chosen == LatencyChoice(entry_ns=5_000_000, jitter_ns=1_000_000, load_ns=500)


@pytest.mark.parametrize(
    ("base", "options", "told"),
    [
        ("fast", {}, "--latency: must be one of none, measured_tail, "),
        ("assumed_near", {"jitter_ms": "1"}, "--jitter-ms: contradicts --latency"),
        (None, {"load_us": "-1"}, "--latency-load-us: must be 0 to 60000, not -1"),
        (None, {"entry_ms": "x"}, "--entry-latency-ms: "),
    ],
)
def test_a_latency_that_cannot_be_is_refused_by_the_name_of_its_option(base, options, told):
    with pytest.raises(ConfigError) as error:
        config.parse_latency(base, **options)
    assert told in str(error.value)
