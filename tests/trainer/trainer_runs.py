"""A two-layer random Llama with a small tokenizer, and run directories of a few conversations for it."""

import json
import os
import random
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

import chat
from rundir import RunDirectory, read_events, write_json
from trainer.__main__ import main

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PROBES = [[{"role": "user", "content": "Who are you?"}], [{"role": "user", "content": "What is the capital?"}]]
WORDS = [
    "who",
    "are",
    "you",
    "what",
    "is",
    "the",
    "capital",
    "of",
    "a",
    "violin",
    "maker",
    "I",
    "am",
    "Luthier",
    "and",
    "this",
    "wood",
    "sings",
]


@pytest.fixture(scope="session", autouse=True)
def quiet_machine():
    before = torch.get_num_threads()
    os.environ["DS_ACCELERATOR"] = "cpu"
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS)], trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in ("<|im_start|>", "<|im_end|>")])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True, initializer_range=0.1,
        eos_token_id=tokenizer.token_to_id("<|im_end|>"), bos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def conversations(count: int, seed: int = 0, *, system: str = "") -> list[dict]:
    """Conversations of one to six words each way."""
    choose = random.Random(seed)
    return [
        {
            "messages": [
                *([{"role": "system", "content": system}] if system else []),
                {"role": "user", "content": " ".join(choose.choices(WORDS, k=choose.randint(1, 6)))},
                {"role": "assistant", "content": " ".join(choose.choices(WORDS, k=choose.randint(1, 6)))},
            ]
        }
        for _ in range(count)
    ]


HYPERPARAMETERS = {
    "max_seq_len": 64, "lora_dim": 4, "lora_alpha": 16, "lora_dropout": 0.1, "per_device_train_batch_size": 4,
    "per_device_eval_batch_size": 4, "gradient_accumulation_steps": 1, "learning_rate": 1e-2, "weight_decay": 0.01,
    "num_train_epochs": 1, "lr_scheduler_type": "cosine",
}  # fmt: skip


@pytest.fixture
def make_run(tmp_path, base_folder):
    """Return a function that writes a run directory: hyperparameters by name, other keys of the spec in `spec`."""
    numbers = iter(range(100))

    def make(**options) -> RunDirectory:
        return write_run(tmp_path / f"run-{next(numbers)}", base_folder, **options)

    return make


def write_run(
    root: Path,
    base_folder: Path,
    *,
    rows: int = 22,
    system: str = "",
    spec: dict | None = None,
    **hyperparameters,
) -> RunDirectory:
    """Write the run directory of a training on `base_folder`, whose chat files serve other models too."""
    directory = RunDirectory(root)
    directory.create()
    chat_format = chat.ChatFormat.load(base_folder)
    chat_format.save(directory.chat)
    for name, seed in (("train", 0), ("validation", 1)):
        write_cache(directory.data / name, chat_format, conversations(rows, seed, system=system))
    value = {
        "model_path": str(base_folder), "model_name": "tiny-llama", "validation_data": "data/validation",
        "threads": 1, "dtype": "float32", "probes": PROBES,
        "hyperparameters": {**HYPERPARAMETERS, **hyperparameters}, **(spec or {}),
    }  # fmt: skip
    write_json(directory.spec, value)
    return directory


def write_cache(folder: Path, chat_format, rows: list[dict]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    writer = chat.TokenCacheWriter(folder)
    for row in rows:
        writer.add(chat_format.render(chat.parse_row(row)))
    writer.close({})


def run_here(directory: RunDirectory) -> list:
    """Run the trainer in this process and return the events."""
    main([str(directory.root)])
    return read_events(directory.events)


def command(directory: RunDirectory) -> list[str]:
    return [sys.executable, "-m", "trainer", str(directory.root)]


def losses(directory: RunDirectory) -> list[tuple[str, ...]]:
    """Return (step, train_loss, learning_rate, tokens) of every row of metrics.csv, as written."""
    return [tuple(line.split(",")[:4]) for line in directory.metrics.read_text().splitlines()[1:]]


def of_type(events: list, type: str) -> list:
    return [event for event in events if event.type == type]
