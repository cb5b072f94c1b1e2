"""Files made of files: repairs, readings, parts, mixtures, and what distinguishes them."""
