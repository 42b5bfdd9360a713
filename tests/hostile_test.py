#!/usr/bin/python3
"""Every malformed model file of ../shared/hostile is refused in one line that names what is wrong, and every unusual one
loads: shown, and run. Nothing is written, and no more memory is used than twice the files and a fixed amount.
usage: hostile_test.py PUNA"""
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile

PUNA = os.path.abspath(sys.argv[1])
SHARED = pathlib.Path("../shared/hostile").resolve()
SECONDS = 10       # of a processor; six times as long may it wait
BASE_BYTES = 48 << 20       # of the program itself, its tables and its threads
GENERATE = ["generate", "{path}", "the and", "--max-tokens", "3", "--temperature", "0", "--quiet"]

if not SHARED.exists():
    print("skipped: ../shared/hostile is missing")
    sys.exit(77)
sys.path.insert(0, str(SHARED))
from run_hostile import judge


def limits():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))


def run(words, folder):
    """(exit code or None if it hangs, stderr, peak resident memory) of the program in this folder, which is its home."""
    environment = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen([PUNA, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, cwd=folder,
                                   env=environment, preexec_fn=limits, start_new_session=True)
        hanging = False

        def kill(*_):
            nonlocal hanging
            hanging = True
            os.killpg(process.pid, signal.SIGKILL)
        signal.signal(signal.SIGALRM, kill)
        signal.alarm(6 * SECONDS)
        _, status, usage = os.wait4(process.pid, 0)
        signal.alarm(0)
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        return None if hanging else process.returncode, err.read(1 << 16).decode("utf-8", "replace"), usage.ru_maxrss << 10


def files_below(folder):
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def bytes_below(path):
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


def problems_of(entry, command, entries, home):
    path = entries / entry["path"]
    code, err, memory = run([word.replace("{path}", str(path)) for word in command], home)
    verdict, why = judge(entry, path, code, err)
    if verdict != "right":
        yield f"{verdict}: {why}"
    if memory > BASE_BYTES + 2 * bytes_below(path):
        yield f"{memory >> 20} MiB of memory for {bytes_below(path) >> 10} KiB"


def all_are_judged_rightly(command, skipped_stages=()):
    with tempfile.TemporaryDirectory() as scratch:
        entries, home = pathlib.Path(scratch, "entries"), pathlib.Path(scratch, "home")
        entries.mkdir()
        home.mkdir()
        subprocess.run(["tar", "x", "--zstd", "-f", SHARED / "files.tar.zst", "-C", entries], check=True)
        before, wrong = files_below(pathlib.Path(scratch)), []
        for line in (entries / "expect.jsonl").read_text().splitlines():
            entry = json.loads(line)
            if entry["stage"] not in skipped_stages:
                wrong += [f"{entry['id']}: {problem}" for problem in problems_of(entry, command, entries, home)]
        assert files_below(pathlib.Path(scratch)) == before, "files were written"
        assert not wrong, "\n" + "\n".join(wrong)


def shown():
    all_are_judged_rightly(["show", "{path}"])


def run_without_conversations():
    all_are_judged_rightly(GENERATE, ("template", "render"))


for test in (shown, run_without_conversations):
    print(f"hostile files: {test.__name__.replace('_', ' ')}", flush=True)
    test()
