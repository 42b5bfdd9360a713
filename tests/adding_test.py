#!/usr/bin/python3
"""The examples of docs/adding.md compile: each snippet is inserted into a copy of the sources where its heading says, and
the changed files are compiled with the flags of this build. usage: adding_test.py BUILD_FOLDER"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

SNIPPET = re.compile(r"^`([\w./]+)`, (?:(new)|(below|above|instead of) `([^\n]+)`):\n\n```cpp\n(.*?)^```$", re.M | re.S)


def insert(src, name, where, anchor, snippet):
    path = src / name
    if not where:
        assert not path.exists(), f"{name} already exists"
        path.write_text(snippet)
        return
    lines = path.read_text().splitlines(keepends=True)
    places = [i for i, line in enumerate(lines) if anchor in line]
    assert len(places) == 1, f"{name}: {len(places)} lines contain: {anchor}"
    first = places[0] + (where == "below")
    last = places[0] + (where != "above")
    lines[first:last] = [snippet]
    path.write_text("".join(lines))


def flags_of(build, module):
    """The compile command of some file of the module, without ccache and output."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        command = shlex.split(entry["command"])
        if f"/src/{module}/" in entry["file"] and entry["file"].endswith(".cpp"):
            begin = next(i for i, word in enumerate(command) if re.search(r"(\+\+|clang)(-[\d.]+)?$", word))
            return command[begin:command.index("-o")]
    raise AssertionError(f"{build} compiles no file of src/{module}")


def compiles(build, src, root, name):
    flags = [word.replace(f"{root}/src", str(src)) for word in flags_of(build, name.split("/")[0])]
    assert f"-I{src}" in flags, flags
    result = subprocess.run([*flags, "-fsyntax-only", src / name], capture_output=True, text=True)
    print(f"{name}: {'compiles' if result.returncode == 0 else result.stderr[:3000]}", flush=True)
    return result.returncode == 0


def main():
    root, build = pathlib.Path.cwd(), pathlib.Path(sys.argv[1])
    text = (root / "docs/adding.md").read_text()
    snippets = SNIPPET.findall(text)
    assert len(snippets) == text.count("```cpp\n") > 15, f"{len(snippets)} snippets name their position"
    with tempfile.TemporaryDirectory() as scratch:
        src = pathlib.Path(scratch) / "src"
        shutil.copytree(root / "src", src)
        touched = {"kernels/cpu/avx2.cpp"}                  # elementwise.inl and fast.inl are compiled there
        for name, _, where, anchor, snippet in snippets:
            insert(src, name, where, anchor, snippet)
            if name.endswith(".cpp"):
                touched.add(name)
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            assert all(list(pool.map(lambda name: compiles(build, src, root, name), sorted(touched))))


main()
