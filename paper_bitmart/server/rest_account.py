"""Wallets and fee rates: the KEYED endpoints (protocol reference 5.2 to 5.5)."""

from __future__ import annotations

from paper_bitmart.bitmart.decimals import ATOMS, format_atoms
from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rest_messages import (
    AccountWallet,
    AccountWalletRow,
    SpotWallet,
    SpotWalletRow,
    TradeFee,
    UserFee,
)
from paper_bitmart.server.auth import Level
from paper_bitmart.server.endpoint import Call, Endpoint, Handler

USD = "USDT"
"""Valuations take one USDT for one US dollar."""
PAIR_CLASSES = "ABCD"


def account_wallet(call: Call) -> AccountWallet:
    """GET /account/v1/wallet: balances above zero, optionally of one currency and valued in US dollars."""
    wanted = call.params.text("currency")
    if wanted is not None and wanted not in call.context.venue.assets():
        raise refusal(60002, field="currency", value=wanted)
    is_valued = call.params.flag("needUsdValuation")
    rows = []
    for asset, balance in call.context.venue.balances(call.account).items():
        if balance.total_atoms == 0 or wanted not in (None, asset):
            continue
        available, frozen = format_atoms(balance.available_atoms), format_atoms(balance.frozen_atoms)
        rows.append(
            AccountWalletRow(
                currency=asset,
                name=asset,
                available=available,
                available_usd_valuation=_usd_text(call, asset, balance.available_atoms)
                if is_valued
                else None,
                frozen=frozen,
                unAvailable=frozen,
            )
        )
    return AccountWallet(wallet=rows)


def spot_wallet(call: Call) -> SpotWallet:
    """GET /spot/v1/wallet: every currency of the account, also at zero: clients drop what is missing."""
    rows = [
        SpotWalletRow(
            id=asset,
            available=format_atoms(balance.available_atoms),
            name=asset,
            frozen=format_atoms(balance.frozen_atoms),
        )
        for asset, balance in call.context.venue.balances(call.account).items()
    ]
    return SpotWallet(wallet=rows)


def trade_fee(call: Call) -> TradeFee:
    """GET /spot/v1/trade_fee, with the two extra names that ccxt reads."""
    symbol = call.params.required("symbol")
    if not call.context.has_symbol(symbol):
        raise refusal(50001, field="symbol", value=symbol)
    rates = call.context.venue.fee_rates(call.account, symbol)
    maker, taker = rate_text(rates.maker_ppm), rate_text(rates.taker_ppm)
    return TradeFee(
        symbol=symbol,
        buy_taker_fee_rate=taker,
        sell_taker_fee_rate=taker,
        buy_maker_fee_rate=maker,
        sell_maker_fee_rate=maker,
        taker_fee_rate=taker,
        maker_fee_rate=maker,
    )


def user_fee(call: Call) -> UserFee:
    """GET /spot/v1/user_fee: one class of pairs here, so all four pay what the first symbol costs."""
    rates = call.context.venue.fee_rates(call.account, next(iter(call.context.session.views)))
    maker, taker = rate_text(rates.maker_ppm), rate_text(rates.taker_ppm)
    by_class = {
        f"{role}_fee_rate_{name}": rate
        for name in PAIR_CLASSES
        for role, rate in (("taker", taker), ("maker", maker))
    }
    return UserFee(user_rate_type=0, level="LV1", **by_class)


def rate_text(rate_ppm: int) -> str:
    """A rate as a fraction with at least four decimals, as BitMart writes it.

    >>> rate_text(2500), rate_text(125)
    ('0.0025', '0.000125')
    """
    digits = f"{rate_ppm:07d}"
    whole, fraction = digits[:-6], digits[-6:].rstrip("0").ljust(4, "0")
    return f"{whole}.{fraction}"


def _usd_text(call: Call, asset: str, amount_atoms: int) -> str | None:
    """The amount in US dollars at the last price; None while the currency has no known price."""
    if asset == USD:
        return format_atoms(amount_atoms)
    symbol = f"{asset}_{USD}"
    view = call.context.session.views.get(symbol)
    ticker = view.ticker() if view is not None else None
    if ticker is None or ticker.last_ticks is None:
        return None
    price_atoms = ticker.last_ticks * call.context.rules(symbol).tick_atoms
    return format_atoms(amount_atoms * price_atoms // ATOMS)


def _keyed(path: str, handler: Handler) -> Endpoint:
    return Endpoint("GET", path, handler, Level.KEYED)


ENDPOINTS = (
    _keyed("/account/v1/wallet", account_wallet),
    _keyed("/spot/v1/wallet", spot_wallet),
    _keyed("/spot/v1/trade_fee", trade_fee),
    _keyed("/spot/v1/user_fee", user_fee),
)
