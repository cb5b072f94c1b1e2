"""What is found about a training: its curves, its data, and whether it taught anything."""

import math
from collections.abc import Sequence

from scoring.messages import message
from scoring.verdict import curves
from scoring.verdict.evidence import Evidence, Point, Tally
from scoring.verdict.finding import Finding, Fix
from scoring.verdict.thresholds import (
    EXCESSIVE_RATE,
    FEW_ROWS,
    FEWEST_NEW_ROWS,
    LEAKED_SHARE,
    LOW_LOSS,
)
from wording import Message

UNRELATED = "unrelated"
"""The topic of questions that must be answered without what was learned."""


def diverged(evidence: Evidence) -> Finding | None:
    """The loss left the numbers, or climbed above where it began."""
    curve = evidence.training_curve
    if not evidence.failed_by_loss and not curves.has_diverged(curve):
        return None
    finite = [value for value in curves.smoothed(curve) if math.isfinite(value)]
    told: dict[str, object] = {"learning_rate": evidence.learning_rate}
    if finite and not evidence.failed_by_loss:
        told |= {"first_loss": round(finite[0], 4), "highest_loss": round(max(finite), 4)}
        said = message("finding_climbed", first=_figure(finite[0]), highest=_figure(max(finite)))
    else:
        said = message("finding_diverged")
    return Finding(code="diverged", light="red", message=said, evidence=told, fix=lower_rate(evidence))


def is_validation_leaked(evidence: Evidence) -> bool:
    """Return whether so many validation rows were trained on that their loss measures memory."""
    if not evidence.leaked_rows:
        return False
    return evidence.leaked_rows >= max(1.0, evidence.validation_rows * LEAKED_SHARE)


def leaked_validation(evidence: Evidence) -> Finding | None:
    """Validation rows are training rows as well."""
    if not is_validation_leaked(evidence):
        return None
    count, of = evidence.leaked_rows, evidence.validation_rows
    return Finding(
        code="leaked_validation",
        light="amber",
        message=message("finding_leaked_validation", count=count, of=of),
        evidence={"leaked_rows": count, "validation_rows": of},
        fix=Fix(
            action="remove_validation_rows",
            params={"count": count},
            message=message("fix_remove_validation_rows", count=count),
        ),
    )


def too_little_data(evidence: Evidence) -> Finding | None:
    """There are fewer rows than anything general can be learned from."""
    if not 0 < evidence.rows < FEW_ROWS:
        return None
    missing = FEW_ROWS - evidence.rows
    return Finding(
        code="too_little_data",
        light="amber",
        message=message("finding_too_little_data", rows=evidence.rows, least=FEW_ROWS),
        evidence={"rows": evidence.rows, "epochs": evidence.epochs},
        fix=Fix(action="add_rows", params={"count": missing}, message=message("fix_add_rows", count=missing)),
    )


def not_learned(evidence: Evidence) -> Finding | None:
    """The recipe's questions are not answered, or held-out rows are no better than before."""
    if missed := _missed(evidence):
        return _questions_missed(evidence, missed)
    if _has_test(evidence) or _held_out_gain(evidence) is not False:
        return None
    told = _held_out_numbers(evidence)
    said = message("finding_no_gain")
    return Finding(code="not_learned", light="red", message=said, evidence=told, fix=_teach_more(evidence))


def overfitted(evidence: Evidence) -> Finding | None:
    """The loss of held-out rows had been lower before the end, while it trained or in checkpoints afterwards."""
    if is_validation_leaked(evidence):
        return None
    looks = ((curve, curves.overfitted_since(curve, evidence.result_step)) for curve in _held_out_curves(evidence))
    curve, best = next(((curve, best) for curve, best in looks if best is not None), ((), None))
    if best is None:
        return None
    last = curve[-1]
    step = best.step if best.step in evidence.checkpoints else curves.better_kept(evidence)
    if step is not None:
        fix = Fix(action="use_step", params={"step": step}, message=message("fix_use_step", step=step))
    else:
        epochs = max(1, round(evidence.epochs * best.step / last.step))
        fix = Fix(action="set_epochs", params={"value": epochs}, message=message("fix_set_epochs", value=epochs))
    return Finding(
        code="overfitted",
        light="amber",
        message=message("finding_overfitted", best=_figure(best.loss), step=best.step, last=_figure(last.loss)),
        evidence={"best_step": best.step, "best_loss": best.loss, "last_step": last.step, "last_loss": last.loss},
        fix=fix,
    )


def _held_out_curves(evidence: Evidence) -> tuple[Sequence[Point], Sequence[Point]]:
    return evidence.validation_curve, curves.measured(evidence)


