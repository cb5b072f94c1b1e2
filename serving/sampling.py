"""Choosing the next token, as OpenAI's parameters ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

COLDEST = 1e-5
"""Below, the most likely token is taken: fp32 has no room for logits that are divided by less."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How one sequence draws its tokens; the defaults are OpenAI's."""

    temperature: float = 1.0
    """0 takes the most likely token."""
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None
    top_logprobs: int | None = None
    """Alternatives reported with each token; None: no log-probabilities at all."""

    @property
    def is_plain_greedy(self) -> bool:
        """True when the token is simply the arg max and nothing is reported."""
        return (
            self.temperature == 0
            and not self.presence_penalty
            and not self.frequency_penalty
            and not self.logit_bias
            and self.top_logprobs is None
        )


@dataclass(frozen=True)
class Picked:
    """One chosen token; `logprob` and `top` under the model's own distribution, before temperature and penalties."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Drawer:
    """Draws the tokens of one sequence: its random stream and its counts of what was said."""

    def __init__(self, sampling: Sampling, device: torch.device) -> None:
        self._sampling = sampling
        self._generator = torch.Generator(device=device)
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed)
        self._counts: dict[int, int] = {}

    def draw(self, logits: torch.Tensor, allowed: torch.Tensor | None = None) -> Picked:
        """Choose from `logits`, [vocabulary] fp32, or from `allowed`, where what an answer's form forbids is out."""
        token = self._choose(self._adjusted(logits if allowed is None else allowed))
        self._counts[token] = self._counts.get(token, 0) + 1
        return self._report(logits, token)

    def _choose(self, logits: torch.Tensor) -> int:
        sampling = self._sampling
        if sampling.temperature < COLDEST:
            return int(logits.argmax())
        probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
        if sampling.top_p >= 1:
            return int(torch.multinomial(probabilities, 1, generator=self._generator))
        ordered, tokens = probabilities.sort(descending=True)
        # A token stays while those before it hold less than top_p; the first one always does, also where that is 0.
        left_out = ordered.cumsum(-1) - ordered >= sampling.top_p
        left_out[0] = False
        ordered[left_out] = 0
        return int(tokens[torch.multinomial(ordered, 1, generator=self._generator)])

    def _adjusted(self, logits: torch.Tensor) -> torch.Tensor:
        sampling = self._sampling
        penalised = self._counts and (sampling.presence_penalty or sampling.frequency_penalty)
        if not penalised and not sampling.logit_bias:
            return logits
        logits = logits.clone()
        if penalised:
            tokens = torch.tensor(list(self._counts), device=logits.device)
            counts = torch.tensor(list(self._counts.values()), device=logits.device, dtype=logits.dtype)
            logits[tokens] -= sampling.presence_penalty + sampling.frequency_penalty * counts
        if sampling.logit_bias:
            tokens = torch.tensor(list(sampling.logit_bias), device=logits.device)
            bias = torch.tensor(list(sampling.logit_bias.values()), device=logits.device, dtype=logits.dtype)
            logits[tokens] += bias
        return logits

    def _report(self, logits: torch.Tensor, token: int) -> Picked:
        if self._sampling.top_logprobs is None:
            return Picked(token)
        logprobs = torch.log_softmax(logits, dim=-1)
        best = logprobs.topk(self._sampling.top_logprobs)
        top = tuple(zip(best.indices.tolist(), best.values.tolist(), strict=True))
        return Picked(token, float(logprobs[token]), top)
