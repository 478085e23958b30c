"""Which exceptions are a user's mistake or disk, and how they are told: one line that names the place."""

USER_ERRORS = frozenset({
    "paper_bitmart.backtest.foreign.ForeignDataError",
    "paper_bitmart.backtest.history.HistoryError",
    "paper_bitmart.backtest.replay_orders.OrdersError",
    "paper_bitmart.backtest.replay_out.OutMismatch",
    "paper_bitmart.backtest.replay_position.ResumeError",
    "paper_bitmart.backtest.session_facts.SessionError",
    "paper_bitmart.backtest.report_page.ReportError",
    "paper_bitmart.backtest.strategy_file.StrategyFileError",
    "paper_bitmart.backtest.tape.TapeError",
    "paper_bitmart.bitmart.errors.BitmartError",
    "paper_bitmart.bitmart.rate_limits.RateConfigError",
    "paper_bitmart.bitmart.rules.RulesError",
    "paper_bitmart.config.ConfigError",
    "paper_bitmart.exchange.clock.ClockError",
    "paper_bitmart.exchange.journal_error.JournalError",
    "paper_bitmart.exchange.latency_choice.LatencyFileError",
    "paper_bitmart.feed.capture.CaptureError",
    "paper_bitmart.feed.event_file.EventFileError",
    "paper_bitmart.feed.live.errors.SourceError",
    "paper_bitmart.feed.live.recorder.RecordingError",
    "paper_bitmart.feed.pairs_only.UnknownPair",
    "paper_bitmart.matching.latency.LatencyError",
    "paper_bitmart.realism.outcomes.OutcomesError",
    "paper_bitmart.realism.real_orders.RealOrdersError",
    "paper_bitmart.server.faults.FaultPlanError",
    "paper_bitmart.server.keys.KeysError",
    "paper_bitmart.server.settings.SettingsError",
    "builtins.OSError",
})  # fmt: skip
"""By name, so that telling a mistake in one room does not import all the others. Subclasses count."""


def is_user_error(error: BaseException) -> bool:
    """Whether `error` is told in one line; anything else is a defect and keeps its traceback."""
    return any(f"{kind.__module__}.{kind.__qualname__}" in USER_ERRORS for kind in type(error).__mro__)


def told(error: BaseException) -> str:
    """The error in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())
