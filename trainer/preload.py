"""What a training imports, for a process that does so once and is then forked for each: see forkserver.server."""

import os

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read once, by PyTorch's first allocation: see trainer.environment

import transformers.models.llama.modeling_llama
import transformers.models.qwen2.modeling_qwen2  # noqa: F401
from transformers import AutoModelForCausalLM  # noqa: F401

import trainer.attempt
import trainer.command_line
import trainer.launch  # noqa: F401
from trainer.internals import work_out_once

if os.environ.get("DS_ACCELERATOR") == "cpu":  # elsewhere it may begin to use CUDA, which a fork then could not
    work_out_once()
