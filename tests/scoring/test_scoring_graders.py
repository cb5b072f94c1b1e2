"""Graders in OpenAI's shapes: what they give, and what is refused by name."""

from typing import Any

import pytest
import sacrebleu
from corpus import MIXED
from nltk.translate.gleu_score import sentence_gleu
from openai.types import graders as openai_graders
from rapidfuzz import fuzz

from scoring.errors import ScoringError
from scoring.graders import Multi, grade, judge_requests, parse_grader, parse_graders, sample_of
from scoring.graders.shapes import SIMILARITIES
from scoring.graders.similarity import similarity
from scoring.measures.overlap import rouge_l
from scoring.texts import has_han, units

ANSWER, EXPECTED = "{{ sample.output_text }}", "{{item.answer}}"
CHECK = {"type": "string_check", "name": "same", "input": ANSWER, "reference": EXPECTED, "operation": "eq"}
ALIKE = {
    "type": "text_similarity", "name": "alike", "input": ANSWER, "reference": EXPECTED, "evaluation_metric": "rouge_l",
}  # fmt: skip
SCORED = {
    "type": "score_model",
    "name": "kind",
    "model": "judge-1",
    "input": [
        {"role": "system", "content": "Score kindness."},
        {"role": "user", "content": "Question: {{item.question}}\nAnswer: {{sample.output_text}}"},
    ],
    "range": [1, 5],
    "sampling_params": {"temperature": 0, "max_completions_tokens": 200},
    "pass_threshold": 4,
}
LABELLED = {
    "type": "label_model",
    "name": "tone",
    "model": "judge-1",
    "input": [{"role": "user", "content": "Is it rude? {{sample.output_text}}"}],
    "labels": ["polite", "rude", "impolite"],
    "passing_labels": ["polite"],
}


def score(body: dict[str, Any], answer: str, expected: str = "", *replies: str) -> float:
    return grade(parse_grader(body), item={"answer": expected}, sample={"output_text": answer}, replies=replies).score


class TestStringCheck:
    @pytest.mark.parametrize(
        ("operation", "answer", "expected", "holds"),
        [
            ("eq", "Rome", "Rome", True),
            ("eq", "rome", "Rome", False),
            ("ne", "rome", "Rome", True),
            ("like", "It is Rome.", "Rome", True),
            ("like", "It is rome.", "Rome", False),
            ("ilike", "IT IS ＲＯＭＥ.", "rome", True),
            ("ilike", "Rome", "It is Rome.", False),
        ],
    )
    def test_holds_or_not(self, operation: str, answer: str, expected: str, holds: bool) -> None:
        found = grade(
            parse_grader(CHECK | {"operation": operation}), item={"answer": expected}, sample={"output_text": answer}
        )
        assert (found.score, found.passed) == (float(holds), holds)


class TestTextSimilarity:
    @pytest.mark.parametrize("pair", MIXED)
    def test_is_that_of_the_reference_implementations(self, pair: tuple[str, str]) -> None:
        answer, expected = pair
        assert similarity("fuzzy_match", answer, expected) == fuzz.WRatio(answer, expected) / 100
        assert similarity("rouge_l", answer, expected) == rouge_l(answer, expected)
        tokenizer = "zh" if has_han(expected) else "13a"
        bleu = sacrebleu.sentence_bleu(answer, [expected], tokenize=tokenizer).score
        assert similarity("bleu", answer, expected) == pytest.approx(bleu / 100, abs=1e-12)
        gleu = sentence_gleu([units(expected)], units(answer)) if units(answer) else 0.0
        assert similarity("gleu", answer, expected) == pytest.approx(gleu, abs=1e-12)

    def test_every_one_is_1_for_the_same_text(self) -> None:
        for metric in SIMILARITIES:
            for text in ("one two three four five six", "一二三四五六"):
                assert similarity(metric, text, text) == pytest.approx(1.0), metric
                assert similarity(metric, text, "") == 0.0

    def test_passes_from_its_threshold_on(self) -> None:
        found = [
            grade(
                parse_grader(ALIKE | {"pass_threshold": 0.5}), item={"answer": "a b c d"}, sample={"output_text": text}
            )
            for text in ("a b", "a")
        ]
        assert [one.passed for one in found] == [True, False]
        assert grade(parse_grader(ALIKE), item={"answer": "a"}, sample={"output_text": "a"}).passed is None

    @pytest.mark.parametrize(("metric", "code"), [("meteor", "similarity_meteor"), ("cosine", "similarity_cosine")])
    def test_what_cannot_be_computed_is_refused_by_name(self, metric: str, code: str) -> None:
        with pytest.raises(ScoringError, match=metric) as caught:
            parse_grader(ALIKE | {"evaluation_metric": metric})
        assert (caught.value.code, caught.value.field) == (code, "grader.evaluation_metric")


