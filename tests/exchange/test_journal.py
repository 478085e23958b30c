"""The journal: nothing durable before commit, everything after it, and clear errors for bad files."""

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import zlib
from decimal import Decimal

import pytest

from paper_bitmart.bitmart.enums import CancelSource, OrderType, Role, Side, StpMode
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.events import (
    AccountOpened,
    BalanceChanged,
    BalanceReason,
    FeedChanged,
    FeesChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    encode_events,
)
from paper_bitmart.exchange.journal import Journal, Synchronous
from paper_bitmart.exchange.journal_error import (
    JournalCorrupt,
    JournalError,
    JournalForeign,
    JournalLocked,
    JournalWriteFailed,
)
from paper_bitmart.exchange.journal_export import export_csv
from paper_bitmart.exchange.journal_file import EVENTS_PER_ROW, JOURNAL_NAME
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.exchange.state_lock import LOCK_NAME
from paper_bitmart.feed.events import FeedState

HUGE_ATOMS = 10**40 + 7
"""Far beyond 64 bits, as an ample balance in atoms is."""

ORDER = Order(
    order_id=11,
    client_order_id="c11",
    account="alice",
    symbol="BTC_USDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    price_ticks=100,
    size_lots=5,
    notional_atoms=0,
    stp_mode=StpMode.NONE,
    maker_ppm=2500,
    taker_ppm=2500,
    hold_asset="USDT",
    hold_atoms=HUGE_ATOMS,
    created_ns=3,
    updated_ns=3,
)
FILL = Fill(
    trade_id=21,
    order_id=11,
    client_order_id="c11",
    account="alice",
    symbol="BTC_USDT",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    stp_mode=StpMode.NONE,
    role=Role.MAKER,
    price_ticks=100,
    size_lots=2,
    notional_atoms=HUGE_ATOMS,
    fee_atoms=1,
    fee_asset="USDT",
    at_ns=5,
    exch_ns=4,
    evidence=2,
    evidence_price_ticks=100,
    evidence_lots=9,
    ahead_before=7.0,
    ahead_after=0.0,
)
FILLED = ORDER.with_fill(FILL, hold_atoms=3)


def balance(seq, available_atoms=HUGE_ATOMS, reason=BalanceReason.DEPOSIT):
    return BalanceChanged(
        seq=seq,
        at_ns=seq,
        account="alice",
        asset="USDT",
        available_atoms=available_atoms,
        frozen_atoms=0,
        reason=reason,
    )


def feed(seq, state):
    return FeedChanged(seq=seq, at_ns=seq * 10, symbol="BTC_USDT", state=state)


LIFE = [
    AccountOpened(seq=1, at_ns=1, account="alice", index=0, ample=False),
    balance(2),
    FeesChanged(seq=3, at_ns=2, account="alice", symbol="", maker_ppm=0, taker_ppm=10),
    feed(4, FeedState.LIVE),
    OrderAccepted(seq=5, at_ns=3, order=ORDER, queue_ahead=7.5),
    balance(6, reason=BalanceReason.HOLD),
    OrderFilled(seq=7, at_ns=5, order=FILLED, fill=FILL),
    feed(8, FeedState.STALE),
    feed(9, FeedState.SYNCING),
    feed(10, FeedState.LIVE),
    OrderCanceled(seq=11, at_ns=6, order=FILLED.canceled(CancelSource.USER, 6)),
    feed(12, FeedState.CLOSED),
]
RULES = {
    "BTC_USDT": SymbolRules(
        symbol="BTC_USDT",
        symbol_id=1,
        base="BTC",
        quote="USDT",
        price_decimals=2,
        size_decimals=5,
        tick=Decimal("0.01"),
        lot=Decimal("0.00001"),
        min_size=Decimal("0.00001"),
    )
}


def limit_size(journal, pages_more):
    """Let the database grow by so many pages only: SQLite then answers as on a full disk."""
    ((pages,),) = journal._connection.execute("PRAGMA page_count")
    journal._connection.execute(f"PRAGMA max_page_count = {pages + pages_more}")


def written(directory, events, state=None):
    with Journal(directory) as journal:
        journal.record(events)
        journal.commit()
        if state is not None:
            journal.checkpoint(state, at_ns=99)


# --- what is durable ---


def test_every_kind_of_event_comes_back_as_it_was(tmp_path):
    written(tmp_path, LIFE)
    with Journal(tmp_path) as journal:
        assert list(journal.events_after(0)) == LIFE


def test_a_new_journal_is_empty(tmp_path):
    with Journal(tmp_path / "not" / "there" / "yet") as journal:
        assert (journal.last_seq, list(journal.events_after(0)), list(journal.checkpoints())) == (
            None,
            [],
            [],
        )


