"""What a training would take: the facts it depends on, memory by arithmetic, time by what was seen."""
