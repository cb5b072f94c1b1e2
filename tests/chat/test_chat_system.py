"""Which system prompt a model works with, baked into its template."""

import json

import pytest
from transformers import AutoTokenizer

from chat import ChatError, ChatFormat, SystemChoice, parse_messages

NONE = SystemChoice("none")
USER = {"role": "user", "content": "Who are you?"}
OWN = {"role": "system", "content": "The conversation's own."}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": {}}}]


def text(chat_format: ChatFormat, *messages: dict, tools=None) -> str:
    return chat_format.text(parse_messages(list(messages), tools), generation_prompt=True)


class TestOwnSystemPrompt:
    @pytest.mark.parametrize(
        ("family", "prompt"),
        [
            ("smollm2", "You are a test assistant named Maple"),
            ("qwen2.5", "You are Maple, made by Example's lab. You help."),
            ("llama3.1", "Knowledge ends: May 2023\nToday: 26 Jul 2024"),
            ("qwen3", None),
            ("llama3", None),
            ("zephyr", None),
            ("llama2", None),
        ],
    )
    def test_is_found_by_rendering(self, model_folder, family, prompt):
        assert ChatFormat.load(model_folder(family)).own_system_prompt == prompt

    def test_a_custom_prompt_is_the_models_own_then(self, model_folder):
        chat_format = ChatFormat.load(model_folder("smollm2"), system=SystemChoice("custom", "Be kind."))
        assert chat_format.own_system_prompt == "Be kind."


class TestNone:
    @pytest.mark.parametrize("family", ["smollm2", "qwen2.5", "llama3.1"])
    def test_takes_out_what_the_template_slips_in(self, model_folder, family):
        default, none = ChatFormat.load(model_folder(family)), ChatFormat.load(model_folder(family), system=NONE)
        assert default.own_system_prompt in text(default, USER)
        assert "system" not in text(none, USER)
        assert default.own_system_prompt not in text(none, USER)
        assert none.own_system_prompt is None
        assert none.hash != default.hash
        assert none.stop_ids == default.stop_ids or family == "llama3.1"

    @pytest.mark.parametrize("family", ["smollm2", "qwen2.5"])
    def test_a_conversations_own_prompt_stays(self, model_folder, family):
        default, none = ChatFormat.load(model_folder(family)), ChatFormat.load(model_folder(family), system=NONE)
        assert text(none, OWN, USER) == text(default, OWN, USER)

    def test_tools_stay_without_the_prompt(self, model_folder):
        none = ChatFormat.load(model_folder("qwen2.5"), system=NONE)
        assert '"weather"' in text(none, USER, tools=TOOLS)
        assert "Maple" not in text(none, USER, tools=TOOLS)

    @pytest.mark.parametrize("family", ["qwen3", "llama3", "zephyr", "llama2"])
    def test_a_template_that_slips_nothing_in_stays_as_it_is(self, model_folder, family):
        default, none = ChatFormat.load(model_folder(family)), ChatFormat.load(model_folder(family), system=NONE)
        assert none.hash == default.hash

    def test_says_so_where_no_variant_can_be_derived(self, model_folder):
        template = (
            "{% if messages[0].role != 'system' %}<|im_start|>system\nNow {{ 40 + 2 }}!<|im_end|>\n{% endif %}"
            "{% for m in messages %}<|im_start|>{{ m.role }}\n* {{ m.content }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n* {% endif %}"
        )
        folder = model_folder("smollm2", template)
        with pytest.raises(ChatError) as caught:
            ChatFormat.load(folder, system=NONE)
        assert caught.value.code == "own_system_prompt_fixed"

    def test_an_equal_built_in_takes_over_where_the_literal_is_not_found(self, model_folder):
        template = (
            "{% if messages[0].role != 'system' %}<|im_start|>system\nNow {{ 40 + 2 }}!<|im_end|>\n{% endif %}"
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        )
        none = ChatFormat.load(model_folder("smollm2", template), system=NONE)
        assert text(none, USER) == "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n"


class TestCustom:
    PROMPT = "Be \"kind\", 'brief'\\n\nund {{ gut }} {% raw %} 你好 😀 \x7f"

    @pytest.mark.parametrize("family", ["smollm2", "qwen2.5", "qwen3", "llama3", "llama3.1", "zephyr", "llama2"])
    def test_equals_a_system_message_of_the_conversation(self, model_folder, family):
        default = ChatFormat.load(model_folder(family))
        custom = ChatFormat.load(model_folder(family), system=SystemChoice("custom", self.PROMPT))
        prompt = {"role": "system", "content": self.PROMPT}
        assert text(custom, USER) == text(default, prompt, USER)
        assert text(custom, OWN, USER) == text(default, OWN, USER)

    def test_a_control_token_in_it_is_refused(self, model_folder):
        with pytest.raises(ChatError) as caught:
            ChatFormat.load(model_folder("smollm2"), system=SystemChoice("custom", "a<|im_end|>b"))
        assert caught.value.code == "control_token_in_system"

    def test_a_template_that_drops_it_is_refused(self, model_folder):
        template = "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"
        with pytest.raises(ChatError) as caught:
            ChatFormat.load(model_folder("smollm2", template), system=SystemChoice("custom", "Be kind."))
        assert caught.value.code == "system_prompt_unsupported"


class TestBaking:
    @pytest.mark.parametrize("family", ["smollm2", "qwen2.5", "llama3.1"])
    @pytest.mark.parametrize("choice", [SystemChoice("model_default"), NONE, SystemChoice("custom", "Be kind.")])
    def test_survives_save_and_load_in_both_libraries(self, model_folder, tmp_path, family, choice):
        chat_format = ChatFormat.load(model_folder(family), system=choice)
        chat_format.save(tmp_path / "a")
        again = ChatFormat.load(tmp_path / "a")
        again.save(tmp_path / "b")
        assert again.hash == chat_format.hash == ChatFormat.load(tmp_path / "b").hash
        ids = AutoTokenizer.from_pretrained(tmp_path / "b").apply_chat_template(
            [USER], add_generation_prompt=True, return_dict=False
        )
        assert chat_format.prompt_ids(parse_messages([USER])) == list(ids)


class TestSystemChoice:
    @pytest.mark.parametrize(
        ("written", "choice"),
        [
            ("default", SystemChoice("model_default")),
            ("", SystemChoice("model_default")),
            ("none", NONE),
            ("Be kind.", SystemChoice("custom", "Be kind.")),
        ],
    )
    def test_reads_what_a_form_says(self, written, choice):
        assert SystemChoice.parse(written) == choice
        assert SystemChoice.from_json(json.loads(json.dumps(choice.to_json()))) == choice

    @pytest.mark.parametrize(
        "arguments",
        [("custom", ""), ("custom", "  "), ("custom", "\ud800"), ("none", "x"), ("custom", "x" * 40_000), ("what",)],
    )
    def test_refuses_a_choice_that_makes_no_sense(self, arguments):
        with pytest.raises(ChatError):
            SystemChoice(*arguments)

    @pytest.mark.parametrize("value", [{}, {"kind": "x"}, {"kind": "custom", "text": 1}])
    def test_refuses_json_that_is_no_choice(self, value):
        with pytest.raises(ChatError):
            SystemChoice.from_json(value)
