"""Models made into what trainer and engines read: a Llama in a GGUF file, or a first-generation Qwen folder.

Numpy alone, in its own process: it takes seconds of a core and some hundred megabytes, which a web or Celery
process should not hold.
"""
