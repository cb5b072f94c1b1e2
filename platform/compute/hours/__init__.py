"""Accelerator-hours: what was taken and held, the limit of a month, and the proof that the ledger agrees."""
