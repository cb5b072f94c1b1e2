"""The check of a file: one pass over its bytes, a verdict, its faults and the index of its rows."""
