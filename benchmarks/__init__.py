"""Benchmarks: documents that run. `python -m benchmarks.core` and so on; see README.md."""