def test_what_was_not_committed_is_gone_after_close(tmp_path):
    with Journal(tmp_path) as journal:
        journal.record(LIFE[:3])
        assert (journal.commit(), journal.commit()) == (3, 0)
        journal.record(LIFE[3:])
        assert (journal.pending, journal.last_seq) == (len(LIFE) - 3, 12)
    with Journal(tmp_path) as journal:
        assert (list(journal.events_after(0)), journal.last_seq) == (LIFE[:3], 3)


@pytest.mark.parametrize("synchronous", list(Synchronous))
def test_a_commit_survives_the_kill_of_its_process(tmp_path, synchronous):
    program = (
        "import os, signal, sys\n"
        "from paper_bitmart.exchange.events import AccountOpened\n"
        "from paper_bitmart.exchange.journal import Journal\n"
        "journal = Journal(sys.argv[1], synchronous=sys.argv[2])\n"
        "event = lambda seq: AccountOpened(seq=seq, at_ns=seq, account='a', index=seq, ample=True)\n"
        "journal.record([event(1), event(2)])\n"
        "journal.commit()\n"
        "journal.record([event(3)])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path), synchronous.value], timeout=60)
    assert run.returncode == -signal.SIGKILL
    with Journal(tmp_path) as journal:
        assert [event.seq for event in journal.events_after(0)] == [1, 2]


def test_events_after_a_number_are_those_only(tmp_path):
    written(tmp_path, LIFE)
    with Journal(tmp_path) as journal:
        assert list(journal.events_after(7)) == LIFE[7:]


def test_normal_is_the_default_and_each_setting_reaches_sqlite(tmp_path):
    numbers = {Synchronous.OFF: 0, Synchronous.NORMAL: 1, Synchronous.FULL: 2}
    with Journal(tmp_path / "default") as journal:
        assert journal.synchronous is Synchronous.NORMAL
    for synchronous, number in numbers.items():
        with Journal(tmp_path / synchronous, synchronous=synchronous) as journal:
            assert journal._connection.execute("PRAGMA synchronous").fetchone() == (number,)
            assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# --- recording ---


@pytest.mark.parametrize("events", [[LIFE[0], LIFE[2]], [LIFE[1], LIFE[0]], [LIFE[0], LIFE[0]]])
def test_events_out_of_sequence_are_refused_and_none_is_taken(tmp_path, events):
    with Journal(tmp_path) as journal:
        with pytest.raises(JournalError, match="does not follow"):
            journal.record(events)
        assert journal.pending == 0


def test_a_fresh_venue_cannot_write_into_an_old_journal(tmp_path):
    written(tmp_path, LIFE)
    with Journal(tmp_path) as journal, pytest.raises(JournalError, match="event 1 does not follow event 12"):
        journal.record(LIFE[:1])


def test_discard_forgets_what_was_recorded_only(tmp_path):
    with Journal(tmp_path) as journal:
        journal.record(LIFE[:2])
        journal.commit()
        journal.record(LIFE[2:5])
        assert (journal.discard(), journal.pending, journal.last_seq) == (3, 0, 2)


# --- checkpoints ---


def test_a_checkpoint_commits_what_was_recorded_with_it(tmp_path):
    with Journal(tmp_path) as journal:
        journal.record(LIFE[:4])
        journal.checkpoint(b"state after 4", at_ns=70)
    with Journal(tmp_path) as journal:
        (checkpoint,) = journal.checkpoints()
        assert (checkpoint.seq, checkpoint.at_ns, checkpoint.state) == (4, 70, b"state after 4")
        assert list(journal.events_after(0)) == LIFE[:4]


def test_only_the_newest_checkpoints_are_kept_newest_first(tmp_path):
    with Journal(tmp_path) as journal:
        for event in LIFE:
            journal.record([event])
            journal.checkpoint(b"state", at_ns=event.at_ns)
        assert [checkpoint.seq for checkpoint in journal.checkpoints()] == [12, 11]


def test_a_damaged_checkpoint_is_logged_and_the_one_before_is_used(tmp_path, caplog):
    with Journal(tmp_path) as journal:
        for events, state in ((LIFE[:4], b"old"), (LIFE[4:], b"new")):
            journal.record(events)
            journal.checkpoint(state, at_ns=0)
        journal._connection.execute("UPDATE checkpoints SET state = x'00' WHERE seq = 12")
        assert [checkpoint.state for checkpoint in journal.checkpoints()] == [b"old"]
    assert "after event 12 is damaged" in caplog.text


# --- a full disk ---


def test_a_full_disk_fails_the_commit_and_writes_nothing(tmp_path):
    many = [balance(seq) for seq in range(1, 2000)]
    with Journal(tmp_path) as journal:
        limit_size(journal, 3)
        journal.record(many)
        with pytest.raises(JournalWriteFailed, match="full"):
            journal.commit()
        assert journal.pending == len(many)
        assert list(journal.events_after(0)) == []


def test_after_space_is_made_the_same_events_can_be_committed(tmp_path):
    many = [balance(seq) for seq in range(1, 2000)]
    with Journal(tmp_path) as journal:
        limit_size(journal, 3)
        journal.record(many)
        with pytest.raises(JournalWriteFailed):
            journal.commit()
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        assert journal.probe()
        assert journal.commit() == len(many)
        assert list(journal.events_after(0)) == many


def test_probe_says_that_a_read_only_journal_cannot_be_written(tmp_path):
    with Journal(tmp_path) as journal:
        journal._connection.execute("PRAGMA query_only = 1")
        assert not journal.probe()
        journal._connection.execute("PRAGMA query_only = 0")
        assert journal.probe()


# --- files that are not ours, damaged, or in use ---


def test_a_file_that_is_not_sqlite_is_refused_by_name(tmp_path):
    (tmp_path / JOURNAL_NAME).write_bytes(b"this is a diary, dear reader\n" * 100)
    with pytest.raises(JournalForeign, match="not an SQLite file") as caught:
        Journal(tmp_path)
    assert caught.value.path == tmp_path / JOURNAL_NAME


def test_the_sqlite_file_of_another_program_is_refused_and_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / JOURNAL_NAME) as other:
        other.execute("CREATE TABLE cookies (a)")
    other.close()
    before = (tmp_path / JOURNAL_NAME).read_bytes()
    with pytest.raises(JournalForeign, match="another program"):
        Journal(tmp_path)
    assert (tmp_path / JOURNAL_NAME).read_bytes() == before


