"""Stored files as rows: whole, or a page at a time."""
