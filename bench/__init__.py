"""Benchmarks: ratios measured side by side in one run, never a time from another day."""
