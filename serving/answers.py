"""From a checked request to a response: prompts, sequences, and what they say as it comes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from chat import ChatError, ToolCall, parse_messages
from serving.call_forms import family_of
from serving.constraints import Constraint
from serving.engine import Piece, Sequence
from serving.faults import RequestError
from serving.form_compiler import FormCompiler
from serving.messages import message
from serving.replica import Replica, ServedModel
from serving.requests import AnswerRequest, ChatRequest, TextRequest
from serving.responses import DONE, Finished, Usage, Writer, event
from serving.sampling import Picked
from serving.tool_calls import CallReader
from serving.wire import ChatChunk, ChatCompletion, TextChunk, TextCompletion


class ClientGone(Exception):
    """This answer is no longer being read."""


@dataclass(frozen=True)
class Line:
    """What choice `index` said."""

    index: int
    piece: Piece


class Answer:
    """The running sequences of one request."""

    def __init__(
        self,
        replica: Replica,
        request: AnswerRequest,
        served: ServedModel,
        prompts: list[list[int]],
        constraint: Constraint | None = None,
    ) -> None:
        self.request = request
        self._constraint = constraint
        self.served = served
        self.writer = Writer(
            model=request.shown_name,
            is_chat=isinstance(request, ChatRequest),
            is_legacy=isinstance(request, ChatRequest) and request.is_legacy,
            show=lambda token: served.chat.decode([token]),
        )
        self._replica = replica
        self._lines: asyncio.Queue[Line | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._prompt_tokens = sum(map(len, prompts))
        numbered = [(prompt, choice) for prompt in prompts for choice in range(request.num_choices)]
        self.sequences = [self._sequence(index, *entry) for index, entry in enumerate(numbered)]

    @property
    def usage(self) -> Usage:
        return Usage(prompt=self._prompt_tokens, completion=sum(s.num_generated for s in self.sequences))

    @property
    def wants_logprobs(self) -> bool:
        return self.request.sampling.top_logprobs is not None

    def call_reader(self) -> CallReader | None:
        """Return what finds calls; None without tools, or where the model's way of writing them is not known."""
        family = family_of(self.served.template)
        if not isinstance(self.request, ChatRequest) or not self.request.tools or family is None:
            return None
        return CallReader(family, {tool["function"]["name"] for tool in self.request.tools})

    async def lines(self, receive: Callable[[], Awaitable[Any]]) -> AsyncGenerator[Line, None]:
        """Generate; yield until every choice has finished. A client that leaves stops the generation at once."""
        watch = asyncio.create_task(self._watch(receive))
        self._replica.engine.submit(self.sequences)
        left = len(self.sequences)
        try:
            while left:
                line = await self._lines.get()
                if line is None:
                    raise ClientGone
                if line.piece.finish_reason == "error":
                    raise RequestError(
                        line.piece.message or message("answer_engine_failed"),
                        status=503,
                        type="server_error",
                        code="generation_failed",
                    )
                left -= line.piece.finish_reason is not None
                yield line
        finally:
            self._replica.engine.cancel(self.sequences)
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    def _sequence(self, index: int, prompt: list[int], choice: int) -> Sequence:
        request, chat = self.request, self.served.chat
        sampling = request.sampling
        if sampling.seed is not None and choice:
            # Each choice has its own stream of random numbers, and the same ones every time.
            sampling = replace(sampling, seed=(sampling.seed + choice) % 2**63)
        return Sequence(
            prompt=prompt,
            adapter=self.served.adapter,
            sampling=sampling,
            max_tokens=request.max_tokens or self._replica.engine.loaded.max_model_len - len(prompt),
            stop_ids=frozenset(chat.stop_ids),
            decoder=chat.stream_decoder(),
            stops=request.stops,
            constraint=None if self._constraint is None else self._constraint.another(),
            emit=lambda piece: self._put(Line(index, piece)),
            is_background=request.is_background,
        )

    def _put(self, line: Line | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)

    async def _watch(self, receive: Callable[[], Awaitable[Any]]) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._lines.put_nowait(None)


def prompts_of(replica: Replica, request: ChatRequest | TextRequest, served: ServedModel) -> list[list[int]]:
    """Return the token ids of each prompt; RequestError when they cannot be rendered or are too long."""
    if isinstance(request, TextRequest):
        prompts = [served.encode(prompt) for prompt in request.prompts]
    else:
        prompts = [_chat_prompt(request, served)]
    _check_bias(replica, request)
    for prompt in prompts:
        if not prompt:
            raise RequestError(message("prompt_empty"), param="prompt")
        _check_length(prompt, request.max_tokens, replica.engine.loaded.max_model_len)
    return prompts


