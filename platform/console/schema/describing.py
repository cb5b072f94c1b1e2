"""How one route is described, and each of our fields."""

import re
from typing import Any

from django.apps import apps
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import append_meta, build_array_type, build_media_type_object
from rest_framework import serializers

from common.answers import Declared, ErrorObject
from common.fields import Checked, Either, OpenFloatField, PairsField
from common.reads import Query, Reads
from common.typed_serializers import field_of, serializer_of
from console.schema.summaries import SUMMARIES

Schema = dict[str, Any]

AREAS = {
    "datasets_app": "Data sets",
    "jobs": "Jobs",
    "batches": "Batches",
    "evaluations": "Evaluations and models",
    "deployments": "Deployments and answers",
    "playground": "Playground",
    "compute": "Pool, queue and quotas",
    "catalogue": "Base models",
    "ledger": "Usage",
    "accounts": "People and keys",
    "webhooks": "Webhooks",
    "notifications": "Notifications",
    "console": "The API itself",
}
"""What the routes of each app are gathered under."""
NAMED: dict[str, type] = {}
"""The serializer behind each component."""
REFUSED = "A sentence that says what is wrong, and a code."
_ADDRESSES = re.compile(
    r"^(?:GET|POST|PUT|PATCH|DELETE)\b[^.\n]*?/(?:api/)?v1/\S*(?: \{[^\n]*?\})?(?:[.:]\s*|\s*$)", re.M
)


class Describing(AutoSchema):  # type: ignore[misc]
    """Takes from a view what `@reads` and `@answers` say of the method."""

    def get_operation_id(self) -> str:
        words = re.findall(r"\w+", self.path.replace("/api/v1", "").replace("/v1", "/openai"))
        return "_".join([self.method.lower(), *words])

    def get_summary(self) -> str | None:
        return SUMMARIES.get(f"{self.method} {self.path}")

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        return self._doc()

    def get_tags(self) -> list[str]:
        app = apps.get_containing_app_config(type(self.view).__module__)
        return [AREAS[app.name if app else "console"]]

    def get_auth(self) -> list[Schema]:
        return [{"key": []}] if self.view.permission_classes else []

    def get_serializer_name(self, serializer: Any, direction: str) -> str:
        """Return the component's name; two serializers of one name would become one in silence."""
        kind = type(serializer)
        if NAMED.setdefault(kind.__name__, kind) is not kind:
            raise ValueError(f"{kind} and {NAMED[kind.__name__]} are both called {kind.__name__}.")
        return kind.__name__

    def get_override_parameters(self) -> list[Any]:
        query = self._reads.query if self._reads else Query
        return [query()] if query().fields else []

    def _get_parameters(self) -> list[Schema]:
        found: list[Schema] = super()._get_parameters()
        for one in found:
            if one["schema"].get("type") == "object":
                one |= {"style": "deepObject", "explode": True}
        return found

    def _resolve_path_parameters(self, variables: list[str]) -> list[Schema]:
        return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in variables]

    def _get_filter_parameters(self) -> list[Schema]:
        return []

    def _get_pagination_parameters(self) -> list[Schema]:
        return []

    def _get_format_parameters(self) -> list[Schema]:
        return []

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False

    def get_request_serializer(self) -> Any:
        return self._reads.body() if self._reads and self._reads.body else None

    def map_parsers(self) -> list[str]:
        return [self._reads.kind] if self._reads and self._reads.body else []

    def _get_request_body(self, direction: str = "request") -> Schema | None:
        body: Schema | None = super()._get_request_body(direction)
        return body if self.get_request_serializer() is not None else None

    def _get_response_bodies(self, direction: str = "response") -> Schema:
        answer = self._declared
        good: Schema = {"description": "Done."}
        if answer.body is not None:
            schema = self._unwrap_list_serializer(answer.serializer, "response")
            good["content"] = {"application/json": build_media_type_object(schema)}
        for kind, line in answer.streams.items():
            schema = {"type": "string"} if line is None else self._unwrap_list_serializer(field_of(line), "response")
            good.setdefault("content", {})[kind] = build_media_type_object(schema)
        error = self.resolve_serializer(serializer_of(ErrorObject)(), "response").ref
        refused = {"description": REFUSED, "content": {"application/json": build_media_type_object(error)}}
        return {str(answer.status): good, "default": refused}

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Schema:
        schema: Schema = super()._map_basic_serializer(serializer, direction)
        schema["additionalProperties"] = False
        if example := getattr(serializer, "example", None):
            schema["examples"] = [dict(example)]
        return schema

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> Schema:
        meta = self._get_serializer_field_meta(field, direction)
        if isinstance(field, Either):
            kinds = [self._map_serializer_field(kind, direction) for kind in field.kinds]
            return _noted({"anyOf": kinds}, meta)
        if isinstance(field, Checked):
            return _noted(self._map_serializer_field(field.kind, direction), meta)
        if isinstance(field, serializers.ChoiceField):
            values = [*field.choices, *([""] if getattr(field, "allow_blank", False) else [])]
            return _noted({"enum": values or [None]}, meta)
        if isinstance(field, serializers.FileField):
            return _noted({"type": "string", "format": "binary"}, meta)
        if isinstance(field, serializers.JSONField):
            return {name: value for name, value in meta.items() if name != "nullable"}
        if isinstance(field, serializers.ListField) and field.child is not None:
            lengths = {"minItems": field.min_length, "maxItems": field.max_length}
            schema = build_array_type(self._map_serializer_field(field.child, direction))
            return _noted({**schema, **{name: n for name, n in lengths.items() if n is not None}}, meta)
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(field, PairsField) and field.most is not None:
            schema["maxProperties"] = field.most
        if isinstance(field, OpenFloatField):
            limits = {"exclusiveMinimum": field.above, "exclusiveMaximum": field.below}
            schema |= {name: limit for name, limit in limits.items() if limit is not None}
        return schema

    @property
    def _method(self) -> Any:
        return getattr(type(self.view), self.method.lower())

    @property
    def _declared(self) -> Declared:
        found: Declared = self._method.answers
        return found

    @property
    def _reads(self) -> Reads | None:
        found: Reads | None = getattr(self._method, "reads", None)
        return found

    def _doc(self) -> str:
        """Return what the method's text says, else the view's, without the addresses at its beginning."""
        text = self._method.__doc__ or type(self.view).__doc__ or ""
        return _ADDRESSES.sub("", "\n".join(line.strip() for line in text.strip().splitlines())).strip()


def in_areas(schema: Schema) -> list[Schema]:
    """Return the areas that routes are gathered under, in their order."""
    used = {tag for methods in schema["paths"].values() for one in methods.values() for tag in one["tags"]}
    return [{"name": area} for area in AREAS.values() if area in used]


def _noted(schema: Schema, meta: Schema) -> Schema:
    """Return `schema` with what is noted of its field; null is one more value of a choice."""
    if meta.get("nullable") and "enum" in schema:
        values = [*schema["enum"], *([] if None in schema["enum"] else [None])]
        return {**schema, **{name: value for name, value in meta.items() if name != "nullable"}, "enum": values}
    noted: Schema = append_meta(schema, meta)
    return noted