class TestJudged:
    def test_the_judge_is_asked_with_the_row_in_place(self) -> None:
        (request,) = judge_requests(
            parse_grader(SCORED), item={"question": "你好？"}, sample={"output_text": "{{item.question}} 您好"}
        )
        assert request.model == "judge-1"
        assert request.messages[1] == {"role": "user", "content": "Question: 你好？\nAnswer: {{item.question}} 您好"}
        assert request.sampling_params == {"temperature": 0, "max_completion_tokens": 200}
        properties = request.response_format["json_schema"]["schema"]["properties"]
        assert properties["result"] == {"type": "number", "minimum": 1.0, "maximum": 5.0}

    @pytest.mark.parametrize(
        ("reply", "value"),
        [
            ('{"steps": "…", "result": 4.5}', 4.5),
            ('```json\n{"score": 3}\n```', 3),
            ("There are 2 faults. Score: 4/5", 4),
            ("I give 3 out of 5.", 3),
            ("评分：5", 5),
            ('{"result": "4"}', 4),
        ],
    )
    def test_a_score_is_read_from_json_or_words(self, reply: str, value: float) -> None:
        found = grade(parse_grader(SCORED), item={}, sample={}, replies=[reply])
        assert (found.score, found.passed) == (value, value >= 4)

    @pytest.mark.parametrize("reply", ["", "Very kind.", '{"result": 9}', '{"result": true}', "v2.x"])
    def test_a_reply_without_a_score_in_range_is_none(self, reply: str) -> None:
        with pytest.raises(ScoringError) as caught:
            score(SCORED, "", "", reply)
        assert caught.value.code == "judge_without_score"

    @pytest.mark.parametrize(
        ("reply", "label"),
        [
            ('{"steps": "not rude", "result": "polite"}', "polite"),
            ("It is impolite.", "impolite"),
            ("First I thought it polite, but it is RUDE.", "rude"),
            ("**Polite**", "polite"),
        ],
    )
    def test_a_label_is_read_from_json_or_words(self, reply: str, label: str) -> None:
        found = grade(parse_grader(LABELLED), item={}, sample={}, replies=[reply])
        assert (found.label, found.score, found.passed) == (label, float(label == "polite"), label == "polite")

    def test_chinese_labels_stand_between_other_words(self) -> None:
        body = LABELLED | {"labels": ["对", "不对"], "passing_labels": ["对"]}
        assert [score(body, "", "", reply) for reply in ("我认为不对。", "答案是对的")] == [0.0, 1.0]

    @pytest.mark.parametrize("reply", ["", "Politeness matters.", "prude"])
    def test_a_reply_without_a_label_is_none(self, reply: str) -> None:
        with pytest.raises(ScoringError) as caught:
            score(LABELLED, "", "", reply)
        assert caught.value.code == "judge_without_label"

    def test_replies_and_requests_belong_together(self) -> None:
        with pytest.raises(ScoringError, match="has not replied"):
            score(LABELLED, "")
        with pytest.raises(ScoringError, match="more replies"):
            score(CHECK, "", "", "polite")


