#!/usr/bin/env python3
"""Counts the long answers in chats of two turns with the settings of the model's generation_config.json: a model that repeats
itself does not end.

    lengths.py PUNA MODEL [SEEDS [FLAGS...]]    SEEDS: 1 to so many for each pair of prompts, 200 unless given; FLAGS of puna chat

Texts differ between kernel tables: PUNA_KERNELS=avx2 measures another one.
"""
import concurrent.futures
import json
import os
import subprocess
import sys

LONG = 400          # tokens; the longest stories of the training set have about 300
PAIRS = [("Tell me a story about a dragon.", "Tell me another story."), ("Hello!", "Tell me a story."),
         ("Tell me a story.", "Tell me a story about a dog."),
         ("Write a story about a little girl who lost her ball.", "What happens next?")]


def measure(puna, model, seeds=200, flags=()):
    """The lengths of all answers, in tokens."""
    def chat(job):
        pair, seed = job
        command = [puna, "chat", model, "--seed", str(seed), "--threads", "1", "--json", *flags]
        output = subprocess.run([str(part) for part in command], input="\n".join(pair), capture_output=True, text=True, check=True).stdout
        return [json.loads(line)["tokens"] for line in output.splitlines()]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return [length for lengths in pool.map(chat, [(pair, seed) for pair in PAIRS for seed in range(1, seeds + 1)]) for length in lengths]


def main():
    puna, model, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 200
    lengths = sorted(measure(puna, model, seeds, sys.argv[4:]))
    print(f"{len(PAIRS) * seeds} chats, {len(lengths)} answers: {sum(length > LONG for length in lengths)} longer than {LONG} tokens, "
          f"median {lengths[len(lengths) // 2]}, longest {lengths[-1]}")


if __name__ == "__main__":
    main()
