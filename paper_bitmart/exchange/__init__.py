"""The venue: order life cycle, accounts, ledger, fees, risk checks, journal, clock."""
