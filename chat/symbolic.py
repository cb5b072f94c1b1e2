"""Runs a chat template with texts that nothing may look into, to find what it writes around each message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

ROLES = ("system", "user", "assistant")


class Unsupported(Exception):
    """The template does what cannot be worked out beforehand."""


@dataclass(frozen=True)
class Content:
    """The text of a message; nothing is known of it but that it is text."""

    is_first: bool
    """Of the conversation's first message, where it is not the message that is being written."""
    is_stripped: bool = False


Part = str | Content


@dataclass(frozen=True)
class Parts:
    """A text with contents in it."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Message:
    role: str
    is_first: bool


@dataclass(frozen=True)
class _Messages:
    """The conversation from its first or its second message on."""

    skipped: int


@dataclass(frozen=True)
class _Loop:
    is_first: bool


@dataclass(frozen=True)
class _Index:
    """A place in the loop: of the first message it is 0, of others only that it is more."""

    is_first: bool
    base: int


class _Undefined:
    """What the conversation does not have, such as tool calls."""


UNDEFINED = _Undefined()


class Frame:
    """A template for conversations that begin with one role: what comes before its loop, the loop, nothing after."""

    def __init__(self, tree: nodes.Template, variables: Mapping[str, Any], first_role: str) -> None:
        if first_role not in ROLES:
            raise Unsupported(first_role)
        self._first_role = first_role
        self._names: dict[str, Any] = {**variables, "messages": _Messages(0)}
        self._written: list[Part] = []
        self._loop: nodes.For | None = None
        self._skipped = 0
        self._is_after = False
        self._at_loop: dict[str, Any] = {}
        self._run(tree.body)
        if self._loop is None:
            raise Unsupported("no loop")
        self.before: tuple[Part, ...] = tuple(self._written)
        """What the template writes before its loop."""

    def message(self, role: str, *, is_first: bool) -> tuple[Part, ...]:
        """Return what the loop's body writes for a message."""
        loop = self._loop
        assert loop is not None
        if role not in ROLES or (is_first and role != self._first_role) or not isinstance(loop.target, nodes.Name):
            raise Unsupported(role)
        if is_first and self._skipped:
            return ()  # it was written before the loop
        self._names = {**self._at_loop, loop.target.name: _Message(role, is_first=False)}
        # With a message skipped, which one is the loop's first is not known from its role.
        self._names["loop"] = UNDEFINED if self._skipped else _Loop(is_first)
        self._written, self._is_after = [], False
        self._run(loop.body)
        return tuple(self._written)

    def _run(self, body: Sequence[nodes.Node]) -> None:
        for node in body:
            if isinstance(node, nodes.Output):
                for part in node.nodes:
                    self._write(self._value(part))
            elif isinstance(node, nodes.If):
                self._branch(node)
            elif isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
                self._names[node.target.name] = self._value(node.node)
            elif isinstance(node, nodes.For):
                self._begin_loop(node)
            else:
                raise Unsupported(type(node).__name__)

    def _begin_loop(self, node: nodes.For) -> None:
        sequence = self._value(node.iter)
        if self._loop is not None or not isinstance(sequence, _Messages) or node.test or node.else_ or node.recursive:
            raise Unsupported("a loop that is not the one over the messages")
        if sequence.skipped > 1:
            raise Unsupported("several messages are skipped")
        self._loop, self._skipped, self._at_loop, self._is_after = node, sequence.skipped, dict(self._names), True

    def _branch(self, node: nodes.If) -> None:
        for branch in (node, *node.elif_):
            if self._holds(branch.test):
                self._run(branch.body)
                return
        self._run(node.else_)

    def _write(self, value: Any) -> None:
        if not isinstance(value, str | Content | Parts):
            raise Unsupported("something that is no text is written")
        parts = value.parts if isinstance(value, Parts) else (value,)
        if self._is_after and any(part != "" for part in parts):
            raise Unsupported("something is written after the loop")
        self._written += parts

    def _holds(self, node: nodes.Node) -> bool:
        value = self._value(node)
        if value is UNDEFINED:
            return False
        if value is None or isinstance(value, bool | int | str | list):
            return bool(value)
        raise Unsupported("what is tested is not known")

    def _value(self, node: nodes.Node) -> Any:
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise Unsupported(type(node).__name__)
        return method(node)

    def _const(self, node: nodes.Const) -> Any:
        return node.value

    def _templatedata(self, node: nodes.TemplateData) -> Any:
        return node.data

    def _name(self, node: nodes.Name) -> Any:
        return self._names.get(node.name, UNDEFINED)

    def _getattr(self, node: nodes.Getattr) -> Any:
        return self._item(self._value(node.node), node.attr)

    def _getitem(self, node: nodes.Getitem) -> Any:
        owner = self._value(node.node)
        if isinstance(node.arg, nodes.Slice):
            return self._slice(owner, node.arg)
        return self._item(owner, self._value(node.arg))

    def _slice(self, owner: Any, node: nodes.Slice) -> Any:
        start = self._value(node.start) if node.start else 0
        if not isinstance(owner, _Messages) or start not in (0, 1) or node.stop or node.step:
            raise Unsupported("a slice")
        return _Messages(owner.skipped + start)

    def _item(self, owner: Any, key: Any) -> Any:
        if isinstance(owner, _Messages):
            if key == 0 and not owner.skipped:
                return _Message(self._first_role, is_first=True)
            raise Unsupported("another message is looked at")
        if isinstance(owner, _Message):
            if key == "content":
                return Content(owner.is_first)
            return owner.role if key == "role" else UNDEFINED
        if isinstance(owner, _Loop) and key in ("first", "index0", "index"):
            return owner.is_first if key == "first" else _Index(owner.is_first, int(key == "index"))
        raise Unsupported(f"{key} of {type(owner).__name__}")

    def _add(self, node: nodes.Add) -> Any:
        left, right = self._value(node.left), self._value(node.right)
        return _joined(left, right)

    def _concat(self, node: nodes.Concat) -> Any:
        return _joined(*(self._value(part) for part in node.nodes))

    def _filter(self, node: nodes.Filter) -> Any:
        if node.name != "trim" or node.args or node.kwargs or node.node is None:
            raise Unsupported(f"the filter {node.name}")
        return _stripped(self._value(node.node))

    def _call(self, node: nodes.Call) -> Any:
        called = node.node
        if isinstance(called, nodes.Getattr) and called.attr == "strip" and not node.args and not node.kwargs:
            return _stripped(self._value(called.node))
        raise Unsupported("a call")

    def _test(self, node: nodes.Test) -> bool:
        value = self._value(node.node)
        if node.name in ("defined", "undefined"):
            return (value is UNDEFINED) is (node.name == "undefined")
        if node.name == "none":
            return value is None
        if node.name == "string" and isinstance(value, str | Content | Parts):
            return True
        raise Unsupported(f"the test {node.name}")

    def _compare(self, node: nodes.Compare) -> bool:
        if len(node.ops) != 1:
            raise Unsupported("a chain of comparisons")
        left, right = self._value(node.expr), self._value(node.ops[0].expr)
        return _compared(left, node.ops[0].op, right)

    def _not(self, node: nodes.Not) -> bool:
        return not self._holds(node.node)

    def _and(self, node: nodes.And) -> Any:
        return self._holds(node.left) and self._holds(node.right)

    def _or(self, node: nodes.Or) -> Any:
        return self._holds(node.left) or self._holds(node.right)

    def _condexpr(self, node: nodes.CondExpr) -> Any:
        if self._holds(node.test):
            return self._value(node.expr1)
        return self._value(node.expr2) if node.expr2 is not None else UNDEFINED

    def _list(self, node: nodes.List) -> Any:
        return [self._value(item) for item in node.items]

    _tuple = _list


