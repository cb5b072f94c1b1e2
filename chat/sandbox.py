"""Renders chat templates, which are foreign code: sandboxed, and within bounds of time and size.

The helpers, filters and flags are those of `transformers.apply_chat_template`, so that a template gives the same text
in both. Every loop, call, concatenation and filter of a template passes a checkpoint that knows the deadline and the
largest text allowed; a single operation between two checkpoints is bounded by refusing large operands beforehand.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from chat.errors import ChatError
from chat.messages import message

MAX_SOURCE_CHARS = 100_000
MAX_SECONDS = 2.0
MAX_TEXT_CHARS = 64_000_000
"""Nothing that a template builds may be longer, however long the conversation is."""
MIN_TEXT_CHARS = 1_000_000
"""What a template may always build; beyond it, a multiple of what went in."""
MAX_COUNT = 10_000
"""The largest number that a template may hand to a method or filter (a width, a repetition)."""


class _Budget:
    """What one rendering may still use."""

    def __init__(self, max_chars: int) -> None:
        self.max_chars = max_chars
        self.ends_at = time.monotonic() + MAX_SECONDS

    def check_time(self) -> None:
        if time.monotonic() > self.ends_at:
            too_slow = message("template_too_slow", seconds=MAX_SECONDS)
            raise ChatError(too_slow.followed_by(message("use_another_template")))

    def check_size(self, num_chars: int) -> None:
        if num_chars > self.max_chars:
            too_large = message("template_too_large", characters=self.max_chars)
            raise ChatError(too_large.followed_by(message("use_another_template")))


# Used while a template is compiled (constant folding), when no rendering sets a budget of its own.
_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)


def _spent() -> _Budget:
    return _budget.get() or _Budget(MIN_TEXT_CHARS)


class Template:
    """A compiled chat template. Compile once; rendering is thread-safe."""

    def __init__(self, source: str) -> None:
        """Compile `source`; ChatError when it is too long or no valid Jinja."""
        if len(source) > MAX_SOURCE_CHARS:
            raise ChatError(message("template_source_too_large", characters=len(source), most=MAX_SOURCE_CHARS))
        self.source = source
        try:
            self._compiled = _environment().from_string(source)
        except (jinja2.TemplateError, RecursionError, SyntaxError, ValueError) as error:
            if isinstance(error, ChatError):
                raise
            reason = f"{error} (line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else str(error)
            raise ChatError(message("template_unreadable", reason=reason), code="template_invalid") from error

    def render(self, *, input_chars: int = 0, **variables: Any) -> str:
        """Return the text. `input_chars` is the size of what goes in: what may come out grows with it."""
        budget = _Budget(min(MAX_TEXT_CHARS, MIN_TEXT_CHARS + 8 * input_chars))
        token = _budget.set(budget)
        try:
            return self._collect(budget, variables)
        except ChatError:
            raise
        except jinja2.exceptions.SecurityError as error:
            raise ChatError(message("template_forbidden", reason=str(error))) from error
        # A template is foreign code: whatever it runs into is its fault, not ours.
        except Exception as error:
            reason = str(error)[:300] or type(error).__name__
            raise ChatError(message("template_failed", reason=reason)) from error
        finally:
            _budget.reset(token)

    def _collect(self, budget: _Budget, variables: dict[str, Any]) -> str:
        blocks: list[str] = []
        num_chars = 0
        for block in self._compiled.generate(**variables):
            num_chars += len(block)
            budget.check_size(num_chars)
            budget.check_time()
            blocks.append(block)
        return "".join(blocks)


def parse_template(source: str) -> jinja2.nodes.Template:
    """Return the syntax tree of a template that compiles."""
    return _environment().parse(source)


def template_literals(source: str) -> str:
    """Return every text that a template writes literally, joined by NUL."""
    tree = parse_template(source)
    texts = [node.data for node in tree.find_all(jinja2.nodes.TemplateData)]
    texts += [node.value for node in tree.find_all(jinja2.nodes.Const) if isinstance(node.value, str)]
    return "\0".join(texts)


class _Generation(jinja2.ext.Extension):
    """The tag `{% generation %}`, with which some templates mark the assistant's text; here it writes its body."""

    tags = {"generation"}

    def parse(self, parser: Any) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        # A call block and not the bare body: what the body sets must stay inside, as in transformers.
        return jinja2.nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

    def _write(self, caller: Callable[[], str]) -> str:
        return caller()


