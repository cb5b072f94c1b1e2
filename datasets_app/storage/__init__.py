"""Where the bytes of files are stored: how they are received, kept, made from others and deleted."""
