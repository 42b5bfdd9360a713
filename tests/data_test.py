#!/usr/bin/python3
"""puna data with injected disk failures, killed at every disk call and on a full disk: a set is complete or absent. Also
its command-line behavior. usage: data_test.py PUNA WRITE_MODEL"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import failing_disk

PUNA, WRITE_MODEL = sys.argv[1:]
CHAT = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}\n'


def prepare(folder):
    subprocess.run([WRITE_MODEL, f"{folder}/model"], check=True)
    (folder / "tales.txt").write_text("".join(f"tale number {i}\n<|endoftext|>\n" for i in range(20)))
    (folder / "chat.jsonl").write_text(CHAT * 3)
    (folder / "disk").mkdir()
    return [PUNA, "data", "pack", f"{folder}/tales.txt", "--tokenizer", f"{folder}/model", "--hold-out-last", "2", "--output", f"{folder}/disk/set"]


def run(*arguments):
    return subprocess.run([PUNA, "data", *map(str, arguments)], capture_output=True, text=True)


def is_complete(folder):
    shown = run("show", folder, "--verify", "--json")
    return shown.returncode == 0 and json.loads(shown.stdout)["documents"] > 0


def clear(disk):
    for entry in disk.iterdir():
        shutil.rmtree(entry)


def any_call_may_fail(folder, command):
    disk = failing_disk.FailingDisk(folder / "disk")
    for call in ("write", "fsync", "rename", "close", "mkdir"):
        for n in range(1, disk.count(command, call) + 1):
            clear(folder / "disk")
            result = disk.run(command, call, n)
            left = [entry.name for entry in (folder / "disk").iterdir()]
            if left:                    # the last call failed: the set is complete
                assert left == ["set"] and is_complete(folder / "disk/set") and is_complete(folder / "disk/set/validation"), (call, n, left)
            if result.returncode == 0:
                assert left == ["set"], (call, n)
                continue
            assert disk.is_one_clear_line(result), (call, n, result.returncode, result.stderr)
        clear(folder / "disk")


def packing_may_be_killed_at_any_call(folder, command):
    disk = failing_disk.FailingDisk(folder / "disk")
    for n in range(1, disk.count(command, "any") + 1):
        clear(folder / "disk")
        assert disk.run(command, "any", n, how="kill").returncode == -9
        exists = (folder / "disk/set").exists()
        assert not exists or is_complete(folder / "disk/set"), n
        if not exists:
            subprocess.run(command, check=True, capture_output=True)
        assert [entry.name for entry in (folder / "disk").iterdir()] == ["set"], n          # no files of the killed attempt remain
    clear(folder / "disk")


def documents_of(folder):
    return json.loads(run("show", folder, "--verify", "--json").stdout)["documents"]


def a_forced_set_takes_the_place_of_the_old_one_in_one_step(folder, command):
    disk, here = failing_disk.FailingDisk(folder / "disk"), folder / "disk/set"
    (folder / "old.txt").write_text("one\n<|endoftext|>\ntwo\n<|endoftext|>\nthree\n")
    subprocess.run([*command[:3], f"{folder}/old.txt", *command[4:-1], f"{folder}/old"], check=True, capture_output=True)

    def with_old_set():
        clear(folder / "disk")
        shutil.copytree(folder / "old", here)
    with_old_set()
    for how, call in (("error", "rename"), ("error", "fsync"), ("kill", "any")):
        for n in range(1, disk.count([*command, "--force"], call) + 1):
            with_old_set()
            result = disk.run([*command, "--force"], call, n, how=how)
            assert documents_of(here) in ((18,) if result.returncode == 0 else (1, 18)) and is_complete(here / "validation"), (how, call, n, result)
    subprocess.run([*command, "--force"], check=True, capture_output=True)
    assert documents_of(here) == 18 and [entry.name for entry in (folder / "disk").iterdir()] == ["set"]
    clear(folder / "disk")


def a_full_disk_is_reported(folder, command):
    result = failing_disk.on_a_full_disk(command, 16384, str(folder / "disk"))
    if result is None:
        return
    assert failing_disk.FailingDisk.is_one_clear_line(result), result
    assert "No space left on device" in result.stderr, result.stderr


def command_line_behavior(folder, command):
    packed = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    summary = json.loads(packed.stdout)
    assert packed.stderr == "", packed.stderr
    assert (summary["documents"], summary["validation"]["documents"], summary["contents"]) == (18, 2, "text"), summary
    shown = json.loads(run("show", folder / "disk/set", "--json").stdout)
    assert shown["sources"][0]["name"].endswith("tales.txt") and shown["tokens"] == summary["tokens"], shown
    assert "tale number 18" in run("show", folder / "disk/set/validation", "--verify").stdout
    chat = run("pack", folder / "chat.jsonl", "--tokenizer", folder / "model", "--output", folder / "disk/chat")
    assert "3 conversations" in chat.stdout, chat
    for arguments, code, message in ((["pack"], 2, "INPUT"), (["pack", "x", "--output", "y"], 2, "--tokenizer is missing"), (["mend"], 2, "unknown command 'mend'"),
                                     (["pack", "x", "--validation-share", "2", "--output", "y", "--tokenizer", "z"], 2, "--validation-share must be less than 1, not 2"),
                                     (["show", folder], 1, "has no index.json"), (command[2:], 1, "already exists")):
        result = run(*arguments)
        assert result.returncode == code and message in result.stderr and len(result.stderr.strip().splitlines()) == 1, (arguments, result)
    assert run("--help").returncode == run("pack", "--help").returncode == 0


for test in (any_call_may_fail, packing_may_be_killed_at_any_call, a_forced_set_takes_the_place_of_the_old_one_in_one_step, a_full_disk_is_reported, command_line_behavior):
    with tempfile.TemporaryDirectory() as scratch:
        test(pathlib.Path(scratch), prepare(pathlib.Path(scratch)))
failing_disk.exit_with_skips()
