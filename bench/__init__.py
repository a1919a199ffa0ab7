"""Benchmarks: ours beside a twin, as ratios measured in one run."""
