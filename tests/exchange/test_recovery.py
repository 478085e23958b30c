"""Recovery: what was acknowledged is there after a clean stop, a crash, a damaged checkpoint, and kill -9."""

import os
import random
import signal
import subprocess
import sys
import zlib
from decimal import Decimal
from pathlib import Path

import pytest
from market_script import MS, RULES, START_NS, SYMBOL, book, limit, rules, trade
from msgspec.structs import asdict
from random_exchange import RandomExchange

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.exchange.events import OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.journal_error import JournalCorrupt, JournalForeign
from paper_bitmart.exchange.restart import recover, save
from paper_bitmart.feed.events import FeedState
from paper_bitmart.matching.reports import Evidence

KILLS = int(os.environ.get("PAPER_BITMART_KILLS", "10"))
"""How often the exchange is killed, in all."""
KILLS_PER_JOURNAL = 5


def comparable(venue, *, matchers=True):
    """A venue's state as plain values; equal matchers dump to equal bytes."""
    state = asdict(venue.export_state())
    state["markets"] = {symbol: asdict(market) for symbol, market in state["markets"].items()}
    if not matchers:
        for market in state["markets"].values():
            del market["matcher"]
    return state


def accounts_and_orders(venue):
    """What a crash must not change: everything but the feed and the event counter."""
    state = comparable(venue, matchers=False)
    for forgotten in ("markets", "next_event_seq", "now_ns", "command_ns"):
        del state[forgotten]
    return state


async def run_steps(directory, seed, steps, *, close, checkpoint_every_events=300):
    """Trade for some steps; then close, or crash. Returns the venue as it was, and the acknowledgements."""
    lines = []
    journal = Journal(directory)
    running = RandomExchange(journal, seed, lines.append, checkpoint_every_events=checkpoint_every_events)
    await running.start()
    for _ in range(steps):
        await running.step()
    if close:
        await running.session.close()
        return comparable(running.session.venue), lines
    # What the process's death would leave: files closed by the system, no goodbye.
    for task in running.session._tasks:
        task.cancel()
    before = accounts_and_orders(running.session.venue)
    journal.close()
    return before, lines


@pytest.mark.parametrize("seed", range(3))
async def test_after_a_clean_close_the_state_is_the_same_to_the_last_bit(tmp_path, seed):
    before, _ = await run_steps(tmp_path, seed, 30, close=True)
    with Journal(tmp_path) as journal:
        assert comparable(recover(journal, RULES)) == before


@pytest.mark.parametrize("checkpoint_every_events", [10**9, 100, 7], ids=["never", "seldom", "often"])
@pytest.mark.parametrize("seed", range(3))
async def test_after_a_crash_accounts_orders_and_fills_are_the_same(tmp_path, seed, checkpoint_every_events):
    before, lines = await run_steps(
        tmp_path, seed, 30, close=False, checkpoint_every_events=checkpoint_every_events
    )
    with Journal(tmp_path) as journal:
        venue = recover(journal, RULES)
        assert accounts_and_orders(venue) == before
        assert len([line for line in lines if line.startswith("F")]) == len(before["fills"]) > 0
        venue.check()


async def test_recovering_twice_gives_the_same_venue(tmp_path):
    await run_steps(tmp_path, 1, 20, close=False)
    with Journal(tmp_path) as journal:
        first = comparable(recover(journal, RULES))
    with Journal(tmp_path) as journal:
        again = comparable(recover(journal, RULES))
    assert (again["orders"], again["accounts"], again["fills"]) == (
        first["orders"],
        first["accounts"],
        first["fills"],
    )


async def test_trading_goes_on_after_a_crash_with_fresh_ids(tmp_path):
    _, before = await run_steps(tmp_path, 1, 20, close=False)
    _, after = await run_steps(tmp_path, 2, 20, close=False)
    assert len({line for line in before + after if line[0] in "AF"}) == len(
        [line for line in before + after if line[0] in "AF"]
    )


# --- by hand: what recovery decides ---


def new_venue(directory):
    """A live venue with two accounts; bids 9990 x 100, asks 10010 x 100."""
    journal = Journal(directory)
    venue = recover(journal, RULES)
    venue.open_account("alice", None, START_NS)
    venue.market(SYMBOL, book(START_NS, {9990: 100}, {10010: 100}))
    return journal, venue


def crash(journal):
    journal.commit()
    journal.close()


