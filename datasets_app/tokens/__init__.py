"""Files as tokens: caches for trainings, what a model sees of a row, how long rows are."""
