"""Placed marks become bytes: one module a format.  A writer decides nothing about a page."""