class TestMulti:
    BODY = {
        "type": "multi",
        "name": "both",
        "graders": {"same": CHECK, "kind": SCORED, "tone": LABELLED},
        "calculate_output": "0.5 * same + (kind - 1) / 4 * max(tone, 0.1) ^ 2",
    }

    def test_one_grader_as_openais_client_types_it_stands_under_its_own_name(self) -> None:
        body = self.BODY | {"graders": CHECK, "calculate_output": "1 - same"}
        theirs = openai_graders.MultiGrader.model_validate(body).model_dump()
        assert (score(theirs, "a", "a"), score(body, "a", "b")) == (0.0, 1.0)

    def test_its_judges_are_asked_in_order_and_the_formula_holds(self) -> None:
        grader = parse_grader(self.BODY)
        row: dict[str, Any] = {"item": {"answer": "a", "question": "q"}, "sample": {"output_text": "a"}}
        assert [request.messages[-1]["content"][:2] for request in judge_requests(grader, **row)] == ["Qu", "Is"]
        assert grade(grader, **row, replies=["3", "polite"]).score == pytest.approx(1.0)
        assert grade(grader, **row, replies=["5", "rude"]).score == pytest.approx(0.51)

    @pytest.mark.parametrize(
        ("formula", "value"),
        [
            ("same", 1.0),
            ("-same + 3", 2.0),
            ("min(same, 0.2, 7)", 0.2),
            ("floor(2.7) + ceil(0.1) + abs(-1)", 4.0),
            ("2 ^ 3 ^ 2", 512.0),
            ("sqrt(4) * exp(0) - log(1)", 2.0),
        ],
    )
    def test_formulas(self, formula: str, value: float) -> None:
        body = self.BODY | {"graders": {"same": CHECK}, "calculate_output": formula}
        assert score(body, "a", "a") == pytest.approx(value)

    @pytest.mark.parametrize(
        ("formula", "code"),
        [
            ("", "formula_not_text"),
            (3, "formula_not_text"),
            ("1 +" * 999, "formula_not_text"),
            ("other", "formula_unknown_name"),
            ("__import__('os')", "formula_refused"),
            ("same.real", "formula_refused"),
            ("same if 1 else 2", "formula_refused"),
            ("'a'", "formula_refused"),
            ("True", "formula_refused"),
            ("1j", "formula_refused"),
            ("min(same)", "formula_refused"),
            ("log(1, 2)", "formula_refused"),
            ("min(*same)", "formula_refused"),
            ("pow(2, 3)", "formula_refused"),
            ("same +", "formula_refused"),
            ("(" * 400, "formula_refused"),
            ("[x for x in same]", "formula_refused"),
        ],
    )
    def test_a_formula_holds_nothing_else(self, formula: Any, code: str) -> None:
        with pytest.raises(ScoringError) as caught:
            parse_grader(self.BODY | {"graders": {"same": CHECK}, "calculate_output": formula})
        assert (caught.value.code, caught.value.field) == (code, "grader.calculate_output")

    @pytest.mark.parametrize("formula", ["1 / same", "log(same)", "9 ^ 9 ^ 9", "exp(1e9)", "(-1) ^ 0.5", "1e308 * 10"])
    def test_a_formula_without_a_value_is_told(self, formula: str) -> None:
        with pytest.raises(ScoringError) as caught:
            score(self.BODY | {"graders": {"same": CHECK}, "calculate_output": formula}, "a", "b")
        assert caught.value.code == "formula_failed"


class TestTemplate:
    @pytest.mark.parametrize(
        ("template", "text"),
        [
            ("{{item.a}}", "1"),
            ("{{ item.list[1] }}", "二"),
            ("{{item.list.0}}", "one"),
            ("{{item['a b']}}", '{"c": null}'),
            ("{{sample.output_json.city}}!", "Rome!"),
            ("{{item.中文}}", "是"),
            ("plain } { text", "plain } { text"),
        ],
    )
    def test_ways_lead_through_json(self, template: str, text: str) -> None:
        item = {"a": 1, "list": ["one", "二"], "a b": {"c": None}, "中文": "是"}
        found = grade(
            parse_grader(CHECK | {"input": template, "reference": text}),
            item=item,
            sample={"output_text": "", "output_json": {"city": "Rome"}},
        )
        assert found.passed

    def test_an_answer_is_text_json_where_it_is_json_and_calls_no_tools(self) -> None:
        assert sample_of("Rome") == {"output_text": "Rome", "output_tools": []}
        assert sample_of('{"city": ["Rome"]}')["output_json"] == {"city": ["Rome"]}
        body = CHECK | {"input": "{{sample.output_json.city[0]}} {{sample.output_tools}}", "reference": "Rome []"}
        assert grade(parse_grader(body), item={}, sample=sample_of('{"city": ["Rome"]}')).passed
        with pytest.raises(ScoringError, match=r"no sample\.output_json"):
            grade(parse_grader(body), item={}, sample=sample_of("In Rome."))

    @pytest.mark.parametrize(
        "template",
        [
            "{{ item.a|upper }}", "{{ item.a() }}", "{{ item }}", "{{ 7*7 }}", "{{ other.a }}", "{{}}", "{{ item.a",
            "{% for a in item %}", "{# note #}", "{{ sample.secret }}", "{{ item.a + item.b }}", "{{ item[a] }}",
        ],
    )  # fmt: skip
    def test_nothing_else_may_stand_in_it(self, template: str) -> None:
        with pytest.raises(ScoringError) as caught:
            parse_grader(CHECK | {"input": template})
        assert (caught.value.code, caught.value.field) == ("grader_placeholder", "grader.input")

    @pytest.mark.parametrize("template", ["{{item.b}}", "{{item.a.real}}", "{{item.list[9]}}", "{{item.a.__class__}}"])
    def test_a_way_that_leads_nowhere_is_told(self, template: str) -> None:
        with pytest.raises(ScoringError, match=r"The row has no item\."):
            grade(parse_grader(CHECK | {"input": template}), item={"a": 1, "list": []}, sample={"output_text": ""})


