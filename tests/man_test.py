#!/usr/bin/python3
"""The manual page: mandoc accepts it without a warning and shows every command with its options. usage: man_test.py PUNA"""
import re
import shutil
import subprocess
import sys

PUNA = sys.argv[1]


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def main():
    page = run(PUNA, "man")
    commands = re.findall(r"^\.SS puna ([a-z ]*[a-z])", page, re.M)
    assert {"chat", "data", "data pack", "tokenizer encode", "train", "man"} <= set(commands), commands
    if not shutil.which("mandoc"):
        print("skipped: this system has no mandoc")
        sys.exit(77)
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=page, capture_output=True, text=True)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", ""), lint
    shown = re.sub(".\x08", "", run("mandoc", "-T", "utf8", "-O", "width=100", text=page))
    words = " ".join(shown.replace("\u2010", "-").split())
    options = 0
    for command in commands:
        for line in run(PUNA, "help", *command.split()).splitlines():
            option = re.match(r"  (?:    )?((?:-\w, )?--\S+(?: \S+)?)(?:  |$)", line)
            assert not option or option[1] in words, (command, option[1])
            options += bool(option)
    assert options > 100, options
    assert "puna train recipes/tiny.toml --data my-data --output my-model" in words


main()
