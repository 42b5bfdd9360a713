#!/usr/bin/python3
"""Splits a text as Hugging Face's pre-tokenizers do, with python3-regex: what src/tokenizer/split_pattern_test.cpp compares
with. usage: split_oracle.py STEPS TEXT; STEPS is a JSON file with a list of lists: ["split", REGEX], ["digits"],
["byte_level"] or ["byte_level_regex"]. Prints the end of each piece in bytes."""
import json
import sys

import regex

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PATTERNS = {"digits": r"\p{N}", "byte_level": None, "byte_level_regex": GPT2}


def isolate(pattern, pieces):
    """Each match becomes a piece, and so does what is between two."""
    for piece in pieces:
        done = 0
        for match in pattern.finditer(piece):
            if match.start() > done:
                yield piece[done:match.start()]
            yield match[0]
            done = match.end()
        if done < len(piece):
            yield piece[done:]


def main():
    steps, text = sys.argv[1:]
    with open(text, encoding="utf-8", newline="") as file:
        pieces = [file.read()]
    for kind, *pattern in json.load(open(steps, encoding="utf-8")):
        source = pattern[0] if pattern else PATTERNS[kind]
        if source:
            pieces = list(isolate(regex.compile(source), pieces))
    end = 0
    for piece in pieces:
        end += len(piece.encode())
        print(end)


main()
