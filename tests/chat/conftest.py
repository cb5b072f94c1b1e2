"""Small tokenizers of the families that matter, trained here, each with a chat template of its family."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from chat_templates import TEMPLATES
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = [
    "system user assistant tool",
    "Who are you? I am Luthier, a maker of violins. What is the capital of France? Paris.",
    "The quick brown fox jumps over the lazy dog.  Two spaces\n\nand a blank line.\n",
    "你是谁？我是琴匠，一个训练模型的平台。今天天气很好，我们去公园。",
    "def main():\n    return {'a': 1, \"b\": [2, 3]}\n<html> <b>bold</b> a < b > c | d",
] * 4
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA3 = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
SENTENCEPIECE = ["<unk>", "<s>", "</s>"]
TOOL_TOKENS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]

FAMILIES = {
    # name: (tokenizer, template, special tokens' names)
    "smollm2": ("gpt2", "smollm2", {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}),
    "qwen2.5": ("qwen", "qwen2.5", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    "qwen3": ("qwen", "qwen3", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    "llama3": ("llama3", "llama3", {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}),
    "llama3.1": ("llama3", "llama3.1", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}),
    "zephyr": ("metaspace", "zephyr", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
    "llama2": ("legacy", "llama2", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
}


def _byte_level(special: list[str], *, split: bool, added: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=split))
    if split:
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in added])
    return tokenizer


def _sentencepiece(*, legacy: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    if not legacy:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    specials = [*SENTENCEPIECE, *(f"<0x{byte:02X}>" for byte in range(256))]
    # Trained by words, as SentencePiece does; used on whole texts.
    words = [word for text in TEXTS for word in ("▁" + text.replace(" ", " ▁")).split(" ")]
    trained = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    trained.train_from_iterator(
        words, trainers.BpeTrainer(vocab_size=800, special_tokens=specials, show_progress=False)
    )
    description = json.loads(tokenizer.to_str())
    description["model"] = json.loads(trained.to_str())["model"]
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SENTENCEPIECE])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


@cache
def _tokenizer(name: str) -> str:
    made = {
        "gpt2": lambda: _byte_level(CHATML, split=False, added=[]),
        "qwen": lambda: _byte_level(CHATML, split=True, added=TOOL_TOKENS),
        "llama3": lambda: _byte_level(LLAMA3, split=True, added=[]),
        "metaspace": lambda: _sentencepiece(legacy=False),
        "legacy": lambda: _sentencepiece(legacy=True),
    }
    return made[name]().to_str()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes the chat files of a family's model, once, and returns the folder.

    `template` replaces the family's; None leaves the model without one.
    """
    made: dict[tuple[str, str | None], Path] = {}

    def make(family: str, template: str | None = "own") -> Path:
        key = (family, template)
        if key in made:
            return made[key]
        folder = made[key] = tmp_path_factory.mktemp("model")
        tokenizer, own, special = FAMILIES[family]
        (folder / "tokenizer.json").write_text(_tokenizer(tokenizer))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **special}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        source = TEMPLATES[own] if template == "own" else template
        if source is not None:
            (folder / "chat_template.jinja").write_text(source)
        return folder

    return make
