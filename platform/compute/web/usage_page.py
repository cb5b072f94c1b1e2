"""The page of usage: what a team, or to administrators every team, has used, day by day and by whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import formats
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.models import Team
from accounts.requests import PageRequest, no_team, team_named
from common.errors import UserError
from common.templatetags.luthier import grouped
from common.wording import in_words
from compute.hours import sums
from compute.models import Quota
from ledger.asking import question_of
from ledger.days import today
from ledger.reading import Question, Sums, total, usage
from ledger.storage import stored, titles

MOST_ROWS = 200
"""Of the table; the file has all."""
BAR, GAP, HEIGHT = 8, 2, 100
"""Of the plot, in its own units."""
GROUPS = {
    "user": gettext_lazy("Person"),
    "model": gettext_lazy("Model"),
    "day": gettext_lazy("Day"),
    "team": gettext_lazy("Team"),
}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One day of the plot."""

    x: int
    y: float
    height: float
    title: str


@dataclass(frozen=True, kw_only=True)
class HoursLimit:
    """How far a team is with its hours in a pool; the hours as they are written."""

    pool: str
    hours: int
    value: str
    percent: int
    used: str
    held: str
    forecast: str


@login_required
@require_GET
def usage_page(request: PageRequest) -> HttpResponse:
    """Show the usage that the address asks for; of this month, where it says nothing."""
    asked = {name: request.GET.get(name, "") for name in ("from", "to", "group_by", "team")}
    error, status = "", 200
    try:
        question = _question(request, asked)
    except UserError as refused:
        error, status = in_words(refused.message), refused.status
        asked = dict.fromkeys(asked, "")
        question = _question(request, asked)
    rows, used = usage(question), sums.used_this_month()
    context = {
        "error": error,
        "question": question,
        "groups": GROUPS.items(),
        "group": GROUPS[question.by],
        "teams": Team.objects.tenants().order_by("name") if request.user.is_staff else (),
        "sentence": _sentence(question.team, used),
        "limits": _limits(question.team, used) if question.team else [],
        "rows": _drawn(rows[:MOST_ROWS], question.by),
        "num_shown": min(len(rows), MOST_ROWS),
        "num_rows": len(rows),
        "total": _figures(total(rows)),
        **_plot(question, rows if question.by == "day" else None),
        **(_storage(question.team) if question.team else {}),
        "file": f"/api/v1/usage.csv?{urlencode(_query(question))}",
        "curl": f"curl '{settings.PUBLIC_URL}/api/v1/usage?{urlencode(_query(question))}' "
        "-H 'Authorization: Bearer sk-luthier-…'",
    }
    return render(request, "compute/usage.html", context, status=status)


def _question(request: PageRequest, asked: dict[str, str]) -> Question:
    """Return what is asked for; whose it is, an administrator may choose."""
    team: Team | None = request.team
    if request.user.is_staff:
        team = team_named(asked["team"]) if asked["team"] else None
    elif asked["team"] not in ("", request.team.slug):
        raise no_team(asked["team"])
    by = asked["group_by"] or ("user" if team else "team")
    return question_of(first=asked["from"], last=asked["to"], by=by, team=team)


def _query(question: Question) -> dict[str, str]:
    team = {"team": question.team.slug} if question.team else {}
    return {"from": str(question.first), "to": str(question.last), "group_by": question.by, **team}


def _sentence(team: Team | None, used: Mapping[sums.Key, Decimal]) -> str:
    """Return a sentence on the month's use so far, and at its end at this pace."""
    seconds = sum((taken for (of, _pool), taken in used.items() if team is None or team.pk == of), Decimal(0))
    said = _("This month %(used)s accelerator-hours were used; at this pace about %(forecast)s by its end.")
    return said % {"used": in_hours(seconds), "forecast": in_hours(sums.forecast(seconds))}


