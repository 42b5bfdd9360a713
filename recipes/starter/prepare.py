#!/usr/bin/env python3
"""Prepares the starter model's data: stories and novels without the held-out ones, and conversations made from the stories.

    prepare.py DATA OUT        DATA: the shared data folder; OUT: the output folder

Held out of all training: the last 100 stories of text/tinystories.txt (held_out.txt, the test set, measured once at the
end), the 100 before them (choose.txt, the validation set for learning rates and numbers of steps), and near-duplicates of
these: stories that contain three of ten 80-character samples of one of them. Lower-case stories are recapitalized and hard
line breaks are joined, so that all texts are written like the stories that are measured. Needs zstd.
"""
import collections
import random
import re
import subprocess
import sys
from pathlib import Path

import conversations

HELD_OUT = 100
SEPARATOR = "<|endoftext|>"


def stories(path):
    return [story.strip() for story in path.read_text().split(SEPARATOR) if story.strip()]


def letters(text):
    return re.sub(r"[^a-z]+", " ", text.lower()).strip()


def samples(text, step):
    """Substrings of 80 letters and blanks, one every `step`."""
    plain = letters(text)
    return {plain[i:i + 80] for i in range(0, max(1, len(plain) - 80), step)}


def write_stories(path, texts):
    path.write_text("".join(f"{text}\n{SEPARATOR}\n" for text in texts))


def without_duplicates(texts, held):
    probes = [samples(story, 97) for story in held]
    kept = []
    for text in texts:
        plain = letters(text)
        if not any(sum(p in plain for p in group) * 10 >= 3 * len(group) for group in probes):
            kept.append(text)
    return kept


def unwrapped(text):
    """One paragraph per line: hard line breaks are joined, blank lines are removed."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    if text.count("\n\n") * 5000 < len(text):               # no blank lines: a short line ends a paragraph
        text = re.sub(r"(?m)^(.{1,55}[.!?'\"])\n", r"\1\n\n", text)
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n".join(re.sub(r"\s+", " ", re.sub(r"(?<=[a-z])-\n\s*(?=[a-z])", "-", paragraph)).strip() for paragraph in paragraphs if paragraph.strip())


def names_in(texts):
    """Words that are nearly always capitalized inside sentences."""
    upper, lower = collections.Counter(), collections.Counter()
    for text in texts:
        for word in re.findall(r"(?<=[a-z,] )[A-Za-z][a-z']*", text):
            (upper if word[0].isupper() else lower)[word.lower()] += 1
    return {word for word, count in upper.items() if count >= 3 and count > 4 * lower[word]} | {"i", "i'm", "i'll", "i've", "i'd"}


def with_capitals(text, names):
    """A lower-case text with capitals at the beginning of sentences and of the names found in other stories."""
    text = re.sub(r"[a-z][a-z']*", lambda word: word[0][0].upper() + word[0][1:] if word[0] in names or word[0].removesuffix("'s") in names else word[0], text)
    return re.sub(r"(^|[.!?]['\"”’]? +[\"“']?|\n[\"“']?|: ?[\"“]|, [\"“])([a-z])", lambda m: m[1] + m[2].upper(), text)


def main():
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    tiny = stories(data / "text/tinystories.txt")
    held, rest = tiny[-2 * HELD_OUT:], tiny[:-2 * HELD_OUT]
    write_stories(out / "held_out.txt", held[HELD_OUT:])
    write_stories(out / "choose.txt", held[:HELD_OUT])
    names = names_in(rest)
    lower = [with_capitals(unwrapped(story), names) for story in stories(data / "text/tinystories_lowercase.txt")]
    children = [unwrapped(story) for story in stories(data / "text/children_stories.txt")]
    requested = []
    for name, texts in (("tinystories", rest), ("tinystories_lowercase", lower), ("children_stories", children)):
        kept = without_duplicates(texts, held)
        print(f"{name}: {len(kept)} of {len(texts)} stories", file=sys.stderr)
        write_stories(out / f"{name}.txt", kept)
        requested += [text for text in kept if re.match("(Once|One day) ", text)]
    chance = random.Random(1)
    made = conversations.make(requested, list(conversations.instructions(data / "sft/instructions_basic.jsonl", 240)), chance)
    conversations.write(out / "conversations.jsonl", made)
    print(f"conversations: {len(made)}", file=sys.stderr)
    novels = out / "novels"
    novels.mkdir(exist_ok=True)
    for path in sorted((data / "text/novels").glob("*.zst")):
        text = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout.decode(errors="replace")
        (novels / path.stem).write_text(unwrapped(text))


if __name__ == "__main__":
    main()
