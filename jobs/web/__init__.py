"""What the network sees of jobs: pages and APIs, and what they show."""
