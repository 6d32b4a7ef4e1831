"""The smallest deviation that features are divided by."""

SMALLEST_DEVIATION = 1e-5
"""Divisor of columns that are nearly constant, which would otherwise be divided by zero."""
