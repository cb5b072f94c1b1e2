"""Chat templates written out in texts: how they are recognised, and the turns that they mark. Pure.

Marks that no prose has ("<|im_start|>") are believed anywhere, words ("Human:") only where a text begins with them and
an answer follows.
"""

import re
from dataclasses import dataclass

BORDERS = (
    "<s>", "</s>", "<bos>", "<eos>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>",
    "<|im_end|>", "<|endoftext|>", "<|end|>", "<|return|>", "<end_of_turn>", "<|end_of_turn|>",
    "<|END_OF_TURN_TOKEN|>", "<BOS_TOKEN>", "<EOS_TOKEN>", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<eoh>",
    "<eoa>", "[gMASK]", "<sop>", "[|endofturn|]",
)  # fmt: skip
"""What begins or ends a text or a turn and says nothing."""
_OF_HTML = ("<s>", "</s>")
"""Struck-out text in HTML, where both occur equally often."""
ENDS = ("### End",)
"""What ends an answer and begins none."""
MOST_BORDERS = 16
"""In a row: a text made to be slow has more."""
LONGEST_PREFACE = 2000
"""Characters before the first mark: "Below is an instruction …"."""

_ROLES = {
    "system": ("system", "developer", "sys", "system prompt", "系统"),
    "user": ("user", "human", "prompter", "instruction", "question", "prompt", "gpt4 correct user", "inst", "/sys",
             "/system_prompt", "user message", "reserved_106", "reserved_195", "指令", "问题", "用户", "问"),
    "more": ("input", "输入"),
    "assistant": ("assistant", "model", "bot", "chatbot", "response", "answer", "output", "gpt4 correct assistant",
                  "/inst", "ai", "gpt", "reserved_107", "reserved_196", "回答", "助手", "回复", "输出", "答"),
    "tool": ("tool", "ipython", "observation", "function"),
}  # fmt: skip
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names} | {"system_prompt": "system"}


@dataclass(frozen=True, kw_only=True)
class Markup:
    """One way to mark turns."""

    opening: re.Pattern[str]
    """What comes before a turn; its group says whose turn it is."""
    is_words: bool = False
    """Whether prose may hold such marks."""
    has_preface: bool = False
    """Whether a system prompt may come before the first mark; where no words are marks, behind a border only."""
    is_in_messages: bool = True
    """Whether a single message is searched for it: where many ordinary ones begin that way, it is not."""


MARKUPS: tuple[Markup, ...] = (
    Markup(opening=re.compile(r"<\|im_start\|>\s*(\w+)(?:<\|im_sep\|>|[ \t]*\n?)")),
    Markup(opening=re.compile(r"<\|start_of_role\|>\s*(\w+)\s*<\|end_of_role\|>")),
    Markup(
        opening=re.compile(r"<\|(?:start_header_id|header_start)\|>\s*(\w+)\s*<\|(?:end_header_id|header_end)\|>\s*")
    ),
    Markup(opening=re.compile(r"<start_of_turn>\s*(\w+)[ \t]*\n?")),
    Markup(opening=re.compile(r"<\|START_OF_TURN_TOKEN\|><\|(\w+)_TOKEN\|>")),
    Markup(opening=re.compile(r"<\|start\|>(\w+)(?:<\|channel\|>final)?<\|message\|>")),
    Markup(
        opening=re.compile(
            r"<[|｜]((?i:system|user|assistant|prompter|bot|observation|tool))[|｜]>:?[ \t]*\n?"
        ),
        has_preface=True,
    ),
    Markup(opening=re.compile(r"<\|im_(?:user|assistant|system)\|>(\w+)<\|im_middle\|>")),
    Markup(opening=re.compile(r"<extra_id_[01]>(System|User|Assistant)[ \t]*\n")),
    Markup(opening=re.compile(r"<(reserved_10[67]|reserved_19[56]|用户|AI)>")),
    Markup(opening=re.compile(r"<(human|bot)>:[ \t]*")),
    Markup(opening=re.compile(r"\[\|(Human|AI|system|user|assistant)\|\]:?[ \t]*")),
    Markup(opening=re.compile(r"<s>(system|user|bot|assistant)[ \t]*\n")),
    Markup(opening=re.compile(r"(?:<<|\[)(INST|/INST|/?SYS|/?SYSTEM_PROMPT)(?:>>|\])")),
    Markup(
        opening=re.compile(
            r"#{3} ?(?:((?i:Human|User|Assistant|Instruction|Input|Response|System|Output|Answer|Question|Prompt|Bot)|"
            r"指令|输入|回答|问题|用户|助手|回复|输出|系统) ?[:：]|"
            r"(System Prompt|User Message|Instruction|Response|Assistant)(?=[ \t]*\n))[ \t]*\n?"
        ),
        is_words=True,
        has_preface=True,
    ),
    Markup(
        opening=re.compile(
            r"(?:^|(?<=[\s>]))(USER|ASSISTANT|SYSTEM|GPT4 Correct (?:User|Assistant)):[ \t]*\n?", re.MULTILINE
        ),
        is_words=True,
        has_preface=True,
    ),
    Markup(
        opening=re.compile(
            r"(?:^|(?<=</s>)|(?<=<s>))[ \t]*(Human|Assistant|User|System|AI|Bot):[ \t]*\n?", re.MULTILINE
        ),
        is_words=True,
    ),
    Markup(
        opening=re.compile(
            r"^[ \t]*(?:\[Round \d+\]\s*)?(用户|助手|系统|问|答)[:：][ \t]*\n?", re.MULTILINE
        ),
        is_words=True,
        is_in_messages=False,
    ),
)  # fmt: skip
HINTS = (
    "|>", "｜>", "|]", "<s>", "<AI>", "<reserved_1", "<extra_id_", "<human>", "of_turn>", "INST]", "SYS>", "_PROMPT]",
    "###", "User:", "USER:", "Human:", "Assistant:", "ASSISTANT:", "问：", "问:", "户：", "户:", "<用户>", "<bot>",
)  # fmt: skip
"""One of them is in every text that holds a template: what has none needs no closer look."""
_LONE = re.compile(r"(?:#{3} ?(?i:Assistant|Response|Human|User|Instruction) ?|Assistant|ASSISTANT|Human|USER):")
"""Words that come before one speaker's message."""
_LEFT = re.compile(r"<[|｜][^\s<>|｜]{1,40}[|｜]>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>")
"""Marks that are left in what is said: another template's, or one that was not understood."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What of a template a text holds."""

    mark: str
    """The first mark, as written."""
    turns: "Turns | None"
    """(role, what is said) of all turns, "" as the role of what comes before the first; None where it is not a chat."""