def test_a_journal_of_another_schema_version_is_refused(tmp_path):
    written(tmp_path, LIFE)
    connection = sqlite3.connect(tmp_path / JOURNAL_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalForeign, match="version 99"):
        Journal(tmp_path)


def test_a_damaged_journal_is_refused(tmp_path):
    written(tmp_path, [balance(seq) for seq in range(1, 2000)])
    path = tmp_path / JOURNAL_NAME
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 9000] = b"\xa5" * 9000
    path.write_bytes(data)
    with pytest.raises(JournalCorrupt, match="damaged"):
        Journal(tmp_path)


def test_a_journal_with_a_missing_event_is_corrupt(tmp_path):
    written(tmp_path, LIFE)
    with Journal(tmp_path) as journal:
        journal.record([feed(13, FeedState.LIVE)])
        journal.commit()
        journal._connection.execute("DELETE FROM commits WHERE first_seq = 1")
        with pytest.raises(JournalCorrupt, match="events 1 to 12 are missing"):
            list(journal.events_after(0))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[{}]", "events 1 to 12 cannot be read"),
        (b"no JSON", "events 1 to 12 cannot be read"),
        (encode_events(LIFE[:11]), "the row of events 1 to 12 holds others"),
    ],
)
def test_a_row_that_is_not_its_events_is_corrupt(tmp_path, data, why):
    written(tmp_path, LIFE)
    with Journal(tmp_path) as journal:
        journal._connection.execute("UPDATE commits SET events = ?, crc32 = ?", (data, zlib.crc32(data)))
        with pytest.raises(JournalCorrupt, match=why):
            list(journal.events_after(0))


def test_one_changed_byte_is_noticed(tmp_path):
    written(tmp_path, LIFE)
    with Journal(tmp_path) as journal:
        ((data,),) = journal._connection.execute("SELECT events FROM commits").fetchall()
        changed = data.replace(b'"price_ticks":100', b'"price_ticks":900')
        journal._connection.execute("UPDATE commits SET events = ?", (changed,))
        with pytest.raises(JournalCorrupt, match="events 1 to 12 are damaged"):
            list(journal.events_after(0))


def test_a_commit_of_very_many_events_takes_several_rows(tmp_path):
    many = [balance(seq) for seq in range(1, 2 * EVENTS_PER_ROW + 2)]
    written(tmp_path, many)
    with Journal(tmp_path) as journal:
        assert journal._connection.execute("SELECT count(*) FROM commits").fetchone() == (3,)
        assert list(journal.events_after(EVENTS_PER_ROW - 2)) == many[EVENTS_PER_ROW - 2 :]


def test_a_refused_file_leaves_the_directory_free(tmp_path):
    (tmp_path / JOURNAL_NAME).write_bytes(b"x" * 500)
    for _ in range(2):
        with pytest.raises(JournalForeign):
            Journal(tmp_path)