def recovered(directory, its_rules=RULES):
    journal = Journal(directory)
    return journal, recover(journal, its_rules)


def test_orders_after_the_checkpoint_get_their_queue_ahead_at_entry(tmp_path):
    journal, venue = new_venue(tmp_path)
    save(journal, venue)
    (accepted, *_) = venue.submit("alice", limit("buy", 9990, 5), START_NS + MS)
    crash(journal)
    journal, venue = recovered(tmp_path)
    assert (accepted.queue_ahead, venue.queue_ahead(accepted.order.order_id)) == (100.0, 100.0)
    journal.close()


def test_orders_before_the_checkpoint_get_the_checkpoints_queue_ahead(tmp_path):
    journal, venue = new_venue(tmp_path)
    (early, *_) = venue.submit("alice", limit("buy", 9990, 5), START_NS + MS)
    venue.market(SYMBOL, trade(START_NS + 2 * MS, Side.SELL, 9990, 30))
    save(journal, venue)
    at_checkpoint = venue.queue_ahead(early.order.order_id)
    venue.submit("alice", limit("buy", 9980, 5), START_NS + 3 * MS)
    crash(journal)
    journal, venue = recovered(tmp_path)
    assert at_checkpoint == venue.queue_ahead(early.order.order_id) == 70.0
    journal.close()


def test_a_crash_is_a_gap_from_the_last_known_moment(tmp_path):
    journal, venue = new_venue(tmp_path)
    venue.submit("alice", limit("buy", 9990, 5), START_NS + 5 * MS)
    crash(journal)
    journal, venue = recovered(tmp_path)
    assert venue.feed_state(SYMBOL) is FeedState.CLOSED
    assert journal.feed_gaps() == [(SYMBOL, START_NS + 5 * MS, None)]
    venue.market(SYMBOL, book(START_NS + 90 * MS, {9990: 100}, {10010: 100}))
    journal.commit()
    assert journal.feed_gaps() == [(SYMBOL, START_NS + 5 * MS, START_NS + 90 * MS)]
    journal.close()


def test_an_order_that_the_market_passed_while_down_fills_at_its_own_price(tmp_path):
    journal, venue = new_venue(tmp_path)
    venue.submit("alice", limit("buy", 9990, 5), START_NS + MS)
    crash(journal)
    journal, venue = recovered(tmp_path)
    _, events = venue.market(SYMBOL, book(START_NS + 90 * MS, {9900: 100}, {9910: 100}))
    (fill,) = [event.fill for event in events if isinstance(event, OrderFilled)]
    assert (fill.price_ticks, fill.size_lots, fill.evidence) == (9990, 5, Evidence.MARKET_PASSED)
    venue.check()
    journal.close()


@pytest.mark.parametrize("damaged", [1, 2], ids=["newest", "all"])
def test_damaged_checkpoints_cost_time_but_no_order(tmp_path, damaged, caplog):
    journal, venue = new_venue(tmp_path)
    for number in range(3):
        venue.submit("alice", limit("buy", 9900 + number, 5), START_NS + MS)
        save(journal, venue)
    before = accounts_and_orders(venue)
    journal._connection.execute(
        "UPDATE checkpoints SET state = x'00' WHERE seq IN "
        "(SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT ?)",
        (damaged,),
    )
    crash(journal)
    journal, venue = recovered(tmp_path)
    assert accounts_and_orders(venue) == before
    assert caplog.text.count("is damaged") == damaged
    journal.close()


def test_a_checkpoint_that_is_no_state_is_passed_over_and_said(tmp_path, caplog):
    journal, venue = new_venue(tmp_path)
    venue.submit("alice", limit("buy", 9900, 5), START_NS + MS)
    before = accounts_and_orders(venue)
    journal.checkpoint(b"{}", at_ns=START_NS)
    crash(journal)
    journal, venue = recovered(tmp_path)
    assert accounts_and_orders(venue) == before
    assert "is not used" in caplog.text
    journal.close()


def test_events_that_do_not_add_up_are_corrupt(tmp_path):
    journal, venue = new_venue(tmp_path)
    venue.submit("alice", limit("buy", 9900, 5), START_NS + MS)
    journal.commit()
    ((number, data),) = journal._connection.execute(
        "SELECT last_seq, events FROM commits WHERE first_seq = 1"
    ).fetchall()
    data = data.replace(b"alice", b"mallory", 1)  # the account, not what it owns
    journal._connection.execute(
        "UPDATE commits SET events = ?, crc32 = ? WHERE last_seq = ?", (data, zlib.crc32(data), number)
    )
    crash(journal)
    with Journal(tmp_path) as journal, pytest.raises(JournalCorrupt, match="does not fit"):
        recover(journal, RULES)


