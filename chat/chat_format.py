"""The one meaning of a conversation for one model: template, ids, mask and stop tokens, with one hash over all."""

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from chat.builtin_templates import BUILTIN_TEMPLATES, builtin_for
from chat.control import ControlTokens, Piece, free_marks, pieces_of, unescape_marks
from chat.conversation import Conversation, Message, WrittenMessage
from chat.encoding import PieceIds, StreamDecoder, TextEncoder
from chat.errors import ChatError
from chat.folder import ChatFolder, read_folder, write_folder
from chat.messages import message
from chat.rendered import Located, Rendered, spans_of
from chat.sandbox import Template
from chat.stepwise import Stepwise
from chat.system_choice import MODEL_DEFAULT, SystemChoice, find_own_prompt, with_custom_prompt, without_own_prompt

BATCH = 128
"""Conversations tokenised together by `render_many`."""
MANY_ANSWERS = 16
"""Beyond that many answers in one conversation, they are found by their headers, in linear time."""
_PROBE = "Qx7answerQx7"
STEP_PROBES: tuple[tuple[tuple[str, str], ...], ...] = (
    (("user", " Q1\n"), ("assistant", "A1"), ("user", "Q2"), ("assistant", "\nA2 ")),
    (("system", " S "), ("user", "Q1"), ("assistant", "A1"), ("user", "Q2"), ("assistant", "")),
    (("user", "Q"), ("user", "Q"), ("assistant", "A"), ("system", "S"), ("assistant", "A")),
)
"""Conversations by which a template's steps are held to the template itself."""