def test_a_state_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(JournalError, match="cannot be created"):
        Journal(tmp_path / "state")


def test_a_second_owner_is_refused_and_told_who_has_it(tmp_path):
    with Journal(tmp_path), pytest.raises(JournalLocked, match=f"process {os.getpid()}") as caught:
        Journal(tmp_path)
    assert caught.value.pid == os.getpid()


def test_a_lock_file_left_by_a_dead_process_is_taken_over(tmp_path):
    (tmp_path / LOCK_NAME).write_text("1")
    with Journal(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == str(os.getpid())


def test_closing_twice_is_allowed_and_frees_the_directory(tmp_path):
    journal = Journal(tmp_path)
    journal.close()
    journal.close()
    with Journal(tmp_path) as again:
        assert again.last_seq is None


# --- rules ---


def test_the_same_rules_and_new_symbols_are_welcome(tmp_path):
    with Journal(tmp_path) as journal:
        journal.bind_rules({})
        journal.bind_rules(RULES)
    with Journal(tmp_path) as journal:
        journal.bind_rules(RULES)
        assert journal.symbols() == {"BTC_USDT"}


def test_another_tick_is_refused_by_symbol(tmp_path):
    changed = SymbolRules(
        symbol="BTC_USDT",
        symbol_id=1,
        base="BTC",
        quote="USDT",
        price_decimals=1,
        size_decimals=5,
        tick=Decimal("0.1"),
        lot=Decimal("0.00001"),
        min_size=Decimal("0.00001"),
    )
    with Journal(tmp_path) as journal:
        journal.bind_rules(RULES)
        with pytest.raises(JournalForeign, match="BTC_USDT"):
            journal.bind_rules({"BTC_USDT": changed})


def test_meta_is_durable_at_once(tmp_path):
    with Journal(tmp_path) as journal:
        assert journal.meta("latency") is None
        journal.set_meta("latency", "a")
        journal.set_meta("latency", "b")
    with Journal(tmp_path) as journal:
        assert journal.meta("latency") == "b"


# --- tables and CSV ---


def test_feed_gaps_have_a_start_and_an_end_or_none_yet(tmp_path):
    with Journal(tmp_path) as journal:
        journal.record(LIFE)
        journal.commit()
        assert journal.feed_gaps() == [("BTC_USDT", 80, 100), ("BTC_USDT", 120, None)]


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_export_writes_every_table_in_quote_and_base_currency(tmp_path):
    with Journal(tmp_path / "state") as journal:
        journal.bind_rules(RULES)
        journal.record(LIFE)
        journal.commit()
    counts = export_csv(tmp_path / "state", tmp_path / "out")
    assert counts == {"orders.csv": 1, "fills.csv": 1, "balances.csv": 2, "feed.csv": 5, "feed_gaps.csv": 2}
    (order,) = read_csv(tmp_path / "out" / "orders.csv")
    assert (order["order_id"], order["state"], order["cancel_source"]) == ("11", "partially_canceled", "user")
    assert (order["price"], order["size"], order["filled"]) == ("1.00", "0.00005", "0.00002")
    assert (order["notional"], order["queue_ahead"]) == ("", "0.00007")
    (fill,) = read_csv(tmp_path / "out" / "fills.csv")
    assert fill["notional"] == "10000000000000000000000.000000000000000007"
    assert (fill["price"], fill["size"], fill["fee"]) == ("1.00", "0.00002", "0.000000000000000001")
    assert (fill["evidence"], fill["evidence_price"], fill["evidence_size"]) == (
        "print_at_price",
        "1.00",
        "0.00009",
    )
    assert (fill["ahead_before"], fill["ahead_after"], fill["counter_order_id"]) == ("0.00007", "0.00000", "")
    deposit, _ = read_csv(tmp_path / "out" / "balances.csv")
    assert (deposit["available"], deposit["frozen"]) == ("10000000000000000000000.000000000000000007", "0")


def test_export_of_a_symbol_without_tick_and_lot_is_refused(tmp_path):
    written(tmp_path / "state", LIFE)
    with pytest.raises(JournalCorrupt, match="has rows of BTC_USDT, but not its tick and lot"):
        export_csv(tmp_path / "state", tmp_path / "out")


def test_export_of_a_journal_in_use_is_allowed(tmp_path):
    with Journal(tmp_path / "state") as journal:
        journal.bind_rules(RULES)
        journal.record(LIFE)
        journal.commit()
        assert export_csv(tmp_path / "state", tmp_path / "out")["fills.csv"] == 1


def test_export_without_a_journal_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(JournalError, match="does not exist"):
        export_csv(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