def test_rules_without_a_journaled_symbol_are_refused_by_name(tmp_path):
    journal, _ = new_venue(tmp_path)
    crash(journal)
    with Journal(tmp_path) as journal, pytest.raises(JournalForeign, match=SYMBOL):
        recover(journal, {"ETH_USDT": rules("ETH_USDT")})


def test_a_new_symbol_is_added_and_ample_accounts_get_its_assets(tmp_path):
    journal, venue = new_venue(tmp_path)
    crash(journal)
    journal, venue = recovered(tmp_path, {**RULES, "ETH_USDT": rules("ETH_USDT")})
    assert list(venue.rules) == [SYMBOL, "ETH_USDT"]
    assert venue.balances("alice")["ETH"].available_atoms > 0
    venue.check()
    crash(journal)
    journal, again = recovered(tmp_path, {**RULES, "ETH_USDT": rules("ETH_USDT")})
    assert again.balances("alice") == venue.balances("alice")
    journal.close()


def test_fees_and_balances_set_by_hand_are_recovered(tmp_path):
    journal, venue = new_venue(tmp_path)
    venue.open_account("bob", {"USDT": Decimal("1.5")}, START_NS)
    venue.set_fees("bob", SYMBOL, 1, 2, START_NS)
    venue.withdraw("bob", "USDT", Decimal("0.5"), START_NS)
    crash(journal)
    journal, venue = recovered(tmp_path)
    assert venue.balances("bob")["USDT"].available_atoms == 10**18
    assert venue.fee_rates("bob", SYMBOL) == (1, 2)
    journal.close()


# --- kill -9 ---


def killed_after(directory, seed, lines_wanted):
    """Let the exchange run in its own process, kill it, and return every line that it had said."""
    program = Path(__file__).with_name("random_exchange.py")
    # The core is run uncompiled: what is tested here is durability, and compiling takes longer than living.
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(program.parents[2])}
    child = subprocess.Popen(
        [sys.executable, str(program), str(directory), str(seed)], stdout=subprocess.PIPE, env=environment
    )
    assert child.stdout is not None
    with child.stdout:
        lines = [child.stdout.readline() for _ in range(lines_wanted)]
        child.kill()
        # Said before it died, though nobody had read it yet.
        lines += child.stdout.readlines()
    assert child.wait(timeout=60) == -signal.SIGKILL
    # The last line may be cut; a cut number was not acknowledged.
    return [line.decode().strip() for line in lines if line.endswith(b"\n")]


@pytest.mark.parametrize("first", range(0, KILLS, KILLS_PER_JOURNAL))
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path, first):
    """One state directory, killed and restarted several times; what was said before any kill must stay."""
    rng = random.Random(first)
    acknowledged = []
    kills = min(KILLS_PER_JOURNAL, KILLS - first)
    for number in range(kills):
        acknowledged += killed_after(tmp_path, seed=first + number, lines_wanted=rng.randrange(1, 250))
        with Journal(tmp_path) as journal:
            events = list(journal.events_after(0))
            venue = recover(journal, RULES)
            assert len(journal.feed_gaps()) >= number + 1
        venue.check()
        assert_all_there(acknowledged, events, venue)
    assert {line[0] for line in acknowledged} == {"A", "C", "F"}


def assert_all_there(acknowledged, events, venue):
    """Every acknowledgement is in the journal and in the venue that was recovered from it."""
    said = {kind: {int(line[2:]) for line in acknowledged if line[0] == kind} for kind in "ACF"}
    assert said["A"] <= {event.order.order_id for event in events if isinstance(event, OrderAccepted)}
    assert said["C"] <= {event.order.order_id for event in events if isinstance(event, OrderCanceled)}
    assert said["F"] <= {event.fill.trade_id for event in events if isinstance(event, OrderFilled)}
    state = venue.export_state()
    assert said["F"] <= {fill.trade_id for fill in state.fills}
    assert said["C"].isdisjoint(order.order_id for order in state.orders if order.is_open)
