"""The playground's pages: two models side by side, what is shared of it, and answers that become data."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import PageRequest
from common.errors import UserError
from common.wording import in_words
from deployments.names import find_target
from deployments.standing import standing_of, standing_of_model
from playground import services
from playground.messages import message
from playground.models import Share
from playground.talks import Talk
from playground.web.forms import KeepForm, TalkForm, ThumbForm
from playground.web.pages import data_sets_of, names_of, page_of, shown_turns, talk_form


@login_required
@require_GET
def playground(request: PageRequest) -> HttpResponse:
    """Show two models side by side; `?from=` goes on with a shared conversation."""
    origin = request.GET.get("from", "")
    shared = services.get_share(team=request.team, share_id=origin) if origin else None
    form = talk_form(request, shared=shared)
    return render(request, "playground/page.html", page_of(request, form, shared.talk if shared else Talk()))


@login_required
@require_GET
def standing(request: PageRequest) -> HttpResponse:
    """Say in words what a model that does not answer yet is waiting for."""
    try:
        target = find_target(team=request.team, name=request.GET.get("model", "").replace("\0", ""))
    except UserError as error:
        return JsonResponse({"state": "", "sentence": in_words(error.message)}, status=error.status)
    if target.deployment is not None:
        now = standing_of(target.deployment)
    else:
        now = standing_of_model(target.base_model, target.adapter)
    return JsonResponse({"state": now.state, "sentence": in_words(now.message)})


@login_required
@require_http_methods(["GET", "POST"])
def shares(request: PageRequest) -> HttpResponse:
    """List what the team shares; POST shares a talk."""
    if request.method == "GET":
        found = Share.objects.visible_to(request.team).listed()[: services.MOST_SHARES]
        return render(request, "playground/shares.html", {"shares": found})
    form = TalkForm(request.POST)

    def make(**_fields: Any) -> HttpResponse:
        made = services.share_talk(team=request.team, by=request.user, talk=form.talk())
        return redirect("playground_share", made.pk)

    return form.answer_once(request, make) or _refused(request, form)


@login_required
@require_GET
def share(request: PageRequest, share_id: str) -> HttpResponse:
    found = services.get_share(team=request.team, share_id=share_id)
    talk, names = found.talk, names_of(request.team)
    context = {
        "share": found,
        "talk": talk,
        "names": [names.get(name, name) for name in (talk.left, talk.right) if name],
        "turns": shown_turns(talk, names),
        "address": request.build_absolute_uri(request.path),
    }
    return render(request, "playground/share.html", context)


@login_required
@require_POST
def delete_share(request: PageRequest, share_id: str) -> HttpResponse:
    found = services.get_share(team=request.team, share_id=share_id)
    services.delete_share(share=found, by=request.user)
    messages.success(request, _("The shared conversation was deleted."))
    return redirect("playground_shares")


@login_required
@require_POST
def keep(request: PageRequest) -> HttpResponse:
    """Show what would be stored of a judged answer, and ask where; nothing is stored yet."""
    form = ThumbForm(request.POST)
    if not form.is_valid():
        raise UserError(message("answer_to_keep_missing"), status=HTTPStatus.BAD_REQUEST)
    talk = form.talk()
    number, side, is_good = form.judged()
    said = talk.turns[number].answer(side) if number < len(talk.turns) else None
    if said is None:
        raise UserError(message("answer_to_keep_missing"), status=HTTPStatus.BAD_REQUEST)
    first = {name: form.data.get(name, "") for name in form.fields}
    data_sets = data_sets_of(request.team)
    chosen = data_sets[0][0] if data_sets and data_sets[0][1].startswith("playground") else ""
    first |= {"learned": said if is_good else "", "data_set": chosen, "new_name": "" if chosen else "playground"}
    return _keep_page(request, KeepForm(data_sets=data_sets, initial=first), form)


def _keep_page(request: PageRequest, form: KeepForm, judged: ThumbForm, *, status: int = 200) -> HttpResponse:
    talk = judged.talk()
    number, side, is_good = judged.judged()
    row = talk.row(side, number, answer="")
    context = {
        "form": form,
        "is_good": is_good,
        "said": talk.turns[number].answer(side),
        "before": row[:-1],
    }
    return render(request, "playground/keep.html", context, status=status)


@login_required
@require_POST
def kept(request: PageRequest) -> HttpResponse:
    """Put the judged answer into the data set that was chosen, as a new version of it."""
    form = KeepForm(request.POST, data_sets=data_sets_of(request.team))

    def store(**fields: Any) -> HttpResponse:
        number, side, _is_good = form.judged()
        row = services.row_to_keep(form.talk(), side=side, number=number, answer=fields["learned"])
        where = {"data_set": fields["data_set"], "new_name": "" if fields["data_set"] else fields["new_name"]}
        file = services.keep_row(team=request.team, by=request.user, row=row, **where)
        words = _("Stored in %(name)s, version %(version)s.") % {"name": file.filename, "version": file.version}
        address = redirect("dataset", file.pk).url
        messages.success(request, format_html('{} <a href="{}">{}</a>', words, address, _("Look at it")))
        return redirect("playground")

    answered = form.answer_once(request, store)
    if answered is not None:
        return answered
    judged = ThumbForm(request.POST)
    if not judged.is_valid():
        raise UserError(message("answer_to_keep_missing"), status=HTTPStatus.BAD_REQUEST)
    services.row_to_keep(judged.talk(), side=judged.judged()[1], number=judged.judged()[0], answer="x")
    return _keep_page(request, form, judged, status=form.status)


def _refused(request: PageRequest, form: TalkForm) -> HttpResponse:
    """Show the talk that was not shared, and why."""
    for sentence in form.refusals:
        messages.error(request, sentence)
    shown = talk_form(request, is_sent=True)
    return render(request, "playground/page.html", page_of(request, shown, shown.talk_or_none()), status=form.status)
