#!/usr/bin/env python3
"""Writes the starter's model card: architecture, data, evaluation and sample answers.

    card.py PUNA MODEL HELD_OUT PROMPTS RUN...      RUN: the folder of each stage, in order

Every number is measured here or read from the runs' metrics, except those of the two other models on the same stories.
One answer to each line of PROMPTS, with the line's number as its seed, unselected.
"""
import json
import statistics
import subprocess
import sys
from pathlib import Path

import lengths

CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [llama, puna]
---

# starter

The small model that comes with puna: {parameters:.2f} million parameters, {megabytes:.1f} MB with its tokenizer. It tells short
stories for children, greets, answers very simple questions and ends its turns. It knows next to nothing about the world, and its
facts are often wrong. It makes a chat possible on a fresh machine without downloads, and serves as an example:
`recipes/starter.sh` reproduces it from its data, in about {hours:.1f} hours on two cores.

## Use

```sh
puna chat models/starter
```

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("models/starter")
model = AutoModelForCausalLM.from_pretrained("models/starter")
messages = [{{"role": "user", "content": "Tell me a story."}}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
outputs = model.generate(**inputs, max_new_tokens=300)
print(tokenizer.decode(outputs[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```

## Evaluation

Bits per byte on the last 100 stories of `text/tinystories.txt`, which no training run has seen ({bytes} bytes, {tokens} tokens; lower is
better), measured with `puna eval text` on this model after its fine-tuning on conversations, with the kernels `{kernels}`:

| model | bits per byte |
|---|---|
| order-8 n-gram on the same stories | 1.48 |
| a public model of 260 thousand parameters, trained on a thousand times more stories | 0.979 |
| **this one** | **{bits:.4f}** |

Its perplexity there is {perplexity:.3f} per token. The 100 stories before those ({choose}) were used to choose learning rates
and numbers of steps. Near-duplicates of the 200 held-out stories (three of ten 80-character samples in common) were removed from
the training set.

## Training

Llama architecture: {shape}.

| stage | tokens | initial weights | bits per byte on the validation stories |
|---|---|---|---|
{stages}

`recipes/starter/*.toml` holds every setting of the three stages, and `recipes/starter.sh` runs them. Weights were trained in bf16
with f32 master weights.

## Data

| data | license |
|---|---|
| `text/tinystories.txt` without the 200 stories above, `text/tinystories_lowercase.txt` with capitals restored: short simple stories | CDLA-Sharing-1.0 |
| `text/children_stories.txt`: 701 children's stories | CC BY 4.0: with thanks to the authors, collectors and translators |
| `text/novels`: 93 English novels | public domain |
| `sft/instructions_basic.jsonl`: short instructions with answers | Apache 2.0 |
| requests for the stories above, greetings and small talk: templates in `recipes/starter/conversations.py` | Apache 2.0, this project's own |

No data under a share-alike license for works was used (`sft/helpful_small.jsonl` and `sft/task_dialogues.jsonl.gz` were left out).
CDLA-Sharing-1.0 is share-alike for the data and for additions to it, but not for "Results": what is obtained by computing with
the data. The weights are such results, and the data is not published here.

## Sample answers

One answer to each line of `recipes/prompts.txt`, with seeds 1 to {count} and the settings of `generation_config.json`, unselected. Some of
them differ with other kernels than those above. A slight frequency penalty and DRY keep stories from going round in circles, and
`exponential_decay_length_penalty` from going on without end: of {chats} answers in chats of two turns
(`recipes/starter/lengths.py`) {long} are longer than {limit} tokens, and the longest has {longest}.

{answers}
"""


def run(*command, text=""):
    return json.loads(subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, check=True).stdout)


def read_stage(folder):
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    seconds = len(metrics) * statistics.median(json.loads(line)["seconds"] for line in (folder / "timing.jsonl").read_text().splitlines())
    bits = [line["bits_per_byte"] for line in metrics if "bits_per_byte" in line]
    return sum(line["trained"] for line in metrics), bits[-1], seconds


def full_name(check):
    """As `puna bench` writes it: "avx512 with vnni, bf16"."""
    return check["chosen"] + (f" with {check['extensions']}" if check["extensions"] else "")


def quoted(text):
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def main():
    puna, model, held_out, prompts, *runs = (Path(path) for path in sys.argv[1:])
    score = run(puna, "eval", "text", model, held_out, "--json")
    config = json.loads((model / "config.json").read_text())
    stages = [read_stage(folder) for folder in runs]
    kernels = run(puna, "check", "--json")
    names = ["stories eleven times and novels almost twice", "stories and three novels, with a decaying learning rate", "conversations"]
    answers = []
    lines = [line for line in prompts.read_text().splitlines() if line]
    for seed, prompt in enumerate(lines, 1):
        answer = run(puna, "chat", model, "--seed", seed, "--json", text=prompt + "\n")
        ending = "" if answer["finish"] == "stop" else f" (cut off: {answer['finish']})"
        answers.append(f"**{seed}. {prompt}**{ending}\n\n{quoted(answer['text'])}\n")
    chats = lengths.measure(puna, model)
    weights = (model / "model.safetensors").stat().st_size
    (model / "README.md").write_text(CARD.format(
        parameters=weights / 2e6, megabytes=sum(path.stat().st_size for path in model.iterdir()) / 1e6, hours=sum(seconds for _, _, seconds in stages) / 3600,
        bytes=score["bytes"], tokens=score["tokens"], bits=score["bits_per_byte"], kernels=full_name(kernels), perplexity=score["perplexity"], choose="`choose.txt`",
        shape=f"{config['num_hidden_layers']} layers, hidden size {config['hidden_size']}, {config['num_attention_heads']} attention heads "
              f"({config['num_key_value_heads']} key-value heads), feed-forward size {config['intermediate_size']}, vocabulary {config['vocab_size']},\n"
              f"context length {config['max_position_embeddings']}, tied embeddings",
        stages="\n".join(f"| {name} | {tokens / 1e6:.1f} M | {'random weights' if i == 0 else 'previous stage'} | {bits:.4f} |"
                         for i, (name, (tokens, bits, _)) in enumerate(zip(names, stages))),
        count=len(lines), chats=f"{len(chats):,}", long=sum(answer["tokens"] > lengths.LONG for answer in chats) or "none", limit=lengths.LONG,
        longest=chats[0]["tokens"], answers="\n".join(answers).rstrip()))


if __name__ == "__main__":
    main()
