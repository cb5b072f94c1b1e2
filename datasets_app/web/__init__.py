"""What the network sees of data sets: pages, APIs, and the ways in for large bodies."""
