"""A parity report as Markdown, in the reader's language."""

from __future__ import annotations

from typing import Any

from luthier.speaking import _

LONGEST = 300


def markdown(found: dict[str, Any]) -> str:
    """Return the report: what was compared, the figures with their intervals, and the answers that differ most."""
    title = _("# Parity of {new} with {old}").format(new=found["new_model"], old=found["old_model"])
    about = _(
        "{questions} questions that the old model had answered were asked of the new one, both at temperature 0. "
        "In brackets: 95 % intervals, by bootstrap over the questions."
    )
    lines = [title, "", about.format(questions=found["questions"]), "", *_table(found), ""]
    if found["unanswered"]:
        lines += [_("{count} questions were not answered by the new model.").format(count=found["unanswered"]), ""]
    if "judge" in found:
        said = _("The judge was {model}; both orders were asked, and {count} pairs on which it wavered are left out.")
        lines += [said.format(model=found["judge"]["model"], count=found["judge"]["undecided"]), ""]
    lines += [_("## Least alike"), ""]
    for pair in found["least_alike"]:
        lines += [f"- **{_one_line(pair['question'])}** (chrF {pair['chrf']:.1f})"]
        lines += [f"  - {_('old')}: {_one_line(pair['old'])}", f"  - {_('new')}: {_one_line(pair['new'])}"]
    return "\n".join(lines) + "\n"


def _table(found: dict[str, Any]) -> list[str]:
    columns = [(found["new_model"], found["measures"])]
    if "base" in found:
        columns.append((_("{model}, untuned").format(model=found["base"]["model"]), found["base"]["measures"]))
    titles = {"exact_match": _("the same text"), "chrf": "chrF", "judged_same": _("says the same (judge)")}
    heads = " | ".join(f"`{name}`" for name, _measures in columns)
    lines = [f"| | {heads} |", "|---" * (len(columns) + 1) + "|"]
    for name, title in titles.items():
        cells = [_figure(name, measures[name]) if name in measures else "–" for _model, measures in columns]
        if set(cells) != {"–"}:
            lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def _figure(name: str, figure: dict[str, float]) -> str:
    if name == "chrf":
        return f"{figure['value']:.1f} ({figure['low']:.1f} – {figure['high']:.1f})"
    return f"{figure['value']:.0%} ({figure['low']:.0%} – {figure['high']:.0%})"


def _one_line(text: str) -> str:
    """Return a text that stays one line of Markdown, whatever it holds."""
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in line)
