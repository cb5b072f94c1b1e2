"""Where the bytes of files lie: how they come in, are kept, are made of others and go."""
