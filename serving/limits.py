"""What the options of a request may be. No torch and no Django: the platform describes its API by them."""

MAX_CHOICES = 8
"""Answers to one request."""
MAX_STOPS = 4
MAX_BIASES = 1024
"""Tokens in logit_bias."""
BIAS = (-100, 100)
NUMBERS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
"""The least and the most of each option that is a number."""
MAX_TOKENS = (1, 2**31 - 1)
WHOLE_NUMBERS: dict[str, tuple[int, int]] = {
    "n": (1, MAX_CHOICES),
    "seed": (-(2**63), 2**63 - 1),
    "max_tokens": MAX_TOKENS,
    "max_completion_tokens": MAX_TOKENS,
    "top_logprobs": (0, 20),
    "best_of": (1, MAX_CHOICES),
}
"""The least and the most of each option that is a whole number."""
SERVICE_TIERS = ("auto", "default")
TOOL_CHOICES = ("auto", "none", "required")
RESPONSE_FORMATS = ("text", "json_object", "json_schema")
MODALITIES = ["text"]
