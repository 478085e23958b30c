import pytest

from paper_bitmart.server.faults import (
    NO_FAULTS,
    RECORDS_MAX,
    SEND_ONCE,
    Fault,
    FaultPlan,
    FaultPlanError,
    FaultRule,
    Faults,
    FrameAction,
    RequestFaults,
)

MS = 1_000_000
SUBMIT = "/spot/v2/submit_order"


def faults_of(*rules: FaultRule, seed: int = 1) -> Faults:
    return Faults(FaultPlan(seed=seed, rules=rules), at_ns=0)


def test_without_a_plan_nothing_happens():
    faults = Faults()
    assert faults.on_request(SUBMIT, 0) is NO_FAULTS
    assert not faults.on_accepted(SUBMIT, 0)
    assert faults.on_ws_frame(1, "spot/trade", 0) is SEND_ONCE
    assert faults.on_feed("BTC_USDT", 0) is None
    assert not faults.records


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (FaultRule(fault=Fault.LOST_ACK), NO_FAULTS),
        (FaultRule(fault=Fault.SERVER_ERROR), RequestFaults(refuse=Fault.SERVER_ERROR)),
        (FaultRule(fault=Fault.RATE_LIMITED), RequestFaults(refuse=Fault.RATE_LIMITED)),
        (FaultRule(fault=Fault.MAINTENANCE), RequestFaults(refuse=Fault.MAINTENANCE)),
        (FaultRule(fault=Fault.DELAY, delay_ms=250), RequestFaults(delay_ns=250 * MS)),
        (FaultRule(fault=Fault.WS_DROP), NO_FAULTS),
    ],
)
def test_a_request_rule_decides_what_happens_to_a_request(rule, expected):
    assert faults_of(rule).on_request(SUBMIT, 0) == expected


@pytest.mark.parametrize(
    ("rule", "steps"),
    [
        (FaultRule(fault=Fault.WS_DROP), ()),
        (FaultRule(fault=Fault.WS_DUPLICATE), ((0, FrameAction.SEND),) * 2),
        (FaultRule(fault=Fault.WS_LATE, delay_ms=40), ((40 * MS, FrameAction.SEND),)),
        (FaultRule(fault=Fault.WS_DISCONNECT), ((0, FrameAction.DISCONNECT),)),
        (FaultRule(fault=Fault.LOST_ACK), SEND_ONCE),
    ],
)
def test_a_frame_rule_decides_what_happens_to_a_push(rule, steps):
    assert faults_of(rule).on_ws_frame(1, "spot/trade", 0) == steps


def test_rules_strike_only_where_their_pattern_matches():
    faults = faults_of(FaultRule(fault=Fault.MAINTENANCE, where="/spot/v4/query/*"))
    assert faults.on_request(SUBMIT, 0) == NO_FAULTS
    assert faults.on_request("/spot/v4/query/order", 0).refuse is Fault.MAINTENANCE


def test_skip_and_count_bound_the_strikes():
    faults = faults_of(FaultRule(fault=Fault.LOST_ACK, skip=2, count=1))
    assert [faults.on_accepted(SUBMIT, n) for n in range(5)] == [False, False, True, False, False]


def test_a_rule_is_active_in_its_time_window_only():
    faults = faults_of(FaultRule(fault=Fault.SYMBOL_HALTED, where="BTC_*", from_ms=10, until_ms=20))
    active = [ms for ms in range(30) if faults.on_feed("BTC_USDT", ms * MS)]
    assert active == list(range(10, 20))
    assert faults.on_feed("ETH_USDT", 15 * MS) is None


def test_a_halt_goes_before_a_freeze():
    faults = faults_of(FaultRule(fault=Fault.FEED_FROZEN), FaultRule(fault=Fault.SYMBOL_HALTED))
    assert faults.on_feed("BTC_USDT", 0).fault is Fault.SYMBOL_HALTED


def test_the_same_seed_makes_the_same_decisions():
    def decisions(seed):
        faults = faults_of(FaultRule(fault=Fault.LOST_ACK, probability=0.5), seed=seed)
        return [faults.on_accepted(SUBMIT, n) for n in range(64)]

    assert decisions(3) == decisions(3)
    assert decisions(3) != decisions(4)
    assert 10 < sum(decisions(3)) < 54


def test_one_rules_decisions_do_not_depend_on_another_rule():
    lost = FaultRule(fault=Fault.LOST_ACK, probability=0.5)
    alone = faults_of(lost)
    beside = faults_of(lost, FaultRule(fault=Fault.SERVER_ERROR, probability=0.5))
    requests = range(32)
    assert [alone.on_accepted(SUBMIT, n) for n in requests] == [
        beside.on_accepted(SUBMIT, n) for n in requests
    ]


def test_strikes_are_recorded_and_the_record_is_bounded():
    faults = faults_of(FaultRule(fault=Fault.WS_DROP))
    for at_ns in range(RECORDS_MAX + 5):
        faults.on_ws_frame(7, "spot/trade", at_ns)
    assert faults.struck_total == RECORDS_MAX + 5
    assert len(faults.records) == RECORDS_MAX
    last = faults.records[-1]
    assert (last.at_ns, last.rule, last.fault, last.target) == (
        RECORDS_MAX + 4,
        0,
        Fault.WS_DROP,
        "spot/trade",
    )
    assert last.detail == "connection 7"


def test_a_plan_file_is_read(tmp_path):
    path = tmp_path / "faults.toml"
    path.write_text(
        'seed = 7\n[[rules]]\nfault = "delay"\nwhere = "/spot/*"\nprobability = 1\ndelay_ms = 5\n'
    )
    assert FaultPlan.from_toml(path) == FaultPlan(
        seed=7, rules=(FaultRule(fault=Fault.DELAY, where="/spot/*", delay_ms=5),)
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("seed = ", "TOML|value|Invalid"),
        ('[[rules]]\nfault = "earthquake"\n', "rules.*; faults are lost_ack, server_error, "),
        ('[[rules]]\nfault = "delay"\n', "delay needs delay_ms above 0"),
        ('[[rules]]\nfault = "delay"\nprobability = 2.0\n', "probability"),
        ('[[rules]]\nfault = "delay"\ndelay = 2\n', "delay"),
        ("[[rules]]\n", "fault"),
    ],
)
def test_a_bad_plan_file_is_refused_with_its_place_and_reason(tmp_path, text, why):
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(FaultPlanError, match=why) as error:
        FaultPlan.from_toml(path)
    assert error.value.place == str(path)


def test_a_missing_plan_file_is_named(tmp_path):
    with pytest.raises(FaultPlanError, match=r"nowhere\.toml"):
        FaultPlan.from_toml(tmp_path / "nowhere.toml")
