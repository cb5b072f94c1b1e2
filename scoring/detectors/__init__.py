"""What can be wrong with an answer whatever was asked: no end, no content, a refusal, a leak, a copy of the data."""
