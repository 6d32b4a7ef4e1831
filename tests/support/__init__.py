"""Fixtures that several test folders share; a conftest.py imports what its folder needs."""
