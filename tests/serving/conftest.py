"""A two-layer random Llama, a tokenizer trained on a few lines, and adapters made with PEFT."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from starlette.testclient import TestClient
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from chat import ChatFormat
from rundir import EventWriter, read_events
from serving.app import Routes
from serving.engine import Engine
from serving.model import load_model
from serving.replica import Replica
from serving.spec import ServingSpec
from trainer.probes import write_probes

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LINES = [
    "Who are you?",
    "你是谁？",
    "I am a violin maker 🎻.",
    "我是琴匠。",
    "What is the capital of France?",
    "user assistant system",
]
PROBES = [
    [{"role": "user", "content": "Who are you?"}],
    [{"role": "user", "content": "What is the capital of France?"}],
]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"), seed=0)


@pytest.fixture(scope="session")
def other_base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture(scope="session")
def adapters(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Adapters that differ in rank, targets and scaling."""
    root = tmp_path_factory.mktemp("adapters")
    return {
        "red": make_adapter(root / "red", base_folder, seed=1, r=4, lora_alpha=8, target_modules="all-linear"),
        "blue": make_adapter(
            root / "blue", base_folder, seed=2, r=8, lora_alpha=16, target_modules=["q_proj", "down_proj"]
        ),
        "green": make_adapter(
            root / "green",
            base_folder,
            seed=3,
            r=2,
            lora_alpha=4,
            use_rslora=True,
            target_modules=["v_proj", "up_proj"],
        ),
        "gold": make_adapter(
            root / "gold",
            base_folder,
            seed=4,
            r=4,
            lora_alpha=8,
            use_dora=True,
            use_rslora=True,
            target_modules="all-linear",
        ),
    }


def make_base(folder: Path, *, seed: int) -> Path:
    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        initializer_range=0.2,
        eos_token_id=tokenizer.token_to_id("<|im_end|>"),
        bos_token_id=None,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def make_adapter(
    folder: Path, base: Path, *, seed: int, probes: Any = PROBES, zero: bool = False, **config: Any
) -> Path:
    """Save a PEFT adapter with random weights, its chat files and its probes, as the trainer does."""
    torch.manual_seed(seed)
    model = get_peft_model(plain(base), LoraConfig(task_type="CAUSAL_LM", **config))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.zeros_(weight) if zero else torch.nn.init.normal_(weight, std=0.2)
        if "magnitude" in name:
            weight.data *= 0.7 + 0.6 * torch.rand_like(weight)
    model.save_pretrained(str(folder))
    chat = ChatFormat.load(base)
    chat.save(folder)
    write_probes(
        folder,
        causal=model,
        chat_format=chat,
        messages=probes,
        dtype="float32",
        base_logits=None,
        without_adapter=model.disable_adapter,
    )
    return folder


def plain(base: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)


def greedy(base: Path, adapter: Path | None, prompt: list[int], count: int) -> list[int]:
    """What Transformers and PEFT answer, alone and unbatched."""
    model = plain(base) if adapter is None else PeftModel.from_pretrained(plain(base), str(adapter))
    out = model.generate(
        input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=count, do_sample=False, eos_token_id=-1, pad_token_id=0,
    )  # fmt: skip
    return out[0, len(prompt) :].tolist()


@dataclass
class Serving:
    """A replica inside the test's process."""

    replica: Replica
    engine: Engine
    routes: Routes
    client: TestClient
    events_path: Path

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event.data for event in read_events(self.events_path) if event.type == kind]

    def ask(self, **body: Any) -> Any:
        asked = {"model": "base", "messages": PROBES[0], "temperature": 0, "max_tokens": 12, **body}
        return self.client.post("/v1/chat/completions", json=asked)


Start = Callable[..., Serving]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start replicas; all of them end with the session."""
    with contextlib.ExitStack() as stack:

        def begin(base: Path, *, chat: Path | None = None, max_concurrent: int = 8, **fields: Any) -> Serving:
            events_path = tmp_path_factory.mktemp("run") / "events.jsonl"
            spec = ServingSpec(
                model_path=str(base),
                model_name="base",
                chat_path=str(chat or base),
                max_concurrent=max_concurrent,
                **fields,
            )
            loaded = load_model(
                base,
                dtype=torch.float32,
                device=torch.device("cpu"),
                max_slots=max_concurrent,
                max_model_len=spec.max_model_len,
            )
            engine = Engine(loaded, max_concurrent=max_concurrent)
            engine.start()
            stack.callback(engine.stop)
            events = EventWriter(events_path)
            replica = Replica(spec, engine, events)
            routes = Routes(replica)
            client = stack.enter_context(TestClient(routes.app()))
            return Serving(replica=replica, engine=engine, routes=routes, client=client, events_path=events_path)

        yield begin


@pytest.fixture(scope="session")
def serving(start: Start, base_folder: Path, adapters: dict[str, Path]) -> Serving:
    """One replica with three proven adapters, shared by the tests that do not change it."""
    running = start(base_folder, max_model_len=256)
    for name, path in adapters.items():
        running.replica.add(name, str(path))
    return running


@pytest.fixture
def copied(adapters: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the red adapter that a test may spoil."""
    return Path(shutil.copytree(adapters["red"], tmp_path / "copied"))


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES * 4, trainer)
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    return tokenizer
