"""What `benchmarks/features.py` runs: comparisons as data, their measurement, and the report."""