class _Checkpoints(NodeTransformer):
    """Puts a checkpoint into every loop and every concatenation (`~`) of a parsed template."""

    def visit_For(self, node: jinja2.nodes.For) -> jinja2.nodes.Node:
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "luthier_each", node)
        return node

    def visit_Concat(self, node: jinja2.nodes.Concat) -> jinja2.nodes.Node:
        self.generic_visit(node)
        return _filtered(jinja2.nodes.List(node.nodes), "luthier_concat", node)


def _filtered(value: jinja2.nodes.Node, name: str, place: jinja2.nodes.Node) -> jinja2.nodes.Filter:
    filtered = jinja2.nodes.Filter(value, name, [], [], None, None)
    filtered.set_lineno(place.lineno)
    if place.environment is not None:
        filtered.set_environment(place.environment)
    return filtered


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["+", "*", "**", "%"])

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join what a block, macro or the template itself has written."""
        texts = list(parts)
        _spent().check_size(sum(map(len, texts)))
        return "".join(texts)

    def _generate(self, source: jinja2.nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Checkpoints().visit(source), *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        budget = _spent()
        if operator == "+" and type(left) is str and type(right) is str:
            budget.check_size(len(left) + len(right))
            return left + right
        budget.check_time()
        if operator == "**":
            raise jinja2.exceptions.SecurityError("powers are not allowed in a chat template")
        if operator == "+":
            budget.check_size(_size(left) + _size(right))
        elif operator == "*":
            _check_product(left, right, budget)
        elif isinstance(left, str):
            _check_format(left, right if isinstance(right, tuple) else (right,))
        result = super().call_binop(context, operator, left, right)
        budget.check_size(_size(result))
        return result

    def call(self, context: Any, callee: Any, /, *args: Any, **kwargs: Any) -> Any:
        budget = _spent()
        budget.check_time()
        # The sandbox hands out `str.format` in a wrapper of its own.
        method = getattr(callee, "__wrapped__", callee)
        owner = getattr(method, "__self__", None)
        if isinstance(owner, str):
            _check_text_method(owner, getattr(method, "__name__", ""), args, kwargs)
        result = super().call(context, callee, *args, **kwargs)
        budget.check_size(_size(result))
        return result


class _Each:
    """A loop's sequence that passes a checkpoint at every turn."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[Any]:
        budget = _spent()
        for item in self._inner:
            budget.check_time()
            yield item

    def __len__(self) -> int:
        return len(self._inner)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _check_product(left: Any, right: Any, budget: _Budget) -> None:
    for text, times in ((left, right), (right, left)):
        if isinstance(times, int):
            budget.check_size(_size(text) * abs(times))
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > 256:
        raise jinja2.exceptions.SecurityError("a number is too large")


def _check_format(text: str, values: Iterable[Any] = ()) -> None:
    """Check a format before it runs: the padding that it asks for, and how often it may write each value."""
    if re.search(r"\d{5}|\*", text):
        raise jinja2.exceptions.SecurityError("a format asks for too much padding")
    largest = max((_deep_size(value) for value in values), default=0)
    _spent().check_size(len(text) + (text.count("%") + text.count("{")) * largest)


