#!/usr/bin/env python3
"""Prepares the starter model's data: stories without those that are held out, and conversations made of them.

    prepare.py DATA OUT        DATA: the shared data folder; OUT: where files are written

Held out of all training: the last 100 stories of text/tinystories.txt (held_out.txt, measured once, at the end), the 100
before them (choose.txt, by which rates and numbers of steps were chosen), and every other story in which three of ten
stretches of 80 letters of one of these occur. Only Python's standard library.
"""
import re
import sys
from pathlib import Path

import conversations

HELD_OUT = 100
SEPARATOR = "<|endoftext|>"


def stories(path):
    return [story.strip() for story in path.read_text().split(SEPARATOR) if story.strip()]


def letters(text):
    return re.sub(r"[^a-z]+", " ", text.lower()).strip()


def stretches(text, step):
    plain = letters(text)
    return {plain[i:i + 80] for i in range(0, max(1, len(plain) - 80), step)}


def write_stories(path, texts):
    path.write_text("".join(f"{text}\n{SEPARATOR}\n" for text in texts))


def without_copies(texts, held):
    probes = [stretches(story, 97) for story in held]
    kept = []
    for text in texts:
        plain = letters(text)
        if not any(sum(p in plain for p in group) * 10 >= 3 * len(group) for group in probes):
            kept.append(text)
    return kept


def main():
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    tiny = stories(data / "text/tinystories.txt")
    held, rest = tiny[-2 * HELD_OUT:], tiny[:-2 * HELD_OUT]
    write_stories(out / "held_out.txt", held[HELD_OUT:])
    write_stories(out / "choose.txt", held[:HELD_OUT])
    for name, texts in (("tinystories", rest), ("tinystories_lowercase", stories(data / "text/tinystories_lowercase.txt")),
                        ("children_stories", stories(data / "text/children_stories.txt"))):
        kept = without_copies(texts, held)
        print(f"{name}: {len(kept)} of {len(texts)} stories", file=sys.stderr)
        write_stories(out / f"{name}.txt", kept)
        if name == "tinystories":
            count = conversations.write(out / "conversations.jsonl", kept, data / "sft/instructions_basic.jsonl")
            print(f"conversations: {count}", file=sys.stderr)


if __name__ == "__main__":
    main()
