"""A conversation as a model sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """Token ids with the mask of what is learned."""

    ids: list[int]
    trained: list[bool]
    """As long as `ids`: True where the token itself is learned."""
    spans: tuple[tuple[int, int, str], ...]
    """(start, end, role) of each message, in token positions; an assistant's span is what a training may learn."""

    @property
    def num_trained(self) -> int:
        """Return how many tokens are learned."""
        return sum(self.trained)

    def truncate(self, max_len: int) -> "Rendered":
        """Keep the first `max_len` tokens; an answer cut short loses its end-of-turn token with the rest."""
        if len(self.ids) <= max_len:
            return self
        spans = tuple((start, min(end, max_len), role) for start, end, role in self.spans if start < max_len)
        return Rendered(ids=self.ids[:max_len], trained=self.trained[:max_len], spans=spans)
