"""Measures are those of their reference implementations, to the last printed digit."""

import random
import subprocess
import sys

import pytest
import sacrebleu
from corpus import CORPORA, MIXED, parted
from rouge_score.rouge_scorer import RougeScorer

from scoring.errors import ScoringError
from scoring.measures import MEASURES, Measure, measure
from scoring.measures.overlap import rouge_n
from scoring.scores import score
from scoring.texts import has_han, normalised, units


def scored(name: str, corpus: list[tuple[str, str]]) -> float:
    return score(measure(name), *parted(corpus)).overall.value


def drawn(number: int) -> list[tuple[str, str]]:
    """Return a corpus of the words of MIXED, drawn anew."""
    random_ = random.Random(number)
    words = [word for pair in MIXED for text in pair for word in text.split()]
    texts = [" ".join(random_.choices(words, k=random_.randrange(0, 12))) for _ in range(60)]
    return list(zip(texts[::2], texts[1::2], strict=True))


ALL = [*CORPORA.values(), *map(drawn, range(5))]


@pytest.mark.parametrize("corpus", ALL)
def test_bleu_is_sacrebleus(corpus: list[tuple[str, str]]) -> None:
    answers, expected = parted(corpus)
    tokenizer = "zh" if any(map(has_han, expected)) else "13a"
    reference = sacrebleu.corpus_bleu(answers, [expected], tokenize=tokenizer)
    assert scored("bleu", corpus) == pytest.approx(reference.score, abs=1e-9)
    assert f"{scored('bleu', corpus):.4f}" == f"{reference.score:.4f}"


@pytest.mark.parametrize("corpus", ALL)
def test_chrf_is_sacrebleus(corpus: list[tuple[str, str]]) -> None:
    answers, expected = parted(corpus)
    reference = sacrebleu.corpus_chrf(answers, [expected])
    assert scored("chrf", corpus) == pytest.approx(reference.score, abs=1e-9)
    assert f"{scored('chrf', corpus):.4f}" == f"{reference.score:.4f}"


def test_the_settings_are_sacrebleus_signature() -> None:
    metric = sacrebleu.metrics.BLEU(tokenize="zh")
    answers, expected = parted(MIXED)
    metric.corpus_score(answers, [expected])
    assert score(measure("bleu"), answers, expected).settings == str(metric.get_signature())
    assert "nrefs:1" in score(measure("chrf"), answers, expected).settings


class OurUnits:
    """rouge-score's own way to take another tokenizer: its default drops every Chinese character."""

    def tokenize(self, text: str) -> list[str]:
        return units(text)


@pytest.mark.parametrize("corpus", ALL)
@pytest.mark.parametrize("name", ["rougeL", "rouge1", "rouge2", "rouge5"])
def test_rouge_is_rouge_scores(corpus: list[tuple[str, str]], name: str) -> None:
    scorer = RougeScorer([name], tokenizer=OurUnits())
    wanted = [scorer.score(expected, answer)[name].fmeasure for answer, expected in corpus]
    if name == "rougeL":
        assert list(score(measure("rouge_l"), *parted(corpus)).rows) == wanted
    else:
        assert [rouge_n(*pair, n=int(name[-1])) for pair in corpus] == wanted


@pytest.mark.parametrize("pair", CORPORA["english"])
def test_english_is_cut_as_rouge_score_does(pair: tuple[str, str]) -> None:
    answer, expected = pair
    assert RougeScorer(["rougeL"]).score(expected, answer)["rougeL"].fmeasure == scored("rouge_l", [pair])


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("我是GPT-4吗", ["我", "是", "gpt", "4", "吗"]),
        ("Café, naïve Привет", ["café", "naïve", "привет"]),
        ("𠀀 カナ 한국", ["𠀀", "カ", "ナ", "한", "국"]),
        ("_!?。", []),
    ],
)
def test_units_of_other_scripts(text: str, cut: list[str]) -> None:
    assert units(text) == cut


@pytest.mark.parametrize(
    ("answer", "expected", "same"),
    [
        (" Positive. ", "positive", True),
        ("ＡＢＣ　一", "abc 一", True),
        ("是的。", "是的", True),
        ("a  b\nc", "a b c", True),
        ("!", "?", False),
        ("yes, sir", "yes sir", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_exact_match_ignores_what_it_says(answer: str, expected: str, same: bool) -> None:
    assert scored("exact_match", [(answer, expected)]) == same
    assert (normalised(answer) == normalised(expected)) is same


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        ('{"a": 1}', True),
        (' [1, "二"] \n', True),
        ("null", True),
        ('```json\n{"a": 1}\n```', False),
        ("{'a': 1}", False),
        ("NaN", False),
        ('{"a": 1} Done.', False),
        ("", False),
        ("[" * 100_000, False),
    ],
)
def test_json_is_the_whole_answer(answer: str, valid: bool) -> None:
    assert score(measure("json_valid"), [answer], None).overall.value == valid


class TestSchema:
    SCHEMA = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "size": {"$ref": "#/$defs/size"}},
        "required": ["city"],
        "additionalProperties": False,
        "$defs": {"size": {"enum": ["small", "large"]}},
    }

    @pytest.mark.parametrize(
        ("answer", "fits"),
        [
            ('{"city": "北京", "size": "large"}', True),
            ('{"city": "Rome"}', True),
            ('{"city": 3}', False),
            ('{"city": "Rome", "size": "huge"}', False),
            ('{"city": "Rome", "more": 1}', False),
            ("Rome", False),
        ],
    )
    def test_answers_fit_or_not(self, answer: str, fits: bool) -> None:
        assert score(measure("json_schema", schema=self.SCHEMA), [answer], None).overall.value == fits

    @pytest.mark.parametrize("schema", [{"type": "nothing"}, {"type": 3}, {"required": "city"}, 3])
    def test_refuses_what_is_no_schema(self, schema: object) -> None:
        with pytest.raises(ScoringError) as caught:
            measure("json_schema", schema=schema)
        assert caught.value.code == "schema_invalid"

    @pytest.mark.parametrize(
        "schema", [{"$ref": "http://127.0.0.1:9/s.json"}, {"$ref": "#/$defs/none"}, {"$ref": "#"}, {"pattern": "("}]
    )
    def test_follows_no_reference_to_elsewhere_and_no_endless_one(self, schema: object) -> None:
        with pytest.raises(ScoringError) as caught:
            score(measure("json_schema", schema=schema), ['"a"'], None)
        assert caught.value.code == "schema_invalid"

    def test_needs_a_schema(self) -> None:
        with pytest.raises(ScoringError) as caught:
            measure("json_schema")
        assert caught.value.code == "measure_needs_schema"


def test_an_unknown_measure_is_refused_by_name() -> None:
    with pytest.raises(ScoringError, match="no measure wer") as caught:
        measure("wer")
    assert caught.value.field == "measures"


def test_each_measure_is_highest_for_the_expected_answer() -> None:
    texts = ['{"a": "one two three four five"}', '{"b": "六七八九十十一"}']
    for name in MEASURES:
        found: Measure = measure(name, schema={"type": "object"})
        assert score(found, texts, texts).overall.value == pytest.approx(found.highest)


def test_a_process_that_reads_results_imports_none_of_the_libraries() -> None:
    program = """
import importlib, pkgutil, sys, scoring
for module in pkgutil.walk_packages(scoring.__path__, "scoring."):
    importlib.import_module(module.name)
heavy = {"sacrebleu", "rapidfuzz", "jsonschema", "sklearn", "torch", "django"}
sys.exit(str(found) if (found := heavy & set(sys.modules)) else 0)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
