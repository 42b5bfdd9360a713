#!/usr/bin/python3
"""Runs the commands of README.md in order, in one shell. usage: readme_test.py PUNA

Every line of its ```sh blocks runs unchanged, in a folder where `build/release/bin/puna` is the program under test, with
a stand-in for the reader's own data, my-text/ (the project's own sources), recipes/tiny.toml with fewer steps, a hub of its own
in which every model is models/starter, and the same question for every chat. Four
programs run only as --help: ./test would run this test again, ./start builds, recipes/tiny.sh and the installation by cmake
have tests of their own.
"""
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from test_hub import TestHub

ONLY_HELP = ("./start", "./test", "recipes/tiny.sh", "cmake")


def commands_of(readme):
    lines = "\n".join(re.findall(r"^```sh\n(.*?)^```$", readme, re.S | re.M)).splitlines()
    for line in lines:
        if line.strip():
            program = line.split()[0]
            yield f"{program} --help" if program in ONLY_HELP else line


def model_files(name, selector, starter):
    """A repository with this file or type, or the folder."""
    return {f"{name}-{selector}.gguf": b"GGUF"} if selector else {path.name: path.read_bytes() for path in starter.iterdir()}


def add_models(hub, root, commands):
    for line in commands:
        if match := re.match(r"puna pull ([\w.-]+)/([\w.-]+)(?::(\w+))?", line):
            hub.add(f"{match[1]}/{match[2]}", model_files(match[2], match[3], root / "models/starter"))


def prepare(folder, root, puna):
    (folder / "build/release/bin").mkdir(parents=True)
    (folder / "build/release/bin/puna").symlink_to(puna)
    for name in ("start", "test", "models"):
        (folder / name).symlink_to(root / name)
    shutil.copytree(root / "recipes", folder / "recipes")
    tiny = folder / "recipes/tiny.toml"
    tiny.write_text(re.sub(r"(?m)^steps = \d+$", "steps = 60", tiny.read_text()))
    (folder / "my-text").mkdir()
    for path in sorted(root.glob("src/[c-i]*/*.[ch]*")):
        shutil.copyfile(path, folder / "my-text" / f"{path.parent.name}-{path.stem}.txt")


def main():
    root = pathlib.Path.cwd()
    commands = list(commands_of((root / "README.md").read_text()))
    assert len(commands) > 10, commands
    with tempfile.TemporaryDirectory() as scratch, TestHub() as hub:
        folder = pathlib.Path(scratch)
        add_models(hub, root, commands)
        (folder / "question").write_text("Who are you?\n")
        prepare(folder, root, pathlib.Path(sys.argv[1]).resolve())
        script = "set -e\n" + "".join(f"echo {shlex.quote('$ ' + line)}\n{{\n{line}\n}} < {folder}/question\n" for line in commands)
        result = subprocess.run(["bash", "-c", script], cwd=folder, env=hub.environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors="replace")
        print(result.stdout)
        assert result.returncode == 0, result.returncode
        assert (folder / "my-model/report.html").exists(), "mentioned in the README"
        assert "Pip" in result.stdout.split("$ puna chat pip")[1], "the persona"


main()
