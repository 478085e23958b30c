"""BitMart's wire language: message types, signing, error codes, rate limits, symbol rules."""
