"""A foreign witness: plain Transformers + PEFT, nothing of ours. Arguments: BASE ADAPTER LENGTH; questions on stdin."""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


def main() -> None:
    base_folder, adapter_folder, length = sys.argv[1:]
    questions = json.load(sys.stdin)
    tokenizer = AutoTokenizer.from_pretrained(adapter_folder)
    base = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, adapter_folder).eval()
    tuned = [answer(model, tokenizer, question, int(length)) for question in questions]
    with model.disable_adapter():
        untuned = [answer(model, tokenizer, question, int(length)) for question in questions[:2]]  # who it is
    print(json.dumps({"tuned": tuned, "base": untuned}))


@torch.inference_mode()
def answer(model, tokenizer, question: str, length: int) -> str:
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**prompt, max_new_tokens=length, do_sample=False)
    return tokenizer.decode(output[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)


if __name__ == "__main__":
    main()
