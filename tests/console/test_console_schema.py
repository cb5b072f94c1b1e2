"""The API described by itself: OpenAPI 3.1, the reference for people, and llms.txt."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from console.schema import reference
from console.schema.generating import Generator, schema
from console.schema.summaries import SUMMARIES
from tests.api_routes import routes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


def described() -> dict[str, dict[str, Any]]:
    """Return every operation by "METHOD /path"."""
    return {
        f"{method.upper()} {path}": one
        for path, methods in schema()["paths"].items()
        for method, one in methods.items()
    }


def component(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": schema()["components"]})


class TestSchema:
    def test_is_openapi_3_1_for_everybody(self) -> None:
        reply = Client().get("/api/schema")
        assert reply.status_code == 200
        served = reply.json()
        validate_schema(served)
        assert served["openapi"].startswith("3.1")
        assert served == json.loads(json.dumps(schema()))

    def test_is_made_without_a_warning(self, capsys: pytest.CaptureFixture[str]) -> None:
        GENERATOR_STATS.reset()
        Generator().get_schema(request=None, public=True)
        assert not GENERATOR_STATS
        assert capsys.readouterr().err == ""

    def test_has_every_route(self) -> None:
        assert len(described()) == len({(method, address) for method, address, _view in routes()})
        assert len(described()) > 130

    def test_has_a_name_for_every_operation_and_for_no_other(self) -> None:
        assert {name: one.get("summary") for name, one in described().items()} == SUMMARIES
        ids = [one["operationId"] for one in described().values()]
        assert len(ids) == len(set(ids))

    def test_describes_errors_and_success_of_each(self) -> None:
        for name, one in described().items():
            codes = set(one["responses"])
            assert "default" in codes, name
            assert codes & {"200", "201", "202", "204"}, name

    def test_is_strict(self) -> None:
        loose = [
            name
            for name, found in schema()["components"]["schemas"].items()
            if found.get("additionalProperties") is not False
        ]
        assert loose == []

    def test_holds_examples_that_it_accepts(self) -> None:
        found = 0
        for name, one in schema()["components"]["schemas"].items():
            for example in one.get("examples", []):
                found += 1
                assert list(component(name).iter_errors(example)) == [], name
                assert list(component(name).iter_errors({**example, "novelty": 1})), name
        assert found > 30

    def test_says_what_may_be_null_chosen_or_left_out(self) -> None:
        key = component("NewKey")
        for good in ({}, {"expires_in_days": None}, {"scopes": ["read"]}, {"limits": {"requests_per_day": 5}}):
            assert list(key.iter_errors(good)) == [], good
        for bad in ({"expires_in_days": 0}, {"scopes": ["root"]}, {"limits": {"hours": 1}}, {"name": None}):
            assert list(key.iter_errors(bad)), bad

    def test_asks_for_a_key_everywhere_but_at_the_description_itself(self) -> None:
        without = {name for name, one in described().items() if "security" not in one}
        assert without == {"GET /api/schema"}

    def test_has_bodies_that_stream_and_answers_that_do(self) -> None:
        upload = described()["POST /v1/files"]
        assert "multipart/form-data" in upload["requestBody"]["content"]
        file = schema()["components"]["schemas"]["NewFile"]["properties"]["file"]
        assert file == {"type": "string", "format": "binary"}
        kinds = described()["POST /v1/chat/completions"]["responses"]["200"]["content"]
        assert set(kinds) == {"application/json", "text/event-stream"}

    def test_writes_objects_in_a_query_as_routes_read_them(self) -> None:
        [metadata] = [one for one in described()["GET /v1/fine_tuning/jobs"]["parameters"] if one["name"] == "metadata"]
        assert (metadata["style"], metadata["explode"]) == ("deepObject", True)

    def test_is_made_by_one_thread_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make, busy = Generator.get_schema, []

        def alone(self: Generator, **options: Any) -> Any:
            assert not busy
            busy.append(self)
            made = make(self, **options)
            busy.clear()
            return made

        monkeypatch.setattr(Generator, "get_schema", alone)
        schema.cache_clear()
        with ThreadPoolExecutor(2) as threads:
            one, other = threads.map(lambda _number: schema(), range(2))
        assert one == other

    def test_is_in_english_whoever_asks_first(self) -> None:
        schema.cache_clear()
        served = Client().get("/api/schema", headers={"accept-language": "zh-CN"}).content.decode()
        assert "The automatic learning rate is multiplied by it." in served


class TestReference:
    def test_has_a_page_for_each_area_without_signing_in(self) -> None:
        shown = Client().get("/api/docs").content.decode()
        for name, slug, inside in reference.areas():
            assert f"?area={slug}" in shown
            assert inside, name
            page = Client().get(f"/api/docs?area={slug}").content.decode()
            assert all(f'id="{one_id}"' in page for one_id, *_rest in inside)

    def test_shows_the_command_line_and_the_agents_address(self, settings: Any) -> None:
        shown = Client().get("/api/docs").content.decode()
        assert f"luthier login --url {settings.PUBLIC_URL}" in shown
        assert f"luthier {settings.PUBLIC_URL}/mcp" in shown
        assert f"{settings.PUBLIC_URL}/mcp: tools for agents" in Client().get("/llms.txt").content.decode()

    def test_has_commands_with_the_address_filled_in(self, settings: Any) -> None:
        [one] = [
            one for one in reference.operations("jobs") if one.path == "/v1/fine_tuning/jobs" and one.method == "POST"
        ]
        for _language, program in one.commands:
            assert f"{settings.PUBLIC_URL}/v1/fine_tuning/jobs" in program
        compile(dict(one.commands)["Python"], "command", "exec")

    def test_every_python_command_is_python(self) -> None:
        for _name, slug, _inside in reference.areas():
            for one in reference.operations(slug):
                compile(dict(one.commands)["Python"], one.id, "exec")

    def test_has_commands_that_send_every_field_of_a_form(self) -> None:
        found = {one.path: dict(one.commands) for one in reference.operations("data-sets") if "multipart" in one.kind}
        file = found["/v1/files"]
        assert "-F 'purpose=fine-tune'" in file["curl"]
        assert 'files={"file": open("chats.jsonl", "rb")}' in file["Python"]
        assert "data={'purpose': 'fine-tune'}" in file["Python"]
        assert 'form.append("purpose", "fine-tune");' in file["JavaScript"]
        part = found["/v1/uploads/{upload_id}/parts"]
        assert "-F 'data=@chats.jsonl'" in part["curl"]
        assert 'files={"data": open("chats.jsonl", "rb")}' in part["Python"]
        assert 'form.append("data", file);' in part["JavaScript"]

    def test_reads_an_answer_that_is_no_json_as_text(self) -> None:
        [one] = [one for one in reference.operations("usage") if one.path == "/api/v1/usage.csv"]
        assert "print(reply.text)" in dict(one.commands)["Python"]
        assert "await reply.text()" in dict(one.commands)["JavaScript"]

    def test_of_an_area_that_there_is_not_is_a_404(self) -> None:
        assert Client().get("/api/docs?area=nowhere").status_code == 404

    def test_reads_chinese(self) -> None:
        shown = Client().get("/api/docs?area=jobs", headers={"accept-language": "zh-CN"}).content.decode()
        assert "试一试" in shown

    def test_fits_into_a_page_of_text(self) -> None:
        reply = Client().get("/llms.txt")
        assert reply["Content-Type"] == "text/plain; charset=utf-8"
        text = reply.content.decode()
        assert text.startswith("# Luthier\n")
        assert all(f"`{name}`: {title}" in text for name, title in SUMMARIES.items())
