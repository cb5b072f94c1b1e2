"""Compiling the form of an answer for a tokenizer: once, within limits, and then kept."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from serving.answer_forms import AnswerForm
from serving.call_forms import MISTRAL_MARK, WHITESPACE, CallForm, family_of
from serving.constraints import Constraint
from serving.faults import RequestError
from serving.messages import message
from serving.replica import ServedModel
from wording import as_written

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

MAX_KEPT = 64
"""Compiled forms of one replica."""
OPTIONS: "JsonCompileOptions" = {"whitespace_pattern": WHITESPACE}
LIMITS = LLParserLimits(verbose_errors=False)
MAX_TOKENIZERS = 8
NOTHING_FITS = "NoExtension"
"""What llguidance says of a grammar that allows nothing at all."""


class FormCompiler:
    """Makes constraints. Methods may be called from any thread; one form is compiled at a time."""

    def __init__(self, *, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        self._compiling = threading.Lock()
        self._tokenizers: OrderedDict[str, LLTokenizer] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str], Constraint] = OrderedDict()

    def constraint(self, form: AnswerForm | CallForm, served: ServedModel) -> Constraint:
        """Return a constraint for an answer of `served`; RequestError when no answer can be held to the form."""
        grammar = _grammar(form, served)
        key = served.chat.hash, grammar
        with self._compiling:
            if key not in self._kept:
                self._kept[key] = self._compile(grammar, form, served)
                while len(self._kept) > MAX_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key].another()

    def _compile(self, grammar: str, form: AnswerForm | CallForm, served: ServedModel) -> Constraint:
        tokenizer = self._tokenizer(form, served)
        matcher = LLMatcher(tokenizer, grammar, log_level=0, limits=LIMITS)
        # The first mask shows what compiling does not: a form that nothing fits, or that takes too long to follow.
        begins = not matcher.is_error() and any(matcher.compute_bitmask())
        if matcher.is_error() or not begins:
            said = matcher.get_error().partition("\n<")[0].strip()
            is_empty = not said or said.startswith(NOTHING_FITS)
            reason = message("schema_fits_nothing") if is_empty else as_written(said)
            raise form.refusal(reason)
        return Constraint(matcher)

    def _tokenizer(self, form: AnswerForm | CallForm, served: ServedModel) -> LLTokenizer:
        if served.chat.hash not in self._tokenizers:
            try:
                self._tokenizers[served.chat.hash] = LLTokenizer(
                    served.tokenizer.to_str(), n_vocab=self._vocab_size, eos_token=list(served.chat.stop_ids)
                )
            except ValueError as error:
                raise form.refusal(message("tokenizer_holds_no_forms")) from error
            while len(self._tokenizers) > MAX_TOKENIZERS:
                self._tokenizers.popitem(last=False)
        return self._tokenizers[served.chat.hash]


def _grammar(form: AnswerForm | CallForm, served: ServedModel) -> str:
    if isinstance(form, AnswerForm):
        return LLMatcher.grammar_from_json_schema(form.schema, overrides=OPTIONS)
    family = family_of(served.template)
    if family is None:
        raise RequestError(message("tool_choice_unsupported"), param="tool_choice", code="unsupported_parameter")
    return LLMatcher.grammar_from_lark(form.grammar(family, mark=served.tokenizer.token_to_id(MISTRAL_MARK)))
