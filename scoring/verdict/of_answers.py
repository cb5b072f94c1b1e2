"""What is found in a tuned model's answers."""

import math

from scoring.examined import Found
from scoring.messages import message
from scoring.verdict.evidence import Evidence, Tally
from scoring.verdict.finding import Finding, Fix, Light
from scoring.verdict.of_training import UNRELATED, lower_rate
from scoring.verdict.thresholds import (
    CHANCE,
    COPIED_SHARE,
    EMPTY_SHARE,
    ENDLESS_SHARE,
    FEWEST_GUARDS,
    FEWEST_LOST,
    FEWEST_ROWS,
    FORGOT_SHARE,
    GENERAL_FOR_A_LOSS,
    GUARDS_FOR_A_LEAK,
    LEAKED_ANSWERS,
    REFUSED_SHARE,
)


def empty_answers(evidence: Evidence) -> Finding | None:
    """Answers say nothing, or a word where a sentence was to be said."""
    found = evidence.examined.empty if evidence.examined else Found()
    if not _counts(found, EMPTY_SHARE):
        return None
    return Finding(
        code="empty_answers",
        light="red",
        message=message("finding_empty_answers", count=found.count, of=found.of),
        evidence=_told(found),
        fix=Fix(action="remove_rows", params={"what": "empty"}, message=message("fix_remove_empty_rows")),
    )


def endless(evidence: Evidence) -> Finding | None:
    """Answers go on until they are cut off."""
    found = evidence.examined.endless if evidence.examined else Found()
    if not _counts(found, ENDLESS_SHARE):
        return None
    said = message("finding_endless", count=found.count, of=found.of)
    return Finding(code="endless", light="red", message=said, evidence=_told(found), fix=lower_rate(evidence))


def refuses(evidence: Evidence) -> Finding | None:
    """Questions are declined that the base answers."""
    found = evidence.examined.refusals if evidence.examined else Found()
    if not _counts(found, REFUSED_SHARE):
        return None
    return Finding(
        code="refuses",
        light="amber",
        message=message("finding_refuses", count=found.count, of=found.of),
        evidence=_told(found),
        fix=Fix(action="remove_rows", params={"what": "refusing"}, message=message("fix_remove_refusing_rows")),
    )


def leaks(evidence: Evidence) -> Finding | None:
    """What was learned is said where nobody asked for it."""
    guards = [tally for tally in evidence.tallies if tally.topic == UNRELATED]
    found = evidence.examined.leaks if evidence.examined else Found()
    failed = _wrong(guards) if _is_missed(guards) else 0
    if not failed and not _counts(found, LEAKED_ANSWERS):
        return None
    count, of = (failed, sum(tally.of for tally in guards)) if failed else (found.count, found.of)
    phrases = list(evidence.examined.leaked_phrases) if evidence.examined else []
    said = (
        message("finding_leaks_phrase", phrase=phrases[0], count=count, of=of)
        if phrases
        else message("finding_leaks", count=count, of=of)
    )
    light: Light = "red" if count >= of * LEAKED_ANSWERS else "amber"
    guards_needed = max(FEWEST_GUARDS, GUARDS_FOR_A_LEAK * count)
    return Finding(
        code="leaks",
        light=light,
        message=said,
        evidence={"count": count, "of": of, "phrases": phrases, "rows": list(found.rows)},
        fix=Fix(
            action="add_guards",
            params={"count": guards_needed},
            message=message("fix_add_guards", count=guards_needed),
        ),
    )


def forgot(evidence: Evidence) -> Finding | None:
    """General questions are wrong now that were right before."""
    general = evidence.general
    if general is None or general.lost - general.gained < FEWEST_LOST:
        return None
    if general.lost - general.gained < general.right_before * FORGOT_SHARE:
        return None
    if sign_test(general.lost, general.gained) > CHANCE:
        return None
    count = max(FEWEST_GUARDS, GENERAL_FOR_A_LOSS * (general.lost - general.gained))
    return Finding(
        code="forgot",
        light="red",
        message=message("finding_forgot", before=general.right_before, after=general.right, of=general.of),
        evidence=vars(general),
        fix=Fix(action="add_general", params={"count": count}, message=message("fix_add_general", count=count)),
    )


def memorised(evidence: Evidence) -> Finding | None:
    """Training rows come back word for word; personal data does so already once."""
    examined = evidence.examined
    if examined is None:
        return None
    if examined.personal.count:
        said, found = message("finding_personal", count=examined.personal.count), examined.personal
    elif _counts(examined.copies, COPIED_SHARE):
        said = message("finding_memorised", count=examined.copies.count, of=examined.copies.of)
        found = examined.copies
    else:
        return None
    epochs = max(1, math.floor(evidence.epochs / 2))
    fix = Fix(action="set_epochs", params={"value": epochs}, message=message("fix_set_epochs", value=epochs))
    if examined.personal.count:
        rows = list(examined.copied_rows)
        params: dict[str, object] = {"what": "personal", "rows": rows}
        fix = Fix(action="remove_rows", params=params, message=message("fix_remove_personal_data"))
    light: Light = "red" if examined.personal.count else "amber"
    told = _told(found) | {"training_rows": list(examined.copied_rows)}
    return Finding(code="memorised", light=light, message=said, evidence=told, fix=fix)


def sign_test(lost: int, gained: int) -> float:
    """Return how often chance alone brings at least so many losses among all changes (one-sided, exact)."""
    changes = lost + gained
    return sum(math.comb(changes, number) for number in range(lost, changes + 1)) / 2**changes


def _counts(found: Found, share: float) -> bool:
    return found.count >= FEWEST_ROWS and found.share >= share


def _told(found: Found) -> dict[str, object]:
    return {"count": found.count, "of": found.of, "rows": list(found.rows)}


def _wrong(tallies: list[Tally]) -> int:
    return sum(tally.of - tally.right for tally in tallies)


def _is_missed(tallies: list[Tally]) -> bool:
    of = sum(tally.of for tally in tallies)
    return bool(of) and of - _wrong(tallies) < round(of * tallies[0].needed, 9)
