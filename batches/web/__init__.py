"""Batches over HTTP and on pages."""