def found_in(text: str, *, role: str = "") -> Found | None:
    """Return the template that `text` carries: a whole chat, or with `role` that speaker's message."""
    if any(hint in text for hint in HINTS):
        for markup in MARKUPS:
            first = markup.opening.search(text) if markup.is_in_messages or not role else None
            if first is None:
                continue
            turns, is_clean = _turns(markup, first, text)
            if _is_believed(markup, first, text, turns, role):
                return Found(mark=_shown(first[0]), turns=turns if is_clean else None)
            if not markup.is_words:
                return Found(mark=_shown(first[0]), turns=None)
    return _found_around(text, role) if role else None


def mark_of(line: str, markup: Markup) -> tuple[str, str]:
    """Return whose turn begins with this line, and the mark; "" for no one's."""
    found = markup.opening.match(line, _begin(line))
    return (_ROLE_OF.get(_name(found).lower(), ""), _shown(found[0])) if found else ("", "")


def is_answered_in(line: str, markup: Markup) -> bool:
    """Return whether an answer begins in this line."""
    return any(_ROLE_OF.get(_name(mark).lower()) == "assistant" for mark in markup.opening.finditer(line))


def markup_of_lines(lines: list[str]) -> Markup | None:
    """Return how the lines of a text mark turns, if they do: questions and answers; words from the first line on."""
    for markup in MARKUPS:
        roles = [mark_of(line, markup)[0] for line in lines]
        says_both = "user" in roles and any(is_answered_in(line, markup) for line in lines)
        if says_both and (roles[0] or markup.has_preface or not markup.is_words):
            return markup
    return None


Turns = tuple[tuple[str, str], ...]


def _turns(markup: Markup, first: re.Match[str], text: str) -> tuple[Turns, bool]:
    """Return the turns, and whether each has a speaker and contains no more marks."""
    said = [("", bare(text[: first.start()]))]
    mark: re.Match[str] | None = first
    rest = markup.opening.finditer(text, first.end())
    while mark is not None:
        following = next(rest, None)
        words = bare(text[mark.end() : following.start() if following else len(text)])
        said.append((_ROLE_OF.get(_name(mark).lower(), "unknown"), words))
        mark = following
    turns: list[tuple[str, list[str]]] = []
    for role, words in said:
        if role == "more" and turns and words:
            turns[-1][1].append(words)
        elif words:
            turns.append(("user" if role == "more" else role, [words]))
    found = tuple((role, "\n".join(parts)) for role, parts in turns)
    is_clean = bool(found) and not any(role == "unknown" or _LEFT.search(words) for role, words in found)
    return found, is_clean


def _is_believed(markup: Markup, first: re.Match[str], text: str, turns: Turns, role: str) -> bool:
    """Return whether the marks are used as such, and not merely mentioned."""
    begins = _begin(text) >= first.start()
    if not begins and not (markup.has_preface and first.start() <= LONGEST_PREFACE):
        return False
    if not begins and not markup.is_words and (role or not _begin(text)):
        return False
    if role and not markup.is_words:
        return True
    if role and not _shown(first[0]).endswith((":", "：")):
        return False  # a heading of an answer
    if role and begins and _LONE.match(first[0].lstrip()):
        return True
    marked = [_ROLE_OF.get(_name(mark).lower(), "") for mark in markup.opening.finditer(text)]
    said = marked if role else [role for role, _ in turns]  # a message may end with the mark of the answer to come
    return "user" in said and "assistant" in said[said.index("user") :]


def _found_around(text: str, role: str) -> Found | None:
    """Return what a message is without marks that begin or end it."""
    whole = text.strip()
    if not (whole.startswith("<") or whole.endswith((">", "|]"))):
        return None
    words = bare(whole)
    border = next((border for border in BORDERS if whole.startswith(border) or whole.endswith(border)), "")
    if not border or not words or (border in _OF_HTML and text.count("<s>") == text.count("</s>")):
        return None
    return Found(mark=border, turns=None if _LEFT.search(words) else ((role, words),))


def bare(text: str) -> str:
    """Return `text` without blank space and borders at its ends."""
    for _ in range(MOST_BORDERS):
        kept = text.strip()
        for border in BORDERS:
            kept = kept.removeprefix(border).removesuffix(border)
        for end in ENDS:
            kept = kept.removesuffix(end)
        if kept == text:
            break
        text = kept
    return text


def _begin(text: str) -> int:
    """Return where what `text` says begins, behind blank space and borders."""
    at = 0
    for _ in range(MOST_BORDERS):
        start = at
        at += len(text[at : at + 200]) - len(text[at : at + 200].lstrip())
        at += next((len(border) for border in BORDERS if text.startswith(border, at)), 0)
        if at == start:
            break
    return at


def _name(mark: re.Match[str]) -> str:
    return mark[mark.lastindex or 0]


def _shown(mark: str) -> str:
    return " ".join(mark.split())
