"""Benchmarks, whose results are in docs/benchmarks.

`python -m benchmarks.NAME --help`, in the repository's root, lists the options of each.
"""
