"""Damaged input of every kind; each input must give a result or a typed error."""
