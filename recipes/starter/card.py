#!/usr/bin/env python3
"""Writes the starter model's card: what it is made of, what was measured, and what it says.

    card.py PUNA MODEL HELD_OUT PROMPTS RUN...      RUN: the folder of each life, the first one first

Every number is measured here or read from the runs' metrics, but for the two that others reached on the same stories.
One answer to each line of PROMPTS, with the line's number as its seed: the first that comes, whatever it is.
"""
import json
import statistics
import subprocess
import sys
from pathlib import Path

CARD = """---
license: apache-2.0
language: en
pipeline_tag: text-generation
tags: [llama, puna]
---

# starter

The small model that comes with puna: {parameters:.2f} million parameters, {megabytes:.1f} MB with its tokenizer. It tells short
stories for children, greets, answers very simple questions and ends its turns. It knows next to nothing about the world,
and what it says of facts is often wrong. It is there so that a fresh machine has somebody to talk with, and as an example:
`recipes/starter.sh` makes it again from its data, on two cores in about {hours:.1f} hours.

## How well it predicts

Bits per byte on the last 100 stories of `text/tinystories.txt`, which no training has seen ({bytes} bytes, {tokens} tokens; lower is
better), measured with `puna eval text` on this model after its training on conversations:

| model | bits per byte |
|---|---|
| order-8 n-gram on the same stories | 1.48 |
| a public model of 260 thousand parameters, trained on a thousand times more stories | 0.979 |
| **this one** | **{bits:.4f}** |

Its perplexity there is {perplexity:.3f} per token. The 100 stories before those ({choose}) were used to choose rates and numbers of
steps. No story that shares three of ten stretches of 80 letters with any of the 200 was trained on.

## How it was made

A Llama of {shape}.

| life | tokens learnt | from | bits per byte on the stories to choose by |
|---|---|---|---|
{lives}

Every field of the three runs is in `recipes/starter/*.toml`, and `recipes/starter.sh` runs them. Weights were trained in bf16
with f32 masters.

## Data

| what | licence |
|---|---|
| `text/tinystories.txt` without the 200 stories above, `text/tinystories_lowercase.txt` with its capitals put back: short simple stories | CDLA-Sharing-1.0 |
| `text/children_stories.txt`: 701 children's stories | CC BY 4.0: thanks to their authors and to those who collected and translated them |
| `text/novels`: 93 English novels | public domain |
| `sft/instructions_basic.jsonl`: short instructions with answers | Apache 2.0 |
| requests for the stories above, greetings and small talk: templates in `recipes/starter/conversations.py` | Apache 2.0, this project's own |

Nothing under a share-alike licence for works was used (`sft/helpful_small.jsonl` and `sft/task_dialogues.jsonl.gz` were left out).
CDLA-Sharing-1.0 is share-alike for the data itself and for what is added to it; it tells both apart from "Results", what is
found by computing with the data, and asks nothing of those. The weights are such results, and the data is not published here.

## What it says

One answer to each line of `recipes/prompts.txt`, with seeds 1 to {count} and the settings of `generation_config.json`, unselected.

{answers}
"""


def run(*command, text=""):
    return json.loads(subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, check=True).stdout)


def life(folder):
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    seconds = len(metrics) * statistics.median(json.loads(line)["seconds"] for line in (folder / "timing.jsonl").read_text().splitlines())
    bits = [line["bits_per_byte"] for line in metrics if "bits_per_byte" in line]
    return sum(line["trained"] for line in metrics), bits[-1], seconds


def quoted(text):
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def main():
    puna, model, held_out, prompts, *runs = (Path(path) for path in sys.argv[1:])
    score = run(puna, "eval", "text", model, held_out, "--json")
    config = json.loads((model / "config.json").read_text())
    lives = [life(folder) for folder in runs]
    names = ["stories eleven times and novels almost twice", "stories and three novels, with a falling rate", "conversations"]
    answers = []
    lines = [line for line in prompts.read_text().splitlines() if line]
    for seed, prompt in enumerate(lines, 1):
        answer = run(puna, "chat", model, "--seed", seed, "--json", text=prompt + "\n")
        ending = "" if answer["finish"] == "stop" else f" (cut off: {answer['finish']})"
        answers.append(f"**{seed}. {prompt}**{ending}\n\n{quoted(answer['text'])}\n")
    weights = (model / "model.safetensors").stat().st_size
    (model / "README.md").write_text(CARD.format(
        parameters=weights / 2e6, megabytes=sum(path.stat().st_size for path in model.iterdir()) / 1e6, hours=sum(seconds for _, _, seconds in lives) / 3600,
        bytes=score["bytes"], tokens=score["tokens"], bits=score["bits_per_byte"], perplexity=score["perplexity"], choose="`choose.txt`",
        shape=f"{config['num_hidden_layers']} layers of {config['hidden_size']} numbers, {config['num_attention_heads']} heads "
              f"({config['num_key_value_heads']} for keys and values), FFN {config['intermediate_size']}, vocabulary {config['vocab_size']}, "
              f"context {config['max_position_embeddings']}, tied head",
        lives="\n".join(f"| {name} | {trained / 1e6:.1f} M | {'random weights' if i == 0 else 'the one before'} | {bits:.4f} |"
                        for i, (name, (trained, bits, _)) in enumerate(zip(names, lives))),
        count=len(lines), answers="\n".join(answers).rstrip()))


if __name__ == "__main__":
    main()
