"""Turns pieces of a rendered text into the token ids that the whole text would give, and ids back into text."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from tokenizers import Encoding, Tokenizer

from chat.control import ControlTokens, Piece
from chat.errors import ChatError
from chat.messages import message

# Texts after which a piece is tokenised as inside a text; the first that does not merge with the piece is taken.
_ANCHORS = ("\n", ":", "x", "~")
# More tokens than a character can have: what is no character by then never will be.
_MAX_HALF = 8
CACHED_WORDS = 100_000
"""About 10 MB."""


class TextEncoder:
    """Encodes pieces of text one by one or in batches."""

    def __init__(self, tokenizer_json: bytes, control: ControlTokens) -> None:
        """`tokenizer_json` holds a `tokenizers` file; ChatError when it cannot be read."""
        try:
            self.tokenizer = _bare(tokenizer_json)
        # The library raises a plain Exception.
        except Exception as error:
            reason = message("tokenizer_unreadable", reason=str(error)[:200])
            raise ChatError(reason, code="tokenizer_invalid") from error
        self._tokenizer_json, self._control = tokenizer_json, control
        self._control_ids = {self.tokenizer.token_to_id(token) for token in control.tokens} - {None}
        self._needs_anchor = self._changes_at_start()

    @cached_property
    def _plain(self) -> Tokenizer:
        # Made only when a text imitates a control token: it costs as much memory as the tokenizer itself.
        return _bare(_without_tokens(self._tokenizer_json, self._control))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text in which control tokens count as such; nothing is added around it."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def start_ids(self) -> list[int]:
        """Return what the tokenizer itself puts before a text, such as a begin token."""
        alone = self.encode("a")
        whole = list(self.tokenizer.encode("a", add_special_tokens=True).ids)
        starts = [place for place in range(len(whole)) if whole[place : place + len(alone)] == alone]
        return whole[: starts[0]] if starts else []

    @property
    def is_uniform(self) -> bool:
        """True where the start of a text is tokenised as its middle is."""
        return not self._needs_anchor

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, without anything added around it; for an encoder that is uniform."""
        return [found.ids for found in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encode_pieces(self, pieces: Sequence[Piece]) -> "list[PieceIds]":
        """Return the ids of each piece, in order."""
        if any(piece.is_plain for piece in pieces) or self._needs_anchor:
            return [self._encode_piece(piece) for piece in pieces]
        encodings = self.tokenizer.encode_batch([piece.text for piece in pieces], add_special_tokens=False)
        return [
            PieceIds(piece, encoding.ids, encoding, 0, 0) for piece, encoding in zip(pieces, encodings, strict=True)
        ]

    def _encode_piece(self, piece: Piece) -> "PieceIds":
        if not piece.is_plain:
            return self._anchored(self.tokenizer, piece)
        found = self._anchored(self._plain, piece)
        if self._control_ids.isdisjoint(found.ids):
            return found
        # Some vocabularies hold the token as an ordinary word too; its letters one by one cannot make it.
        letters = [self._anchored(self._plain, replace(piece, text=letter)).ids for letter in piece.text]
        ids = [token for letter in letters for token in letter]
        if self._control_ids.isdisjoint(ids):
            return PieceIds(piece, ids, None, 0, 0)
        alike = message("control_token_in_text", text=repr(piece.text[:40]))
        raise ChatError(alike.followed_by(message("remove_it")))

    def _anchored(self, tokenizer: Tokenizer, piece: Piece) -> "PieceIds":
        if piece.is_fresh or not self._needs_anchor:
            encoding = tokenizer.encode(piece.text, add_special_tokens=False)
            return PieceIds(piece, encoding.ids, encoding, 0, 0)
        for anchor in _ANCHORS:
            before = tokenizer.encode(anchor, add_special_tokens=False).ids
            encoding = tokenizer.encode(anchor + piece.text, add_special_tokens=False)
            if encoding.ids[: len(before)] == before:
                return PieceIds(piece, encoding.ids[len(before) :], encoding, len(before), len(anchor))
        encoding = tokenizer.encode(piece.text, add_special_tokens=False)
        return PieceIds(piece, encoding.ids, encoding, 0, 0)

    def _changes_at_start(self) -> bool:
        """Return whether the tokenizer treats the start of a text unlike its middle (SentencePiece's prefix space)."""
        for probe in ("a", "Hello", "你"):
            alone = self.encode(probe)
            for anchor in ("\n", ":"):
                before = self.encode(anchor)
                inside = self.encode(anchor + probe)
                if inside[: len(before)] == before and inside[len(before) :] == alone:
                    break
            else:
                return True
        return False


class PieceIds:
    """The ids of one piece, able to find a character's token."""

    def __init__(
        self, piece: Piece, ids: list[int], encoding: Encoding | None, num_before: int, chars_before: int
    ) -> None:
        self.piece, self.ids = piece, ids
        self._encoding, self._num_before, self._chars_before = encoding, num_before, chars_before

    def token_at(self, place: int) -> int:
        """Return the index of the token that holds the character at `place` of the whole text, or the next one."""
        at = max(place - self.piece.start, 0)
        if self._encoding is None:
            return 0 if at < len(self.piece.text) else len(self.ids)
        while at < len(self.piece.text):
            found = self._encoding.char_to_token(at + self._chars_before)
            if found is not None:
                return max(found - self._num_before, 0)
            at += 1
        return len(self.ids)


class StreamDecoder:
    """Turns ids into text as they come: whole characters only, spaces as in the whole text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._start = 0
        self._done = 0

    def push(self, token: int, /) -> str:
        """Take one more id; return the text that is now certain, often "" in the middle of a character."""
        self._ids.append(token)
        return self._take(final=False)

    def flush(self) -> str:
        """Return what is left at the end; half a character becomes U+FFFD."""
        return self._take(final=True)

    def _take(self, *, final: bool) -> str:
        # Decoding starts a little earlier than what is new, since a token's space depends on the one before it.
        before = self._tokenizer.decode(self._ids[self._start : self._done], skip_special_tokens=True)
        now = self._tokenizer.decode(self._ids[self._start :], skip_special_tokens=True)
        is_half = now.endswith("\ufffd") and len(self._ids) - self._done < _MAX_HALF
        if len(now) <= len(before) or (is_half and not final):
            return ""
        self._start, self._done = self._done, len(self._ids)
        return now[len(before) :]


def _bare(tokenizer_json: bytes) -> Tokenizer:
    tokenizer = Tokenizer.from_str(tokenizer_json.decode())
    # A file may ask for both; a conversation is never cut or filled up behind our back.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # Words seen before are looked up; the library's own 10,000 are few for a data set, and more are a fifth quicker.
    resize = getattr(tokenizer.model, "_resize_cache", None)
    if resize is not None:
        resize(CACHED_WORDS)
    return tokenizer


def _without_tokens(tokenizer_json: bytes, control: ControlTokens) -> bytes:
    """Return the tokenizer without its control tokens, so that none of them can match in a text."""
    description: dict[str, Any] = json.loads(tokenizer_json)
    description["added_tokens"] = [
        token for token in description.get("added_tokens") or [] if token["content"] not in control.tokens
    ]
    # What it would add around a text may refer to the tokens that are gone; it is never used.
    description["post_processor"] = None
    return json.dumps(description, ensure_ascii=False).encode()