def learned(evidence: Evidence) -> Finding | None:
    """What was to be learned is there."""
    told: dict[str, object]
    if _has_test(evidence):
        if _missed(evidence):
            return None
        right, of = _sum("right", evidence), _sum("of", evidence)
        told = {"right": right, "of": of, "right_before": _right_before(evidence)}
        said = message("finding_learned", right=right, of=of)
        return Finding(code="learned", light="green", message=said, evidence=told)
    gain = _held_out_gain(evidence)
    if gain:
        said = message("finding_gained")
        return Finding(code="learned", light="green", message=said, evidence=_held_out_numbers(evidence))
    means = curves.smoothed(evidence.training_curve)
    if gain is not None or not means or curves.has_diverged(evidence.training_curve):
        return None
    if not curves.has_fallen(means[0], means[-1]):
        return None
    told = {"first_loss": round(means[0], 4), "last_loss": round(means[-1], 4)}
    said = message("finding_fell", first=_figure(means[0]), last=_figure(means[-1]))
    return Finding(code="learned", light="amber", message=said, evidence=told)


def _missed(evidence: Evidence) -> list[Tally]:
    """Return the tallies of topics that are not passed, of languages that fall short of what is needed."""
    missed = []
    for topic in dict.fromkeys(tally.topic for tally in _to_learn(evidence)):
        parts = [tally for tally in evidence.tallies if tally.topic == topic]
        right, of = sum(part.right for part in parts), sum(part.of for part in parts)
        if right < round(of * parts[0].needed, 9):
            missed += [part for part in parts if part.right < part.of * part.needed]
    return missed


def _questions_missed(evidence: Evidence, missed: list[Tally]) -> Finding:
    right, of = sum(part.right for part in missed), sum(part.of for part in missed)
    languages = list(dict.fromkeys(part.language for part in missed))
    taught = {tally.language for tally in _to_learn(evidence)} - set(languages)
    told = {"right": right, "of": of, "languages": languages, "topics": sorted({part.topic for part in missed})}
    if taught and len(languages) == 1:
        language, count = _language(languages[0]), max(FEWEST_NEW_ROWS, of)
        said = message("finding_language_not_learned", language=language, right=right, of=of)
        params = {"count": count, "language": languages[0]}
        fixed = message("fix_add_rows_in", count=count, language=language)
        fix = Fix(action="add_rows", params=params, message=fixed)
    else:
        said, fix = message("finding_not_learned", right=right, of=of), _teach_more(evidence)
    return Finding(code="not_learned", light="red", message=said, evidence=told, fix=fix)


def _teach_more(evidence: Evidence) -> Fix:
    """Return what helps where too little was learned."""
    if curves.has_diverged(evidence.training_curve) or _is_rate_excessive(evidence):
        return lower_rate(evidence)
    means = curves.smoothed(evidence.training_curve)
    if means and means[-1] < LOW_LOSS and not curves.is_still_falling(evidence.training_curve):
        count = max(FEWEST_NEW_ROWS, evidence.rows // 2)
        return Fix(action="add_rows", params={"count": count}, message=message("fix_add_rows", count=count))
    epochs = max(2, math.ceil(evidence.epochs * 2))
    return Fix(action="set_epochs", params={"value": epochs}, message=message("fix_set_epochs", value=epochs))


def lower_rate(evidence: Evidence) -> Fix:
    """Return a lower learning rate: the usual one where it was set far above it, else half of it."""
    usual = evidence.usual_learning_rate
    if usual is not None and _is_rate_excessive(evidence):
        said = message("fix_set_learning_rate", value=f"{usual:.3g}")
        return Fix(action="set_learning_rate", params={"value": usual}, message=said)
    return Fix(action="set_learning_rate", params={"factor": 0.5}, message=message("fix_halve_learning_rate"))


def _is_rate_excessive(evidence: Evidence) -> bool:
    rate, usual = evidence.learning_rate, evidence.usual_learning_rate
    return rate is not None and usual is not None and rate > usual * EXCESSIVE_RATE


def _held_out_gain(evidence: Evidence) -> bool | None:
    """Return whether held-out rows are better than before; None where none were measured, or they were trained on."""
    if is_validation_leaked(evidence):
        return None
    signs = [gain.difference.low > 0 for gain in evidence.gains]
    if (loss := evidence.held_out_loss) is not None:
        signs.append(curves.has_fallen(loss.base, loss.tuned))
    elif len(evidence.validation_curve) > 1 and (best := curves.lowest(evidence.validation_curve)) is not None:
        signs.append(curves.has_fallen(evidence.validation_curve[0].loss, best.loss))
    return any(signs) if signs else None


def _held_out_numbers(evidence: Evidence) -> dict[str, object]:
    told: dict[str, object] = {gain.measure: vars(gain.difference) for gain in evidence.gains}
    if evidence.held_out_loss is not None:
        told["loss"] = vars(evidence.held_out_loss)
    return told


def _to_learn(evidence: Evidence) -> list[Tally]:
    return [tally for tally in evidence.tallies if tally.topic != UNRELATED]


def _has_test(evidence: Evidence) -> bool:
    return bool(_to_learn(evidence))


def _sum(name: str, evidence: Evidence) -> int:
    return sum(getattr(tally, name) for tally in _to_learn(evidence))


def _right_before(evidence: Evidence) -> int | None:
    known = [tally.right_before for tally in _to_learn(evidence)]
    return None if None in known else sum(number for number in known if number is not None)


def _language(code: str) -> Message:
    return message("in_chinese") if code == "zh" else message("in_english")


def _figure(loss: float) -> str:
    return f"{loss:.3g}" if math.isfinite(loss) else "∞"
