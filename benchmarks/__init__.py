"""Figures with their proof: `python -m benchmarks.NAME [--quick]` prints one JSON line last."""
