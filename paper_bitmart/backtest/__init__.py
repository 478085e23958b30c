"""Replay of recorded markets with orders, and the backtest harness."""