def _deep_size(value: Any) -> int:
    """Return about how long `value` is as text, one level deep."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return sum(map(_size, value), len(value)) if isinstance(value, list | tuple) else _size(value)


def _check_counts(values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, int) and abs(value) > MAX_COUNT:
            raise jinja2.exceptions.SecurityError(f"the number {value} is larger than {MAX_COUNT}")


def _check_text_method(text: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse, before it runs, a text's method whose result could be huge."""
    _check_counts((*args, *kwargs.values()))
    if name in ("expandtabs", "translate", "format_map"):
        raise jinja2.exceptions.SecurityError(f"{name}() is not allowed in a chat template")
    if name == "format":
        _check_format(text, (*args, *kwargs.values()))
        if re.search(r"\{[^{}]*\{", text):
            raise jinja2.exceptions.SecurityError("a nested format is not allowed in a chat template")
    elif name == "replace":
        _check_replace(text, *args[:2])
    elif name == "join" and args:
        _check_join(args[0], text)


def _check_replace(text: str, old: Any = "", new: Any = "", *_: Any) -> None:
    text, old, new = str(text), str(old), str(new)
    times = text.count(old) if old else len(text) + 1
    _spent().check_size(len(text) + times * len(new))


def _check_join(items: Any, separator: Any = "", *_: Any) -> None:
    if isinstance(items, list | tuple):
        _spent().check_size(sum(map(_size, items)) + len(items) * _size(separator))


def _check_indent(text: Any, width: Any = 4, *_: Any) -> None:
    size = width if isinstance(width, int) else _size(width)
    _spent().check_size(_size(text) + (str(text).count("\n") + 1) * size)


def _check_wrap(text: Any, width: Any = 79, breaks: Any = True, separator: Any = None, *_: Any) -> None:
    _spent().check_size(_size(text) * max(_size(separator), 2))


def _check_json(value: Any, *options: Any) -> None:
    if any(_size(option) > 16 or (isinstance(option, int) and option > 16) for option in options):
        raise jinja2.exceptions.SecurityError("tojson is asked for too much indentation")


_BEFORE: dict[str, Callable[..., None]] = {
    "replace": _check_replace,
    "join": _check_join,
    "indent": _check_indent,
    "wordwrap": _check_wrap,
    "tojson": _check_json,
    "format": lambda text, *values: _check_format(str(text), values),
}


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter with its arguments checked before and its result after."""
    # A filter marked `pass_environment` and the like gets one more argument in front.
    num_passed = 1 if hasattr(function, "jinja_pass_arg") else 0
    before = _BEFORE.get(name)

    def checked(*args: Any, **kwargs: Any) -> Any:
        budget = _spent()
        budget.check_time()
        given = args[num_passed:]
        _check_counts((*given[1:], *kwargs.values()))
        if before is not None:
            before(*given, *kwargs.values())
        result = function(*args, **kwargs)
        budget.check_size(_size(result))
        return result

    # Jinja reads these marks: which argument to pass, and whether the filter is asynchronous.
    checked.__dict__.update(getattr(function, "__dict__", {}))
    return checked


def _environment() -> _Environment:
    environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = _tojson
    for name, function in list(environment.filters.items()):
        environment.filters[name] = _guarded(name, function)
    environment.filters["luthier_each"] = _Each
    environment.filters["luthier_concat"] = lambda parts: _Environment.concat(map(str, parts))
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    environment.globals["dict"] = _new_dict
    environment.globals["namespace"] = _Namespace
    environment.globals.pop("lipsum", None)
    return environment


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    # Jinja's own filter escapes HTML, which no model should learn.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(reason: str) -> None:
    raise jinja2.TemplateError(reason)


def _strftime_now(layout: str) -> str:
    return datetime.now().strftime(layout)


def _new_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return dict(*args, **kwargs)


class _Namespace(jinja2.utils.Namespace):
    """Jinja's namespace without underscored names, through which templates have reached Python's own attributes."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        # The same trick as in Jinja's: `namespace(self=...)` must work.
        self, args = args[0], args[1:]
        attributes = dict(*args, **kwargs)
        for name in attributes:
            _check_name(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace cannot hold the name {name!r}")
