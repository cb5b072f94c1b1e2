"""A Llama model in a GGUF file, made into what trainer and engines read: `python -m catalogue.conversion FILE FOLDER`.

Numpy alone, and a process of its own: it takes seconds of a core and some hundred megabytes, which a web or Celery
process should not hold.
"""
