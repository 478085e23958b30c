"""A replay's rules of time, latency, accounts and ends, on a market small enough to reckon by hand."""

import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest
from small_market import BOOK, MARKET, Files, cancel, submit, told, trade

from paper_bitmart.backtest import replay as replay_module
from paper_bitmart.backtest.replay_position import ResumeError
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.fees import NO_FEES
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.journal_error import JournalForeign
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.matching.matcher import Matcher


def test_a_maker_waits_for_the_queue_and_a_taker_pays_the_displayed_price(tmp_path):
    files = Files(tmp_path, orders=[submit(10, "maker"), submit(20, "taker", price="100.02", size="0.5")])
    assert told(files.run(), "ms", "client_order_id", "event", "price", "size", "role", "evidence") == [
        (10, "maker", "accept", None, None, None, None),
        (20, "taker", "accept", None, None, None, None),
        (20, "taker", "fill", "100.02", "0.500", "taker", "took_level"),
        # 2.5 traded, 2 were ahead.
        (1_000, "maker", "fill", "100.00", "0.500", "maker", "print_at_price"),
    ]


def test_an_accepted_order_says_its_queue_ahead_in_lots(tmp_path):
    rows = Files(tmp_path, orders=[submit(10, "x")]).run()
    assert rows[0]["queue_ahead"] == 2000.0


@pytest.mark.parametrize(
    ("settings", "fee"),
    [({}, "0.12502500"), ({"fees": NO_FEES}, "0.00000000")],
    ids=["default schedule", "no fees"],
)
def test_fees_are_a_quarter_percent_unless_told_otherwise(tmp_path, settings, fee):
    rows = Files(tmp_path, orders=[submit(20, "x", price="100.02", size="0.5")]).run(**settings)
    assert told(rows, "event", "fee", "fee_asset")[1] == ("fill", fee, "USDT")


def test_of_equal_times_the_market_goes_first(tmp_path):
    at_print = Files(tmp_path, orders=[submit(1_000, "x"), cancel(9_000, "x")])
    assert "fill" not in {row["event"] for row in at_print.run()}


def test_a_cancel_at_the_time_of_a_print_comes_too_late(tmp_path):
    rows = Files(tmp_path, orders=[submit(10, "x", size="0.5"), cancel(1_000, "x")]).run()
    assert told(rows, "ms", "event", "code") == [
        (10, "accept", None), (1_000, "fill", None), (1_000, "cancel_reject", 50031),
    ]  # fmt: skip


def test_a_crossing_post_only_order_is_accepted_and_then_canceled_by_the_system(tmp_path):
    rows = Files(tmp_path, orders=[submit(10, "x", kind="limit_maker", price="100.02")]).run()
    assert told(rows, "event", "source", "leaves") == [("accept", None, None), ("cancel", "system", "1.000")]


