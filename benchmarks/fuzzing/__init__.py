"""Damaged input of every kind, and the one answer that is allowed: a result or a typed error."""