class ChatFormat:
    """Turns conversations into token ids, and ids into text. Load it with `ChatFormat.load`; thread-safe."""

    def __init__(self, folder: ChatFolder, template_source: str) -> None:
        """Use `template_source`, with the system prompt's choice baked in, with the tokenizer of `folder`."""
        self._folder = folder
        self._template = Template(template_source)
        self.template_source = template_source
        added = _added_tokens(folder.tokenizer_json)
        self._control = ControlTokens.of(added, template_source)
        self._encoder = TextEncoder(folder.tokenizer_json, self._control)
        self._tokenizer = self._encoder.tokenizer
        self.vocab_size: int = self._tokenizer.get_vocab_size(with_added_tokens=True)
        self.answer_header = self._find_answer_header()
        self.stepwise = self._find_steps()
        self.stop_ids = self._find_stop_ids()
        self.eos_id: int = self._find_eos_id()
        self.pad_id: int = self._find_pad_id()
        self.own_system_prompt = _own_prompt_text(template_source, self)
        self.hash = self._find_hash()
        self._start_ids = self._encoder.start_ids()

    @classmethod
    def load(cls, folder: Path, *, system: SystemChoice = MODEL_DEFAULT, template: str | None = None) -> Self:
        """Read a model's folder. `template` is a built-in's name or Jinja source and replaces the model's own.

        Raises ChatError: no tokenizer, no template that fits, or a choice of system prompt that cannot be had.
        """
        files = read_folder(folder)
        source = BUILTIN_TEMPLATES.get(template, template) if template is not None else files.template
        plain = cls(files, source if source is not None else BUILTIN_TEMPLATES[_builtin(files)])
        if system.kind == "model_default":
            return plain
        baked = _baked(plain, system)
        return plain if baked == plain.template_source else cls(files, baked)

    def text(self, conversation: Conversation, *, generation_prompt: bool) -> str:
        """Return the text that the template writes."""
        self._check_tools(conversation)
        return self._render(conversation.for_template(), conversation.tools, generation_prompt)

    def prompt_ids(self, conversation: Conversation) -> list[int]:
        """Return the ids that the assistant's next message follows."""
        located = self._locate(conversation, generation_prompt=True)
        pieces = [piece for segment in self._segments(located) for piece in segment]
        return [token for found in self._encoder.encode_pieces(pieces) for token in found.ids]

    def render(self, conversation: Conversation) -> Rendered:
        """Return the ids of a whole conversation and which of them are learned: each answer and its end of turn."""
        return next(self.render_many([conversation]))

    def render_many(self, conversations: Iterable[Conversation]) -> Iterator[Rendered]:
        """Yield `render` of each conversation in order, tokenised in batches; memory stays that of one batch."""
        pending = iter(conversations)
        while batch := list(itertools.islice(pending, BATCH)):
            located = [self._locate(conversation, generation_prompt=False) for conversation in batch]
            segments = [self._segments(item) for item in located]
            pieces = [piece for parts in segments for segment in parts for piece in segment]
            encoded = iter(self._encoder.encode_pieces(pieces))
            for conversation, item, parts in zip(batch, located, segments, strict=True):
                found = [list(itertools.islice(encoded, len(segment))) for segment in parts]
                yield self._rendered(conversation, item, found)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a bare text; control tokens in it count as such and nothing is added around it."""
        return self._encoder.encode(text)

    def encode_documents(self, texts: Sequence[str], *, are_whole: bool = True) -> list[list[int]]:
        """Return the ids of plain texts, in which nothing counts as a control token.

        Whole texts are placed between what the tokenizer puts before a text and the end token; nothing is put
        around parts of a text.
        """
        pieces = [self._document_pieces(text) for text in texts]
        found = iter(self._encoder.encode_pieces([piece for parts in pieces for piece in parts]))
        bare = [list(itertools.chain.from_iterable(next(found).ids for _ in parts)) for parts in pieces]
        return [[*self._start_ids, *ids, self.eos_id] for ids in bare] if are_whole else bare

    def _document_pieces(self, text: str) -> list[Piece]:
        if not self._control.occur_in(text):
            return pieces_of(text, None, 0)
        marks = free_marks([text])
        return pieces_of(self._control.mark(text, marks), marks, 0)

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of many texts in which control tokens count as such, each as inside a whole text."""
        return self._encoder.encode_texts(texts)

    def imitates_control(self, text: str) -> bool:
        """Return whether a message's text holds, or could form, a control token."""
        return self._control.occur_in(text)

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Return the text of `ids`."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=skip_special))

    def stream_decoder(self) -> StreamDecoder:
        """Return a decoder for one answer's ids as they come."""
        return StreamDecoder(self._tokenizer)

    def save(self, folder: Path) -> None:
        """Write files from which `load` gives an equal hash, and plain Transformers the same `prompt_ids`."""
        write_folder(folder, self._folder, template=self.template_source, stop_ids=self.stop_ids, pad_id=self.pad_id)

    def _render(self, messages: list[WrittenMessage], tools: Sequence[Any], generation_prompt: bool) -> str:
        return _render_with(self._template, self._folder.special_tokens, messages, generation_prompt, tools)

    def _check_tools(self, conversation: Conversation) -> None:
        """Refuse what the template would silently leave out."""
        if conversation.tools and "tools" not in self.template_source:
            raise ChatError(message("template_without_tools"), code="tools_unsupported", field="tools")
        for number, turn in enumerate(conversation.messages):
            if turn.tool_calls and "tool_calls" not in self.template_source:
                raise ChatError(
                    message("template_without_tool_calls"),
                    code="tools_unsupported",
                    field=f"messages[{number}].tool_calls",
                )

    def _locate(self, conversation: Conversation, *, generation_prompt: bool) -> Located:
        """Render the conversation and find where each answer begins."""
        self._check_tools(conversation)
        messages: list[WrittenMessage] = conversation.for_template()
        tools: Sequence[Any] = conversation.tools
        marks = None
        if self._control.occur_anywhere([messages, tools]):
            marks = free_marks([messages, tools])
            messages = self._control.mark(messages, marks)
            tools = self._control.mark(tools, marks)
        text = self._rendered_text(messages, tools, generation_prompt, marks)
        numbers = [number for number, turn in enumerate(messages) if turn["role"] == "assistant"]
        places = self._places_of_headers(text, len(numbers), generation_prompt) if len(numbers) > MANY_ANSWERS else None
        if places is None:
            # Exact for any template, at one rendering per answer.
            prompts = [
                self._rendered_text(messages[:number], tools, True, marks) if number else "" for number in numbers
            ]
            places = [len(prompt) if text.startswith(prompt) else 0 for prompt in prompts]
        answers = tuple((number, place) for number, place in zip(numbers, places, strict=True) if number and place)
        return Located(text, answers, marks, messages)

    def _places_of_headers(self, text: str, num_answers: int, generation_prompt: bool) -> list[int] | None:
        """Return where answers begin, by the header that asks for one; None where that is not certain.

        A header with a control token cannot be imitated: in a message such a token is between marks.
        """
        if self._control.first_in(self.answer_header) is None:
            return None
        places = [match.end() for match in re.finditer(re.escape(self.answer_header), text)]
        return places[:num_answers] if len(places) == num_answers + generation_prompt else None

    def _rendered_text(
        self, messages: list[WrittenMessage], tools: Sequence[Any], generation_prompt: bool, marks: Any
    ) -> str:
        text = self._render(messages, tools, generation_prompt)
        return unescape_marks(text, marks) if marks else text

    def _segments(self, located: Located) -> list[list[Piece]]:
        """Cut the text where an answer begins: a model writes it after its prompt's ids, so no token may span both."""
        cuts = [0, *(place for _, place in located.answers), len(located.text)]
        return [pieces_of(located.text[start:end], located.marks, start) for start, end in itertools.pairwise(cuts)]

    def _rendered(self, conversation: Conversation, located: Located, found: list[list[PieceIds]]) -> Rendered:
        ids: list[int] = []
        trained: list[bool] = []
        ends: dict[int, tuple[int, int]] = {}
        numbers = [None, *(number for number, _ in located.answers)]
        for number, segment in zip(numbers, found, strict=True):
            start = len(ids)
            ids += [token for piece in segment for token in piece.ids]
            trained += [False] * (len(ids) - start)
            if number is not None:
                end = self._end_of_turn(ids, start, number)
                ends[number] = (start, end)
                if conversation.messages[number].is_trained:
                    trained[start:end] = [True] * (end - start)
        self._check_all_found(conversation.messages, ends)
        return Rendered(ids=ids, trained=trained, spans=spans_of(located, found, ends))

    def _end_of_turn(self, ids: list[int], start: int, number: int) -> int:
        """Return the place after the first stop token from `start` on."""
        for place in range(start, len(ids)):
            if ids[place] in self.stop_ids:
                return place + 1
        raise ChatError(
            message("template_without_end_of_turn").followed_by(message("choose_builtin_template")),
            field=f"messages[{number}]",
        )

    def _check_all_found(self, messages: Sequence[Message], found: dict[int, tuple[int, int]]) -> None:
        for number, turn in enumerate(messages):
            if turn.is_trained and number not in found:
                raise ChatError(
                    message("template_rewrites_answers").followed_by(message("weight_0_or_builtin_template")),
                    field=f"messages[{number}]",
                )

    def _find_answer_header(self) -> str:
        """Return what the template writes to ask for an answer; empty where it is not simply appended."""
        messages: list[WrittenMessage] = [{"role": "user", "content": "Q"}]
        asked, told = self._render(messages, (), True), self._render(messages, (), False)
        return asked.removeprefix(told) if asked.startswith(told) else ""

    def _find_steps(self) -> Stepwise | None:
        """Return the template in steps where they write what the template writes, and texts are encoded alike."""
        if not self._encoder.is_uniform:
            return None
        steps = Stepwise(self.template_source, self._folder.special_tokens)
        for probe in STEP_PROBES:
            written = steps.write(probe)
            if written is None:
                continue
            messages: list[WrittenMessage] = [{"role": role, "content": content} for role, content in probe]
            try:
                if "".join(written) != self._render(messages, (), False):
                    return None
            except ChatError:
                return None
        return steps

    def _find_stop_ids(self) -> tuple[int, ...]:
        ids = set(self._folder.eos_ids)
        eos = self._tokenizer.token_to_id(self._folder.special_tokens.get("eos_token", ""))
        ids |= {eos} if eos is not None else set()
        end = self._end_after_answer()
        ids |= {end} if end is not None else set()
        if not ids:
            raise ChatError(message("no_stop_token"))
        return tuple(sorted(ids))

    def _end_after_answer(self) -> int | None:
        """Return the first control token that the template writes after an answer."""
        messages: list[WrittenMessage] = [
            {"role": "user", "content": "Q"},
            {"role": "assistant", "content": _PROBE},
        ]
        after = self._render(messages, (), False).partition(_PROBE)[2]
        found = self._control.first_in(after)
        return self._tokenizer.token_to_id(found) if found else None

    def _find_eos_id(self) -> int:
        eos = self._tokenizer.token_to_id(self._folder.special_tokens.get("eos_token", ""))
        return eos if eos is not None else self.stop_ids[0]

    def _find_pad_id(self) -> int:
        pad = self._tokenizer.token_to_id(self._folder.special_tokens.get("pad_token", ""))
        return pad if pad is not None else self.eos_id

    def _find_hash(self) -> str:
        digest = hashlib.sha256()
        special = json.dumps(self._folder.special_tokens, sort_keys=True).encode()
        stops = json.dumps(self.stop_ids).encode()
        for part in (self.template_source.encode(), self._folder.tokenizer_json, special, stops):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.hexdigest()