def test_a_market_buy_spends_its_notional(tmp_path):
    rows = Files(
        tmp_path, orders=[submit(10, "x", kind="market", price=None, size=None, notional="50")]
    ).run()
    assert told(rows, "event", "size", "source") == [
        ("accept", None, None), ("fill", "0.498", None), ("cancel", None, "system"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (submit(10, "x", symbol="NO_SUCH"), 50001),
        (submit(10, "x", size="0.0001"), 50006),
        (submit(10, "x", size="0.01"), 51011),
        (submit(10, "x", kind="fok"), 52001),
        (submit(10, "x", side="bid"), 52002),
        (submit(10, "not alnum!"), 50038),
        (submit(10, "x" * 33), 50037),
        (submit(10, "x", price=None), 50011),
        (submit(-10, "x"), 50022),
        (submit(2_001, "x"), 50022),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_a_refused_order_is_a_reject_with_bitmarts_code(tmp_path, order, code):
    files = Files(tmp_path, orders=[order])
    assert told(files.run(), "event", "client_order_id", "code") == [
        ("reject", order["client_order_id"], code)
    ]
    assert files.summary.tally.reject == 1


def test_an_account_has_what_balance_says_and_no_more(tmp_path):
    orders = [submit(10, "x", account="poor"), submit(11, "y", size="0.5", account="poor")]
    rows = Files(tmp_path, orders=orders).run(balances={"USDT": Decimal("60")})
    assert told(rows[:2], "event", "client_order_id", "code") == [
        ("reject", "x", 50020),
        ("accept", "y", None),
    ]
    assert rows[0]["why"] == "needed 100.25 USDT, available 60 USDT, frozen 0 USDT"


def test_a_balance_of_an_asset_that_is_not_traded_is_refused_before_anything_is_written(tmp_path):
    files = Files(tmp_path, orders=[submit(10, "x")])
    with pytest.raises(BitmartError, match="51000"):
        files.run(balances={"DOGE": Decimal(1)})
    assert not files.out.exists()


def test_latency_moves_the_arrival_and_the_queue_position_is_taken_then(tmp_path):
    orders = [submit(10, "x", price="100.02", size="0.5"), cancel(11, "x"), submit(990, "late")]
    rows = Files(tmp_path, orders=orders).run(latency=LatencyChoice(entry_ns=200 * 10**6, cancel_ns=0))
    assert told(rows, "ms", "client_order_id", "event") == [
        (210, "x", "accept"), (210, "x", "fill"),
        # It cannot overtake the order that it names.
        (210, "x", "cancel_reject"),
        (1_190, "late", "accept"),
    ]  # fmt: skip
    assert rows[-1]["queue_ahead"] == 0.0


def test_a_jitter_is_the_same_for_the_same_seed_only(tmp_path):
    files = Files(tmp_path, orders=[submit(10, "x"), submit(500, "y")])
    first, again, other = (
        files.run(latency=LatencyChoice(jitter_ns=5 * 10**6, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert told(first, "ms") != told(other, "ms")


def test_orders_out_of_order_are_sorted_and_said_to_be(tmp_path):
    files = Files(tmp_path, orders=[submit(20, "b"), submit(10, "a"), submit(20, "c")])
    assert told(files.run(), "client_order_id")[:3] == [("a",), ("b",), ("c",)]
    assert not files.summary.orders_sorted


def test_an_order_without_a_client_id_is_called_by_its_order_id(tmp_path):
    (row,) = Files(tmp_path, market=[BOOK, *MARKET[2:]], orders=[submit(10, None)]).run()
    assert row["client_order_id"] == row["order_id"]


def test_the_tally_counts_every_line_of_out(tmp_path):
    files = Files(tmp_path, orders=[submit(10, "x"), submit(11, "x"), cancel(500, "x"), cancel(600, "x")])
    rows = files.run()
    tally = files.summary.tally
    assert (tally.accept, tally.reject, tally.fill, tally.cancel, tally.cancel_reject) == (1, 1, 0, 1, 1)
    assert len(rows) == 4


def test_a_stretch_of_market_without_orders_does_not_matter(tmp_path):
    far = trade(200_000, "sell", "99.99", "1")
    files = Files(tmp_path, market=[*MARKET, far], orders=[submit(10, "x"), cancel(199_000, "x")])
    assert told(files.run(), "ms", "event")[-1] == (199_000, "cancel")
    assert files.summary.market_events == 12


# --- cut and resumed ---


ORDERS = [
    submit(10, "x"),
    submit(900, "y", price="100.02", size="0.5"),
    cancel(1_500, "x"),
    cancel(1_600, "y"),
]


@pytest.mark.parametrize("until_ms", [-1, 0, 10, 899, 900, 1_000, 1_050, 1_500, 1_999, 2_000, 2_001, 5_000])
def test_a_run_cut_anywhere_and_resumed_writes_the_same_bytes(tmp_path, until_ms):
    (tmp_path / "whole").mkdir()
    whole = Files(tmp_path / "whole", orders=ORDERS)
    whole.run(latency=LatencyChoice(entry_ns=10**6))
    files = Files(tmp_path, orders=ORDERS)
    state = tmp_path / "state"
    until_ns = 1_700_000_000_000_000_000 + until_ms * 10**6
    files.run(latency=LatencyChoice(entry_ns=10**6), state=state, until_ns=until_ns)
    files.run(latency=LatencyChoice(entry_ns=10**6), state=state, resume=True)
    assert files.out.read_bytes() == whole.out.read_bytes()
    assert files.summary.tally == whole.summary.tally


def test_lines_written_after_the_checkpoint_are_written_anew(tmp_path):
    files = Files(tmp_path, orders=ORDERS)
    state = tmp_path / "state"
    files.run(state=state, until_ns=1_700_000_000_950_000_000)
    with files.out.open("ab") as out:
        out.write(b"half a line of a killed ru")
    files.run(state=state, resume=True)
    resumed = files.out.read_bytes()
    files.run()
    assert resumed == files.out.read_bytes()


def test_a_run_of_another_version_is_not_resumed_and_says_so(tmp_path, monkeypatch):
    files = Files(tmp_path, orders=ORDERS)
    state = tmp_path / "state"
    files.run(state=state, until_ns=1_700_000_000_950_000_000)

    def load(blob, **_):
        raise ValueError("its matchers are of another version of this program")

    monkeypatch.setattr(Matcher, "load", load)
    with pytest.raises(ResumeError, match=r"state: cannot be resumed: its matchers are of another version"):
        files.run(state=state, resume=True)


class Killed(Exception):
    pass


@pytest.mark.parametrize("steps", range(1, 6))
@pytest.mark.parametrize("checkpoint_events", [1, 4, 1_000])
def test_a_run_killed_between_checkpoints_is_resumed_to_the_same_bytes(
    tmp_path, monkeypatch, steps, checkpoint_events
):
    monkeypatch.setattr(replay_module, "CHECKPOINT_EVENTS", checkpoint_events)
    files = Files(tmp_path, orders=ORDERS)
    files.run()
    whole = files.out.read_bytes()
    options = files.options(state=tmp_path / "state")
    seen = []

    def kill_after_some_steps(progress):
        seen.append(progress)
        if len(seen) == steps:
            raise Killed

    # A first checkpoint, as there is nothing to resume before it.
    replay_module.replay(replace(options, until_ns=1_700_000_000_000_000_000))
    with contextlib.suppress(Killed):
        replay_module.replay(replace(options, resume=True), progress=kill_after_some_steps)
    replay_module.replay(replace(options, resume=True))
    assert files.out.read_bytes() == whole


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    files = Files(tmp_path, orders=ORDERS)
    files.run(state=tmp_path / "state")
    before = files.out.read_bytes()
    files.run(state=tmp_path / "state", resume=True)
    assert files.out.read_bytes() == before


def test_other_inputs_or_settings_cannot_be_resumed(tmp_path):
    files = Files(tmp_path, orders=ORDERS)
    files.run(state=tmp_path / "state", until_ns=1_700_000_000_950_000_000)
    before = files.out.read_bytes()
    with pytest.raises(ResumeError, match="another capture, orders, rules or settings"):
        files.run(state=tmp_path / "state", resume=True, fees=NO_FEES)
    assert files.out.read_bytes() == before


def test_a_state_directory_in_use_is_not_overwritten(tmp_path):
    files = Files(tmp_path, orders=ORDERS)
    files.run(state=tmp_path / "state")
    with pytest.raises(ResumeError, match="holds a run already"):
        files.run(state=tmp_path / "state")


def test_an_empty_state_directory_has_nothing_to_resume(tmp_path):
    with pytest.raises(ResumeError, match="no run to resume"):
        Files(tmp_path, orders=ORDERS).run(state=tmp_path / "state", resume=True)


def test_a_journal_that_no_replay_wrote_is_refused(tmp_path):
    with Journal(tmp_path / "state") as journal:
        journal.checkpoint(b"{}", 0)
    with pytest.raises(JournalForeign, match="not written by a replay"):
        Files(tmp_path, orders=ORDERS).run(state=tmp_path / "state", resume=True)


def test_progress_tells_market_time(tmp_path):
    seen = []
    replay_module.replay(Files(tmp_path, orders=ORDERS).options(), progress=seen.append)
    assert [one.at_ns for one in seen] == sorted(one.at_ns for one in seen)
    assert seen[-1].end_ns - seen[-1].start_ns == 2_000 * 10**6


# --- latency ---


def test_queue_position_is_taken_when_the_order_arrives_and_not_when_it_was_sent(tmp_path):
    """Sent at 900 ms behind 5 lots of 99.99, it arrives at 1,200 ms, when a depth message has left 4."""
    orders = [submit(900, "x1", price="99.99", size="1")]
    now = Files(tmp_path, orders=orders).run()
    late = Files(tmp_path, orders=orders).run(latency=LatencyChoice(entry_ns=300 * 10**6))
    assert told(now, "ms", "event", "queue_ahead")[0] == (900, "accept", 5_000.0)
    assert told(late, "ms", "event", "queue_ahead")[0] == (1_200, "accept", 4_000.0)


def test_a_busy_market_delays_orders_and_only_by_what_came_before_them(tmp_path):
    """One message came in the 100 ms before x1 and x2; the one at 1,100 ms has no part in x1's delay."""
    orders = [submit(1_050, "x1", price="99.99"), submit(1_150, "x2", price="99.99"), submit(1_500, "x3")]
    rows = Files(tmp_path, orders=orders).run(latency=LatencyChoice(load_ns=30 * 10**6))
    accepted = [row for row in rows if row["event"] == "accept"]
    assert told(accepted, "ms") == [(1_080,), (1_180,), (1_500,)]


@pytest.mark.parametrize("base", ["measured_tail", "assumed_near", "assumed_retail", "assumed_far"])
def test_a_preset_delays_and_repeats_exactly(tmp_path, base):
    orders = [submit(100, "x1"), cancel(400, "x1")]
    files = Files(tmp_path, orders=orders)
    first, again, other = (files.run(latency=LatencyChoice(base=base, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first[0]["ts"] > orders[0]["ts"]
