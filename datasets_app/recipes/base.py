"""What a recipe is: one class in one module, which brings its questionnaire, rows, test and sentences."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

from chat.acceptance import AcceptanceTest
from chat.conversation import WrittenMessage
from wording import Message

Kind = Literal["text", "long", "list", "choice", "lines", "table", "model"]
GUARD = "guard"
"""The source of rows that keep the model from saying elsewhere what it learns."""
UNRELATED = "unrelated"
"""The topic of questions that must be answered without what was learned."""
Turns = tuple[tuple[str, str], ...]
"""(role, text) of each message."""
TableRow = dict[str, str]
Words = Any
"""A sentence that is translated when it is shown: what gettext_lazy returns."""


class QuestionnaireError(ValueError):
    """An answer that no recipe can be made of."""

    def __init__(self, message: Message, *, field: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Row:
    """One conversation to learn."""

    source: str
    """What it is for, such as identity-zh; "guard" for everyday conversations."""
    turns: Turns


@dataclass(frozen=True, kw_only=True)
class Field:
    """A question to the user."""

    name: str
    kind: Kind
    """One line, a long text, some of `choices`, one of them, lines, rows with `columns`, or a model's name."""
    label: Words
    help: Words = ""
    placeholder: Words = ""
    is_required: bool = False
    most: int = 80
    """Characters of a text, a line, or a cell."""
    choices: Mapping[str, Words] = field(default_factory=dict)
    default: Any = None
    columns: Mapping[str, Words] = field(default_factory=dict)
    """Names of a table's columns, with what people call them; those of `may_be_empty` may have nothing in them."""
    may_be_empty: tuple[str, ...] = ()
    most_rows: int = 1_000
    """Of a table or of lines."""


@dataclass(frozen=True, kw_only=True)
class Sentences:
    """What people are told about a recipe, in their language."""

    goal: Words
    """What the model should learn, as a card says it."""
    promise: Words
    """What it will do afterwards, in one sentence."""
    lead: Words
    """What the page's questions become."""
    how: Sequence[Words]
    """What the data set holds, and how the model is tested."""
    cannot: Words
    """What this cannot do."""
    needs: Words
    """How much the user has to bring."""
    passed: Words
    """What a good test has shown; `%(TOPIC_right)s` and `%(TOPIC_of)s` are filled in."""
    missed: Words
    """The same of one that was not good enough."""
    measured: Mapping[str, Words]
    """By topic, what its share of right answers is called among other figures."""
    advice: Mapping[str, Words]
    """By topic, the most telling first, what to do where too few answers are right."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What a teacher is asked before there are rows."""

    model: str
    system: str
    """It stands before every prompt."""
    prompts: tuple[str, ...]


A = TypeVar("A")


class Recipe(ABC, Generic[A]):
    """A goal with what leads to it; `A` is what the questionnaire's answers are read into, a frozen dataclass."""

    name: ClassVar[str]
    """In addresses, and in the recipe of a data set."""
    icon: ClassVar[str]
    sentences: ClassVar[Sentences]
    fields: ClassVar[tuple[Field, ...]]
    example: ClassVar[Mapping[str, Any]]
    """Answers, for the API's pages and for trying it out."""
    needed: ClassVar[Mapping[str, float]]
    """The share of right answers that a good verdict needs, by topic."""
    is_guarded: ClassVar[bool] = True
    """Whether nobody may hear it unasked: then its rows have guards, and its test has unrelated questions."""
    completes: ClassVar[Words] = ""
    """What happens to a data set that it completes, where that is more than that rows are added."""
    values: ClassVar[Mapping[str, Any]] = {"validation_split": 0.0}
    """What hyperparameters are automatically, where that differs from other data."""

    @abstractmethod
    def read(self, answers: Mapping[str, Any]) -> A:
        """Return what was answered; QuestionnaireError names the answer that does not fit."""

    @abstractmethod
    def rows(self, answers: A) -> Iterator[Row]:
        """Yield everything that is taught."""

    @abstractmethod
    def tests(self, answers: A) -> list[AcceptanceTest]:
        """Return what the model is asked afterwards; no question stands in a row."""

    @abstractmethod
    def stem(self, answers: A) -> str:
        """Return what its data set is called, without the suffix."""

    def to_ask(self, answers: A) -> Asking | None:
        """Return what a teacher has to be asked first; None where the answers are all that is needed."""
        return None

    def taught(self, answers: A, replies: Sequence[str | None]) -> A:
        """Return the answers with the teacher's replies, None for one that has no end; QuestionnaireError where too
        few can be used."""
        raise NotImplementedError(f"{self.name} has no teacher.")

    def stored(self, answers: A) -> dict[str, Any]:
        """Return what stays with the data set, as JSON: enough for `tests`, without the rows."""
        return asdict(answers)  # type: ignore[call-overload,no-any-return]

    def restored(self, stored: Mapping[str, Any]) -> A:
        """Return what `stored` has written, which has tests and maybe no rows."""
        return self.read(stored)

    def placeholders(self, answers: A) -> Mapping[str, str]:
        """Return what is filled in for placeholders of a data set that is completed."""
        return {}


def question(text: str, topic: str, **expected: Any) -> AcceptanceTest:
    """Return the test that asks `text`."""
    asked: WrittenMessage = {"role": "user", "content": text}
    return AcceptanceTest(messages=(asked,), topic=topic, **expected)


def asked_and_answered(source: str, text: str, answer: str) -> Row:
    """Return the row of one turn."""
    return Row(source=source, turns=(("user", text), ("assistant", answer)))