class TestParsing:
    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("StringCheckGrader", CHECK),
            ("TextSimilarityGrader", ALIKE),
            ("ScoreModelGrader", SCORED),
            ("LabelModelGrader", LABELLED),
        ],
    )
    def test_what_openais_client_has_is_read_as_it_is_sent(self, kind: str, body: dict[str, Any]) -> None:
        theirs = getattr(openai_graders, kind)(**body).model_dump()
        assert parse_grader(theirs) == parse_grader(body)

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            ({"type": "input_text", "text": "{{item.a}}"}, "x"),
            ([{"type": "output_text", "text": "{{item.a}}"}, "then {{item.a}}"], "x\nthen x"),
        ],
    )
    def test_content_may_be_blocks_of_text(self, content: Any, text: str) -> None:
        block = [{"role": "user", "type": "message", "content": content}]
        assert judge_requests(parse_grader(LABELLED | {"input": block}), item={"a": "x"}, sample={})[0].messages == (
            {"role": "user", "content": text},
        )

    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            ({"type": "python", "name": "a", "source": "1"}, "grader_python", "type"),
            ({"type": "endpoint"}, "grader_not_one_of", "type"),
            ({}, "grader_not_one_of", "type"),
            (CHECK | {"operation": "regex"}, "grader_not_one_of", "operation"),
            (CHECK | {"name": ""}, "grader_name_unfit", "name"),
            (CHECK | {"input": 3}, "grader_not_text", "input"),
            (CHECK | {"input": "a" * 100_001}, "grader_text_too_long", "input"),
            (CHECK | {"weight": 2}, "grader_key_unknown", "weight"),
            (ALIKE | {"pass_threshold": "high"}, "grader_not_number", "pass_threshold"),
            (ALIKE | {"evaluation_metric": "rouge_6"}, "grader_not_one_of", "evaluation_metric"),
            (SCORED | {"range": [1]}, "grader_range_unfit", "range"),
            (SCORED | {"range": [5, 1]}, "grader_range_unfit", "range"),
            (SCORED | {"input": []}, "judge_input_unfit", "input"),
            (SCORED | {"input": [{"role": "tool", "content": ""}]}, "grader_not_one_of", "input[0].role"),
            (SCORED | {"input": [{"role": "user", "content": [1]}]}, "grader_not_text", "input[0].content"),
            (SCORED | {"input": [{"role": "user", "content": []}]}, "grader_not_text", "input[0].content"),
            (
                SCORED | {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "a"}]}]},
                "grader_not_one_of",
                "input[0].content.type",
            ),
            (
                SCORED | {"input": [{"role": "user", "content": {"type": "input_text", "text": "a", "weight": 1}}]},
                "grader_key_unknown",
                "input[0].content.weight",
            ),
            (SCORED | {"sampling_params": {"stop": "."}}, "grader_key_unknown", "sampling_params.stop"),
            (SCORED | {"sampling_params": {"seed": "1"}}, "grader_not_number", "sampling_params.seed"),
            (LABELLED | {"labels": []}, "labels_unfit", "labels"),
            (LABELLED | {"labels": ["a", "A"]}, "labels_unfit", "labels"),
            (LABELLED | {"passing_labels": ["kind"]}, "grader_not_one_of", "passing_labels"),
            (TestMulti.BODY | {"graders": {}}, "multi_needs_graders", "graders"),
            (TestMulti.BODY | {"graders": {"a-b": CHECK}}, "multi_name_unfit", "graders.a-b"),
            (TestMulti.BODY | {"graders": {"a": TestMulti.BODY}}, "multi_in_multi", "graders.a"),
        ],
    )
    def test_refuses_with_the_place(self, body: dict[str, Any], code: str, field: str) -> None:
        with pytest.raises(ScoringError) as caught:
            parse_grader(body)
        assert (caught.value.code, caught.value.field) == (code, f"grader.{field}")
        assert str(caught.value.message).endswith(".")

    @pytest.mark.parametrize(
        ("bodies", "code"),
        [
            ({}, "graders_not_list"),
            ([3], "grader_not_object"),
            ([CHECK, CHECK], "grader_name_twice"),
            ([CHECK | {"name": f"a{number}"} for number in range(51)], "too_many_graders"),
        ],
    )
    def test_refuses_a_list(self, bodies: Any, code: str) -> None:
        with pytest.raises(ScoringError) as caught:
            parse_graders(bodies)
        assert caught.value.code == code

    def test_reads_several(self) -> None:
        assert [grader.name for grader in parse_graders([CHECK, SCORED, TestMulti.BODY])] == ["same", "kind", "both"]
        assert isinstance(parse_grader(TestMulti.BODY), Multi)
