"""When waiting Runs should start, and what would let them start sooner."""
