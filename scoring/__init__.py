"""What a model's answers are worth: measures, intervals, what went wrong, and the verdict on a training.

Pure functions over frozen dataclasses: no Django, no PyTorch. sacrebleu, rapidfuzz and jsonschema are imported by the
function that needs them, so that a web process which only reads results never pays for them.
"""