def constraint_of(compiler: FormCompiler, request: ChatRequest | TextRequest, served: ServedModel) -> Constraint | None:
    """Return what the answers are held to; RequestError where no answer can be."""
    if not isinstance(request, ChatRequest) or request.form is None:
        return None
    return compiler.constraint(request.form, served)


async def whole(answer: Answer, receive: Callable[[], Awaitable[Any]]) -> ChatCompletion | TextCompletion:
    """Return the body of a response that is not streamed."""
    texts = ["" for _ in answer.sequences]
    picked: list[list[Picked]] = [[] for _ in answer.sequences]
    finish_reasons = ["stop" for _ in answer.sequences]
    async with contextlib.aclosing(answer.lines(receive)) as lines:
        async for line in lines:
            texts[line.index] += line.piece.text
            picked[line.index].extend(line.piece.tokens)
            finish_reasons[line.index] = line.piece.finish_reason or "stop"
    choices: list[Finished] = []
    for index, text in enumerate(texts):
        reader = answer.call_reader()
        rest, calls = (text, []) if reader is None else reader.split(text)
        tokens = picked[index] if answer.wants_logprobs else None
        reason = answer.writer.called if calls else finish_reasons[index]
        choices.append(Finished(index=index, text=rest, tool_calls=calls, picked=tokens, reason=reason))
    return answer.writer.whole(choices, answer.usage)


async def stream(answer: Answer, receive: Callable[[], Awaitable[Any]]) -> AsyncGenerator[bytes, None]:
    """Yield the server-sent events of an answer; an error ends the stream with an error event.

    For the gateway the usage always comes, and is marked as an error is: it need not read anything else.
    """
    writer, with_usage = answer.writer, answer.request.include_usage
    is_for_gateway = bool(answer.request.public_name)
    voices = [_Voice(answer, index) for index in range(len(answer.sequences))]
    if writer.is_chat:
        for voice in voices:
            yield event(writer.opening(voice.index, with_usage=with_usage))
    try:
        async with contextlib.aclosing(answer.lines(receive)) as lines:
            async for line in lines:
                for chunk in voices[line.index].chunks(line.piece):
                    yield event(chunk)
    except RequestError as error:
        yield event(error.to_json(), mark="error" if is_for_gateway else "")
        return
    except ClientGone:
        return
    if with_usage or is_for_gateway:
        yield event(writer.usage(answer.usage), mark="usage" if is_for_gateway else "")
    yield DONE


class _Voice:
    """One choice of a streamed answer; text that may be a tool call waits until it is whole."""

    def __init__(self, answer: Answer, index: int) -> None:
        self.index = index
        self._answer = answer
        self._reader = answer.call_reader()
        self._unsent: list[Picked] = []

    def chunks(self, piece: Piece) -> list[ChatChunk | TextChunk]:
        writer, with_usage = self._answer.writer, self._answer.request.include_usage
        self._unsent.extend(piece.tokens)
        text = piece.text if self._reader is None else self._reader.push(piece.text)
        calls: list[ToolCall] = []
        if piece.finish_reason is not None and self._reader is not None:
            rest, calls = self._reader.end()
            text += rest
        chunks = []
        if text or (piece.finish_reason is not None and self._unsent):
            picked = self._unsent if self._answer.wants_logprobs else None
            chunks.append(writer.text(self.index, text, picked=picked, with_usage=with_usage))
            self._unsent = []
        if calls:
            chunks.append(writer.calls(self.index, calls, with_usage=with_usage))
        if piece.finish_reason is not None:
            chunks.append(
                writer.closing(self.index, writer.called if calls else piece.finish_reason, with_usage=with_usage)
            )
        return chunks


def _chat_prompt(request: ChatRequest, served: ServedModel) -> list[int]:
    if request.tools and "tools" not in served.template:
        raise RequestError(
            message("replica_template_without_tools", model=request.shown_name),
            param="tools",
            code="unsupported_parameter",
        )
    try:
        return served.chat.prompt_ids(parse_messages(request.messages, request.tools))
    except ChatError as error:
        raise RequestError(error.message, param="messages") from error


def _check_length(prompt: list[int], max_tokens: int | None, most: int) -> None:
    wanted = max_tokens or 1
    if len(prompt) + wanted <= most:
        return
    raise RequestError(
        message(
            "context_length_exceeded",
            most=most,
            tokens=len(prompt) + wanted,
            prompt=len(prompt),
            completion=wanted,
        ),
        param="messages",
        code="context_length_exceeded",
    )


def _check_bias(replica: Replica, request: AnswerRequest) -> None:
    size = replica.engine.loaded.vocab_size
    for token in request.sampling.logit_bias:
        if token >= size:
            raise RequestError(message("logit_bias_token_unknown", token=token, size=size), param="logit_bias")
