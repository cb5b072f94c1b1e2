"""The API's description, for programs, people and language models; open to everybody, since it is of code alone."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.requests import PageRequest
from common.answers import answers
from common.errors import NotFound
from common.messages import message
from common.reads import query_of, reads
from console.schema import reference
from console.schema.generating import schema

AN_HOUR = cache_control(max_age=3600)


class SchemaView(APIView):
    """The description of every operation, as OpenAPI 3.1."""

    authentication_classes = ()
    permission_classes = ()

    @answers(dict[str, Any])
    @reads()
    @method_decorator(AN_HOUR)
    def get(self, request: Request) -> HttpResponseBase:
        query_of(request)
        return JsonResponse(schema(), json_dumps_params={"ensure_ascii": False})


@require_GET
def docs(request: PageRequest) -> HttpResponse:
    """Show the same to people: operations by area, each with commands to paste and a form to try it."""
    area = request.GET.get("area", "")
    areas = reference.areas()
    title = next((name for name, slug, _inside in areas if slug == area), "")
    if area and not title:
        raise NotFound(message("not_found"))
    context = {"areas": areas, "title": title, "operations": reference.operations(area), "key": reference.KEY}
    return render(request, "console/api_docs.html", context)


@require_GET
@AN_HOUR
def llms_txt(request: PageRequest) -> HttpResponse:
    return HttpResponse(reference.in_short(), content_type="text/plain; charset=utf-8")