def _render_with(
    template: Template,
    special_tokens: dict[str, str],
    messages: list[WrittenMessage],
    generation_prompt: bool,
    tools: Sequence[Any] = (),
) -> str:
    return template.render(
        input_chars=sum(len(turn["content"] or "") + 100 for turn in messages) + 1000 * len(tools),
        messages=messages,
        tools=list(tools) or None,
        documents=None,
        add_generation_prompt=generation_prompt,
        **special_tokens,
    )


def _added_tokens(tokenizer_json: bytes) -> list[dict[str, Any]]:
    try:
        return list(json.loads(tokenizer_json).get("added_tokens") or [])
    except (ValueError, AttributeError, RecursionError) as error:
        raise ChatError(message("tokenizer_not_json"), code="tokenizer_invalid") from error


def _builtin(files: ChatFolder) -> str:
    return builtin_for({token["content"] for token in _added_tokens(files.tokenizer_json)})


def _source_renderer(plain: ChatFormat) -> Any:
    special = plain._folder.special_tokens

    def render(source: str, messages: list[WrittenMessage], prompt: bool = False, tools: Sequence[Any] = ()) -> str:
        template = plain._template if source == plain.template_source else Template(source)
        return _render_with(template, special, messages, prompt, tools)

    return render


def _own_prompt(plain: ChatFormat) -> Any:
    return find_own_prompt(plain.template_source, _source_renderer(plain), plain._control)


def _own_prompt_text(source: str, plain: ChatFormat) -> str | None:
    own = _own_prompt(plain)
    return own.text if own is not None else None


def _baked(plain: ChatFormat, system: SystemChoice) -> str:
    source, render = plain.template_source, _source_renderer(plain)
    if system.kind == "custom":
        return _with_custom(plain, system.text, render)
    own = _own_prompt(plain)
    return source if own is None else without_own_prompt(source, own, render, BUILTIN_TEMPLATES)


def _with_custom(plain: ChatFormat, text: str, render: Any) -> str:
    if plain._control.occur_in(text):
        raise ChatError(message("control_token_in_system").followed_by(message("remove_it")), field="system")
    baked = with_custom_prompt(plain.template_source, text)
    user = {"role": "user", "content": "Q"}
    expected = render(plain.template_source, [{"role": "system", "content": text}, user])
    if text.strip() in expected and render(baked, [user]) == expected:
        return baked
    raise ChatError(message("system_prompt_unsupported"), field="system")
