"""What API views read of a request: the team, the user, and checked fields."""

from collections.abc import Callable
from typing import Any, cast

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts.models import Team, User
from common.errors import NotFound, UserError


def team_of(request: Request) -> Team:
    """Return the team that the request acts for; UserError for a user without one."""
    team = getattr(request, "team", None)
    if not team:
        raise UserError(
            "You belong to no team yet. Ask an administrator to add you to one.", code="no_team", status=403
        )
    return cast(Team, team)


def team_named(name: str) -> Team:
    """Return the team of this slug or name."""
    known = Team.objects.none() if "\0" in name else Team.objects.tenants()
    team = known.filter(slug=name).first() or known.filter(name=name).first()
    if team is None:
        raise no_team(name)
    return team


def no_team(name: str) -> NotFound:
    return NotFound(f"There is no team {name!r}.", code="team_not_found")


def user_of(request: Request) -> User:
    return cast(User, request.user)


def query_of(
    kind: type[serializers.Serializer], request: Request, *, beside: Callable[[str], bool] = lambda name: False
) -> dict[str, Any]:
    """Return the query's fields; an unknown one is refused, but those that `beside` says are read elsewhere."""
    query = request.query_params.dict()
    form = kind(data=query)
    _refuse_unknown(form, {name: value for name, value in query.items() if not beside(name)})
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def require_no_body(request: Request) -> None:
    """Refuse fields where none is read, since they would be ignored in silence."""
    if not request.data:
        return
    name = next(iter(request.data)) if isinstance(request.data, dict) else "body"
    raise ValidationError({str(name): "This is not known here: the request takes no fields."})


def body_of(kind: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """Return the body's fields; an unknown one is refused, since it would otherwise be ignored in silence."""
    if not isinstance(request.data, dict):
        raise UserError("The body must be one JSON object.", code="invalid_type")
    form = kind(data=request.data)
    _refuse_unknown(form, request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _refuse_unknown(form: Any, data: Any, path: str = "") -> None:
    """Refuse a field that nobody reads, also in the objects and lists of a body."""
    if isinstance(form, serializers.ListSerializer):
        for number, part in enumerate(data if isinstance(data, list) else []):
            _refuse_unknown(form.child, part, f"{path}.{number}")
    elif isinstance(form, serializers.Serializer) and isinstance(data, dict):
        if unknown := sorted(set(data) - set(form.fields)):
            known = ", ".join(form.fields) or "none"
            raise ValidationError({f"{path}.{unknown[0]}".lstrip("."): f"This is not known here. Known: {known}."})
        for name, value in data.items():
            _refuse_unknown(form.fields[name], value, f"{path}.{name}")
