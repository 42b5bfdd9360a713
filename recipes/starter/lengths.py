#!/usr/bin/env python3
"""Counts the long answers in chats of two turns with the settings of the model's generation_config.json, and prints how the
longest ones end: a model that repeats itself does not end.

    lengths.py PUNA MODEL [SEEDS [FLAGS...]]    SEEDS: the last seed of each pair of prompts, from 1; 25 unless given; FLAGS of puna chat

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
         ("Write a story about a little girl who lost her ball.", "What happens next?"),
         ("Hi, who are you?", "Can you tell me a story about a cat?"), ("Tell me a story about two friends.", "And then?"),
         ("Once upon a time", "Tell me a long story."), ("Write a story about a bird.", "Tell me more.")]


def measure(puna, model, seeds=25, flags=()):
    """All answers, as puna chat --json prints them, the longest first."""
    def chat(job):
        pair, seed = job
        command = [puna, "chat", model, "--seed", seed, "--threads", 1, "--json", *flags]
        output = subprocess.run([str(part) for part in command], input="\n".join(pair), capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in output.splitlines()]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        answers = [answer for chat in pool.map(chat, [(pair, seed) for pair in PAIRS for seed in range(1, seeds + 1)]) for answer in chat]
    return sorted(answers, key=lambda answer: -answer["tokens"])


def main():
    puna, model, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 25
    answers = measure(puna, model, seeds, sys.argv[4:])
    print(f"{len(PAIRS) * seeds} chats, {len(answers)} answers: {sum(answer['tokens'] > LONG for answer in answers)} longer than {LONG} tokens, "
          f"median {answers[len(answers) // 2]['tokens']}, longest {answers[0]['tokens']}")
    for answer in answers[:5]:
        print(f"  {answer['tokens']} tokens: ...{answer['text'][-100:]!r}")


if __name__ == "__main__":
    main()
