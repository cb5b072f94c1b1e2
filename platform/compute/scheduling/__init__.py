"""The scheduler at work: what it sees, and its decisions carried out."""
