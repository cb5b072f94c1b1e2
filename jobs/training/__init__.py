"""From a job that was asked for to its end: its data is read, attempts are queued, run, recorded and concluded."""