def _limits(team: Team, used: Mapping[sums.Key, Decimal]) -> list[HoursLimit]:
    """Return how far the team is with its hours in each pool that limits them."""
    found = Quota.objects.filter(team=team).exclude(accelerator_hours=None).select_related("pool").order_by("pool")
    holds = sums.held() if found else {}
    limits = []
    for quota in found:
        key, most = (team.pk, quota.pool.name), quota.accelerator_hours or 0
        seconds = used.get(key, Decimal(0))
        limits.append(
            HoursLimit(
                pool=str(quota.pool),
                hours=most,
                value=f"{seconds / sums.HOUR:.4f}",
                percent=round(seconds * 100 / (most * sums.HOUR)) if most else 100,
                used=in_hours(seconds),
                held=in_hours(holds.get(key, Decimal(0))),
                forecast=in_hours(sums.forecast(seconds)),
            )
        )
    return limits


def _storage(team: Team) -> dict[str, object]:
    """Return what the team has in storage, the largest first."""
    found, words = stored(team), titles()
    kinds = sorted(((words[name], num_bytes) for name, num_bytes in found.items()), key=lambda kind: -kind[1])
    return {"storage": kinds, "stored": sum(found.values()), "storage_allowed": team.storage_bytes}


def _names(by: str) -> dict[str, str]:
    return dict(Team.objects.values_list("slug", "name")) if by == "team" else {}


def _drawn(rows: Sequence[Sums], by: str) -> SafeString:
    """Return the rows of the table: not by a template, which takes ten times as long for each of hundreds."""
    names = _names(by)
    return format_html_join("", "<tr><td>{}</td>{}</tr>", ((_key(row, by, names), _figures(row)) for row in rows))


def _key(sums: Sums, by: str, names: dict[str, str]) -> str:
    shown = formats.date_format(date.fromisoformat(sums.key), "Y-m-d") if by == "day" else names.get(sums.key, sums.key)
    return shown or "–"


def _figures(sums: Sums) -> SafeString:
    """Return the cells of what was used."""
    figures = (
        (_("Accelerator-hours"), in_hours(sums.accelerator_seconds)),
        (_("Requests"), grouped(sums.requests)),
        (_("Prompt tokens"), grouped(sums.prompt_tokens)),
        (_("Answer tokens"), grouped(sums.completion_tokens)),
    )
    return format_html_join("", '<td class="n" data-label="{}">{}</td>', figures)


def _plot(question: Question, days: Sequence[Sums] | None) -> dict[str, object]:
    """Return the accelerator-hours of each day as bars, from the first day that was asked for to the last.

    `days` is what was used by day, where that is known already.
    """
    if days is None:
        days = usage(Question(first=question.first, last=question.last, by="day", team=question.team))
    used = {row.key: row.accelerator_seconds for row in days}
    num_days = (min(question.last, today()) - question.first).days + 1
    shown = [question.first + timedelta(days=number) for number in range(num_days)]
    most = max(used.values(), default=Decimal(0))
    return {
        "bars": _bars(shown, used, most) if most else [],
        "plot_width": len(shown) * (BAR + GAP),
        "plot_height": HEIGHT,
        "most": in_hours(most),
        "last_shown": shown[-1] if shown else question.last,
    }


def _bars(days: Sequence[date], used: dict[str, Decimal], most: Decimal) -> list[Bar]:
    bars = []
    for number, day in enumerate(days):
        seconds = used.get(str(day), Decimal(0))
        height = round(float(seconds / most) * HEIGHT, 2)
        title = _("%(day)s: %(hours)s h") % {"day": formats.date_format(day, "Y-m-d"), "hours": in_hours(seconds)}
        bars.append(Bar(x=number * (BAR + GAP), y=HEIGHT - height, height=height, title=title))
    return bars


def in_hours(seconds: Decimal | float) -> str:
    """Return hours with as many digits as say something: 0.004, 1.25, 1,204."""
    number = float(seconds) / sums.HOUR
    digits = 0 if number >= 100 or number == 0 else 2 if number >= 0.1 else 4
    return f"{number:,.{digits}f}"
