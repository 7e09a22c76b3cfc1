"""Benchmarks: each measures us beside a named yardstick in the same run and prints the ratio."""