def _compared(left: Any, operator: str, right: Any) -> bool:
    if isinstance(left, _Index) and isinstance(right, int):
        return _index_compared(left, operator, right)
    known = (str, bool, int, type(None))
    if operator in ("in", "notin") and isinstance(left, known) and isinstance(right, list | str):
        if isinstance(right, list) and not all(isinstance(item, known) for item in right):
            raise Unsupported("a list of what is not known")
        return (left in right) is (operator == "in")
    if operator in ("eq", "ne"):
        if UNDEFINED in (left, right):
            return (left is right) is (operator == "eq")
        if isinstance(left, known) and isinstance(right, known):
            return (left == right) is (operator == "eq")
    raise Unsupported("a comparison")


def _index_compared(index: _Index, operator: str, number: int) -> bool:
    """Compare a place: known for the first message, for others only that they come after it."""
    if index.is_first:
        value = index.base
        return {"eq": value == number, "ne": value != number, "gt": value > number, "lt": value < number,
                "gteq": value >= number, "lteq": value <= number}[operator]  # fmt: skip
    if number <= index.base:
        if operator in ("eq", "lt", "lteq") and not (operator == "lt" and number < index.base):
            return False
        if operator in ("ne", "gt", "gteq"):
            return True
    raise Unsupported("a place in the conversation")


def _joined(*values: Any) -> Parts:
    parts: list[Part] = []
    for value in values:
        if isinstance(value, Parts):
            parts += value.parts
        elif isinstance(value, str | Content):
            parts.append(value)
        else:
            raise Unsupported("something that is no text is joined")
    return Parts(tuple(merged(parts)))


def merged(parts: Sequence[Part]) -> list[Part]:
    """Join constants that follow one another."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return found


def _stripped(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Content):
        return Content(value.is_first, is_stripped=True)
    raise Unsupported("a joined text is stripped")
