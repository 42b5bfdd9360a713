#!/usr/bin/python3
"""puna data with injected disk failures, killed at every disk call and on a full disk: a set is complete or absent. Also
its command-line behavior. usage: data_test.py PUNA WRITE_MODEL"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import failing_disk

PUNA, WRITE_MODEL = sys.argv[1:]
CHAT = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}\n'


def prepare(folder):
    subprocess.run([WRITE_MODEL, f"{folder}/model"], check=True)
    (folder / "tales.txt").write_text("".join(f"tale number {i}\n<|endoftext|>\n" for i in range(20)))
    (folder / "chat.jsonl").write_text(CHAT * 3)
    (folder / "disk").mkdir()
    return [PUNA, "data", "pack", f"{folder}/tales.txt", "--tokenizer", f"{folder}/model", "--hold-out-last", "2", "--output", f"{folder}/disk/set"]


def run(*arguments, **options):
    return subprocess.run([PUNA, "data", *map(str, arguments)], capture_output=True, text=True, **options)


def train_tokenizer(folder, *arguments):
    command = [PUNA, "tokenizer", "train", *arguments, "--force", "--output", folder / "tokenizer"]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


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
    text = "".join(f"Tale number {i} is about {i % 7} cats.\n" for i in range(3000))
    flags = ["--tokenizer", folder / "model", "--output"]
    (folder / "long.txt").write_text(text)
    lines = run("pack", folder / "long.txt", *flags, folder / "disk/long").stdout.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["training", "1"], ["validation", "1"]], lines
    piped = json.loads(run("pack", "-", *flags, folder / "disk/piped", "--json", input=text).stdout)
    assert piped["bytes"] + piped["validation"]["bytes"] == len(text) and piped["dropped_bytes"] == 0, piped
    assert sorted(path.name for path in (folder / "disk/piped").iterdir()) == sorted(path.name for path in (folder / "disk/long").iterdir())
    for arguments, code, message in ((["pack"], 2, "INPUT"), (["pack", "x", "--output", "y"], 2, "--tokenizer is missing"), (["mend"], 2, "unknown command 'mend'"),
                                     (["pack", "x", "--validation-share", "2", "--output", "y", "--tokenizer", "z"], 2, "--validation-share must be less than 1, not 2"),
                                     (["show", folder], 1, "has no index.json"), (command[2:], 1, "already exists")):
        result = run(*arguments)
        assert result.returncode == code and message in result.stderr and len(result.stderr.strip().splitlines()) == 1, (arguments, result)
    assert run("--help").returncode == run("pack", "--help").returncode == 0


def json_files_are_read_as_their_format_says(folder, command):
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    files = {"alpaca.json": [{"instruction": "hi", "input": "", "output": "hello"}], "sharegpt.json": [{"conversations": [
                 {"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}],
             "saved.json": {"messages": turns, "options": {"top_k": 3}}, "pretty.json": [{"messages": turns}], "lines.jsonl": {"prompt": "hi", "completion": "hello"}}
    shown = []
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2 if name == "pretty.json" else None))
        run("pack", folder / name, "--tokenizer", folder / "model", "--output", folder / f"{name}.set")
        shown.append(json.loads(run("show", folder / f"{name}.set", "--json").stdout)["first_documents"])
    assert all(documents == shown[0] for documents in shown), shown
    (document,) = shown[0]
    assert document["loss_mask"].count(1) == document["trained"] > 0 and len(document["ids"]) == len(document["loss_mask"]) == document["tokens"], document
    plain = run("show", folder / "saved.json.set").stdout
    assert "[[in the loss]], not in the loss\n" in plain and "[[hello<|eot_id|>]]" in plain and "\x1b" not in plain, plain
    for vocabulary, code in ((256 + 16 + 4, 0), (256 + 16 + 40, 1)):           # "hi" and "hello" allow five merges; the braces would allow more
        trained = train_tokenizer(folder, folder / "saved.json", "--vocabulary", vocabulary)
        assert (trained.returncode, "have pairs for" in trained.stderr) == (code, code == 1), trained


def the_examples_of_the_documentation_are_as_shown(folder, command):
    page = pathlib.Path("docs/data.md").read_text()
    (folder / "examples.jsonl").write_text(re.search(r"```json\n(.*?)```", page, re.S)[1])
    result = run("pack", folder / "examples.jsonl", "--tokenizer", "models/starter", "--output", folder / "disk/set")
    assert "3 conversations" in result.stdout, result
    shown = re.search(r"(^    28 tokens, .*?)\n\n`--json`", page, re.S | re.M)[1]
    assert re.sub("^    ", "", shown, flags=re.M) in run("show", folder / "disk/set").stdout, shown


def written(process):
    return int(re.search(r"^wchar: (\d+)$", pathlib.Path(f"/proc/{process.pid}/io").read_text(), re.M)[1])


def a_signal_leaves_no_file(folder, command):
    for share in ([], ["--validation-share", 0]):
        words = ["pack", "-", "--tokenizer", folder / "model", "--output", folder / "disk/set", *share]
        endless = subprocess.Popen(["yes", "tale of a cat"], stdout=subprocess.PIPE)
        pack = subprocess.Popen([PUNA, "data", *map(str, words)], stdin=endless.stdout, stderr=subprocess.PIPE, text=True)
        endless.stdout.close()
        while written(pack) < 1 << 20:      # its files may have no names yet
            assert pack.poll() is None, pack.stderr.read()
            time.sleep(0.01)
        assert list((folder / "disk").iterdir()) != []
        pack.send_signal(signal.SIGINT)
        assert pack.wait(timeout=60) == 130 and "stopping" in pack.stderr.read()
        endless.wait()
        assert list((folder / "disk").iterdir()) == []


def one_signal_is_enough_while_an_input_is_silent(folder, command):
    os.mkfifo(folder / "without_writer")
    for name in ("-", folder / "without_writer"):
        for share in ([], ["--validation-share", 0]):
            words = ["pack", name, "--tokenizer", folder / "model", "--output", folder / "disk/set", *share]
            pack = subprocess.Popen([PUNA, "data", *map(str, words)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while not list((folder / "disk").iterdir()):
                assert pack.poll() is None, pack.stderr.read()
                time.sleep(0.01)
            pack.send_signal(signal.SIGINT)
            assert pack.wait(timeout=60) == 130 and list((folder / "disk").iterdir()) == [], (name, share)
            pack.stdin.close()


def piped_json_is_known_by_its_content(folder, command):
    texts = ["one", "two", "three"]
    for piped in ("".join(json.dumps({"text": text}) + "\n" for text in texts), json.dumps([{"text": text} for text in texts])):
        for share in ([], ["--validation-share", 0]):
            run("pack", "-", "--tokenizer", folder / "model", "--output", folder / "disk/set", *share, input=piped)
            shown = json.loads(run("show", folder / "disk/set", "--json").stdout)["first_documents"]
            assert [document["text"] for document in shown] == [f"<|begin_of_text|>{text}<|end_of_text|>" for text in texts], shown
            clear(folder / "disk")


def bad_inputs_end_the_command_or_are_skipped_by_name(folder, command):
    (folder / "in").mkdir()
    (folder / "in/a.jsonl").write_text('{"text": "one"}\n' + '{"text": 1}\n' * 25 + '{"text": "two"}\n')
    (folder / "in/b.txt").write_bytes("un caf\xe9\nthree\n".encode("latin-1"))
    (folder / "in/c.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    arguments = ["pack", folder / "in", "--tokenizer", folder / "model", "--output", folder / "disk/set"]
    result = run(*arguments)
    assert result.returncode == 1 and "a.jsonl:2: 'text' must be a string; --skip-bad goes on without it\n" in result.stderr, result
    result = run(*arguments, "--skip-bad", "--json")
    assert json.loads(result.stdout)["skipped"] == {"documents": 25, "lines": 1, "files": 1}, result
    lines = result.stderr.splitlines()
    assert len(lines) == 24 and "no validation set" in lines[23] and "a.jsonl:2: 'text' must be" in lines[0] and "a.jsonl: also skipped 5 documents" in lines[20], lines
    assert "b.txt: also skipped 1 line" in lines[21] and "c.png: also skipped 1 file" in lines[22], lines
    shown = json.loads(run("show", folder / "disk/set", "--json", "--documents", "9").stdout)["first_documents"]
    assert [document["text"] for document in shown] == [f"<|begin_of_text|>{text}<|end_of_text|>" for text in ("one", "two", "three\n")], shown
    clear(folder / "disk")
    result = run(*arguments[:1], folder / "in/b.txt", *arguments[2:], "--encoding", "windows-1252")
    assert result.returncode == 0 and "un caf\u00e9\n" in run("show", folder / "disk/set").stdout, result
    clear(folder / "disk")
    result = run(*arguments[:1], folder / "in/c.png", *arguments[2:], "--skip-bad")
    assert result.returncode == 1 and "nothing is left: 1 file skipped" in result.stderr, result
    (folder / "other.jsonl").write_text('{"story": "one"}\n')
    result = run(*arguments[:1], folder / "other.jsonl", *arguments[2:], "--skip-bad")
    assert "--text-field names another field" in result.stderr.splitlines()[0] and "text_field" not in result.stderr, result
    result = run(*arguments, "--encoding", "klingon")
    assert result.returncode == 2 and "--encoding: 'klingon' is not known" in result.stderr, result
    trained = train_tokenizer(folder, folder / "in", "--skip-bad", "--vocabulary", 256 + 16 + 2, "--json")
    assert json.loads(trained.stdout)["skipped"] == {"documents": 25, "lines": 1, "files": 1} and "also skipped 5 documents" in trained.stderr, trained


def marked_text_is_converted(folder, command):
    words = "Un caf\xe9 de No\xebl, s'il vous pla\xeet.\n"
    for encoding in ("utf-8-sig", "utf-16", "utf-32", "utf-16-be"):
        mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
        clear(folder / "disk")
        (folder / "x.txt").write_bytes(mark + words.encode(encoding))
        result = run("pack", folder / "x.txt", "--tokenizer", folder / "model", "--output", folder / "disk/set")
        assert result.returncode == 0 and ("converted from" in result.stderr) == (encoding != "utf-8-sig"), result
        (document,) = json.loads(run("show", folder / "disk/set", "--json").stdout)["first_documents"]
        assert document["text"] == f"<|begin_of_text|>{words}<|end_of_text|>", document


for test in (any_call_may_fail, packing_may_be_killed_at_any_call, a_forced_set_takes_the_place_of_the_old_one_in_one_step, a_full_disk_is_reported, a_signal_leaves_no_file, one_signal_is_enough_while_an_input_is_silent, piped_json_is_known_by_its_content, command_line_behavior,
             json_files_are_read_as_their_format_says, the_examples_of_the_documentation_are_as_shown, bad_inputs_end_the_command_or_are_skipped_by_name, marked_text_is_converted):
    with tempfile.TemporaryDirectory() as scratch:
        test(pathlib.Path(scratch), prepare(pathlib.Path(scratch)))
failing_disk.exit_with_skips()
