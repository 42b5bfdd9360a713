#!/usr/bin/python3
"""puna generate, puna chat and puna eval text in scripts: pipes, JSON, exit codes. usage: talk_test.py PUNA WRITE_MODEL"""
import contextlib
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile

PUNA, WRITE_MODEL = sys.argv[1:3]


def run(*arguments, text="", code=0):
    result = subprocess.run([PUNA, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=300)
    assert result.returncode == code, (arguments, result)
    return result


def is_one_line(text, *parts):
    assert text.startswith("puna") and text.count("\n") == 1 and all(part in text for part in parts), text


def generate_continues_a_text(model):
    result = run("generate", model, "hello", "--max-tokens", 20, "--seed", 3)
    assert len(result.stdout) >= 26 and result.stdout.startswith("hello") and result.stdout.endswith("\n"), result
    assert "20 tokens, " in result.stderr and "tokens/s" in result.stderr, result
    assert run("generate", model, "hello", "--max-tokens", 20, "--seed", 3, "--no-echo").stdout == result.stdout.removeprefix("hello")
    answer = json.loads(run("generate", model, "hello", "--max-tokens", 20, "--seed", 3, "--json").stdout)
    assert answer["prompt"] + answer["text"] + "\n" == result.stdout, answer
    assert run("generate", model, "--max-tokens", 4, "--quiet").stderr == ""


def generate_reads_a_pipe(model):
    """With - or without a prompt; the newline at its end is not part of the text."""
    flags = ["--max-tokens", 20, "--seed", 3, "--quiet"]
    expected = run("generate", model, "hello", *flags).stdout
    for prompt in (["-"], []):
        for text in ("hello", "hello\n", "hello\r\n"):
            assert run("generate", model, *prompt, *flags, text=text).stdout == expected, (prompt, text)
    assert run("generate", model, *flags, text="hello\n\n").stdout.startswith("hello\n") and expected != "hello\n"
    assert run("generate", model, "hello", *flags, text="ignored").stdout == expected


def generate_dims_the_prompt_on_a_terminal(model):
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TERM"] = "xterm"
        os.environ.pop("NO_COLOR", None)
        os.execv(PUNA, [PUNA, "generate", model, "hel\x1blo", "--max-tokens", "5", "--quiet"])
    output = b""
    with contextlib.suppress(OSError):          # Linux: EIO at the end
        while part := os.read(terminal, 1000):
            output += part
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert output.startswith("\x1b[2mhel\ufffdlo\x1b[0m".encode()) and b"\x1b" not in output[20:], output


def the_seed_determines_the_text_on_any_number_of_threads(model):
    flags = ["generate", model, "hello", "--max-tokens", 50, "--temperature", 1, "--top-p", 1, "--json"]
    one, two, other = (json.loads(run(*flags, "--seed", seed, "--threads", threads).stdout) for seed, threads in ((4, 1), (4, 2), (5, 1)))
    assert one["ids"] == two["ids"] != other["ids"]
    assert one["seed"] == 4 and one["finish"] in ("length", "stop") and one["prompt_tokens"] == 6, one
    drawn = json.loads(run(*flags).stdout)
    assert json.loads(run(*flags, "--seed", drawn["seed"]).stdout)["ids"] == drawn["ids"]


def prompts_that_do_not_fit_are_rejected_with_the_numbers(model):
    result = run("generate", model, "hello", "--max-tokens", 60, "--context", 64, code=1)
    is_one_line(result.stderr, " 6 ", " 60 ", " 64")
    assert result.stdout == ""
    pathlib.Path(f"{model}.txt").write_text("hello")
    for command in (["chat", model], ["generate", model, "hello"], ["eval", "text", model, f"{model}.txt"]):
        name = "eval text" if command[0] == "eval" else command[0]
        is_one_line(run(*command, "--context", 999999, code=2).stderr, f"puna {name}: --context: 999999 is more", "at most 200000")
    result = run("generate", model, "hello", "--temperature", 0, "--context", 64)
    assert len(result.stdout) == len("hello") + 64 - 6 + 1 and "the context is full" in result.stderr, result


def wrong_usage_is_reported_before_a_model_is_loaded(model):
    for flags in (["--top-p", 3], ["--temperature", "hot"], ["--seed", -1], ["--max-tokens", -1], ["--type", "f8"], ["--context", -1],
                  ["--threads", -1], ["--threads", 5000]):
        is_one_line(run("generate", "nowhere", "x", *flags, code=2).stderr, f"puna generate: {flags[0]} must be ")
        is_one_line(run("chat", "nowhere", *flags, code=2).stderr, f"puna chat: {flags[0]} must be ")
    is_one_line(run("generate", "nowhere", "x", code=1).stderr, "nowhere: no such file or folder, and no model of this name is here ('puna list' shows them)")
    for flags in (["--type", "f8"], ["--context", -1], ["--threads", -1]):
        is_one_line(run("eval", "text", "nowhere", "nothing", *flags, code=2).stderr, f"puna eval text: {flags[0]} must be ")
    is_one_line(run("eval", "text", model, f"{model}/none", code=1).stderr, "none")


def a_closed_pipe_ends_quietly(model):
    for command, text in ((["generate", model, "hello"], ""), (["chat", model], "hi\n")):
        process = subprocess.Popen([PUNA, *command, "--context", "200000", "--temperature", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdin.write(text.encode())
        process.stdin.flush()
        assert len(process.stdout.read(10)) == 10       # it would continue for a hundred thousand tokens
        process.stdout.close()
        assert process.wait(timeout=300) == 0
        assert process.stderr.read() == b""


def a_model_file_truncated_while_in_use_is_named(model):
    shutil.copytree(model, f"{model}-shrinks")
    weights = f"{model}-shrinks/model.safetensors"
    process = subprocess.Popen([PUNA, "chat", f"{model}-shrinks", "--max-tokens", "3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    process.stdin.write("hi\n")
    process.stdin.flush()
    assert len(process.stdout.readline()) >= 3          # it is loaded
    os.truncate(weights, 0)
    stdout, stderr = process.communicate("hi\n", timeout=300)
    assert process.returncode == 1, (process.returncode, stderr)
    is_one_line(stderr.splitlines()[-1] + "\n", weights, "changed while in use")


def a_full_disk_is_an_error(model):
    for command, text in ((["generate", model, "hello"], ""), (["chat", model], "hi\nthere\n")):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PUNA, *command, "--max-tokens", "5"], input=text, stdout=full, stderr=subprocess.PIPE, text=True)
        assert result.returncode == 1
        is_one_line(result.stderr, "standard output", "No space left")


def chat_accepts_windows_line_ends(model):
    conversation = f"{model}/messages.json"
    run("chat", model, "--max-tokens", 2, text=f"one\\\r\ntwo\r\n/save {conversation}\r\n")
    assert json.load(open(conversation))["messages"][0]["content"] == "one\ntwo"


def chat_saves_any_conversation_and_overwrites_nothing_else(model):
    conversation, notes, link, pipe = f"{model}/long.json", f"{model}/notes", f"{model}/link", f"{model}/pipe"
    long = "x" * 100_000
    run("chat", model, text=f"/system {long}\n/save {conversation}\n")
    assert json.load(open(conversation))["messages"][0]["content"] == long
    os.symlink(notes, link)
    run("chat", model, text=f"/load {conversation}\n/save {link}\n/save {link}\n")         # the second over the first
    assert os.path.islink(link) and json.load(open(notes)) == json.load(open(conversation))
    for text in ("precious", '{"name": "package"}'):
        with open(notes, "w") as file:
            file.write(text)
        is_one_line(run("chat", model, text=f"/save {link}\n", code=1).stderr, "link", "not a conversation")
        assert open(notes).read() == text
    os.mkfifo(pipe)
    is_one_line(run("chat", model, text=f"/load {pipe}\n", code=1).stderr, pipe, "not a regular file")
    is_one_line(run("chat", model, text="/load /dev/zero\n", code=1).stderr, "/dev/zero", "not a regular file")


def chat_answers_line_by_line_from_a_pipe(model):
    result = run("chat", model, "--max-tokens", 5, "--temperature", 0, text='hi\n/reset\none \\\ntwo\n"""a\nb"""\n/exit\nnever\n')
    assert len(result.stdout.splitlines()) == 3 and ">" not in result.stdout, result
    answers = run("chat", model, "--max-tokens", 5, "--json", text="hi" * 40 + "\nthere")
    first, second = map(json.loads, answers.stdout.splitlines())
    assert first["tokens"] == 5 and second["prompt_tokens"] > first["prompt_tokens"], answers
    whole_pages = first["prompt_tokens"] // 64 * 64
    assert second["reused_tokens"] >= whole_pages > 0, answers


def chat_reports_errors_and_continues(model):
    result = run("chat", model, "--max-tokens", 5, "--context", 100, text="x" * 100 + "\n/nonsense\nhi\n", code=1)
    full, nonsense = [line for line in result.stderr.splitlines() if line.startswith("puna")]
    assert "the message is too long: the prompt has 1" in full and "the context of 100 tokens; shorten it" in full, full
    assert "/nonsense" in nonsense, nonsense
    is_one_line(run("generate", model, "x", "--stop", "", code=2).stderr, "--stop must not be an empty text")
    mixed = subprocess.run([PUNA, "chat", model, "--max-tokens", "2"], input="hi\ncaf\xe9\nbye\n".encode("latin-1"), capture_output=True)
    assert mixed.returncode == 0 and len(mixed.stdout.splitlines()) == 3 and b"standard input:2: is not valid UTF-8" in mixed.stderr, mixed
    is_one_line(run("chat", model, "--json", "--max-tokens", 1, text="h\0i\0\n", code=1).stderr, "zero byte", "iconv")
    is_one_line(run("chat", model, text="/reset now\n", code=1).stderr, "/reset takes no argument", "now")
    assert len(result.stdout) >= 6, result


def chat_tells_a_pipe_what_makes_room(model):
    lines = ["hi", "hi", "hi", "x" * 100, "/trim 0.9", "x" * 60]
    result = run("chat", model, "--max-tokens", 40, "--temperature", 0, "--context", 200, text="\n".join(lines), code=1)
    notes = result.stderr.splitlines()
    assert any(re.fullmatch(r"\[the context is nearly full: \d+ of 200 tokens left; /trim removes the oldest turns\]", note) for note in notes), notes
    is_one_line([note for note in notes if note.startswith("puna")][0] + "\n", "the conversation is too long", "/trim 0.", "/reset starts a new one")
    assert 'removed "hi" and its answer' in notes and len(result.stdout.splitlines()) == 4, result


def eval_text_counts_what_it_scores(model, other):
    text = "once upon\na time\n<|endoftext|>\nthe end\n"
    path = f"{model}/text"
    with open(path, "w") as file:
        file.write(text)
    score = json.loads(run("eval", "text", model, path, "--json").stdout)
    assert (score["documents"], score["tokens"], score["bytes"]) == (2, 24, 24), score
    beside = json.loads(run("eval", "text", model, path, "--json", "--against", other).stdout)
    assert beside["perplexity"] == score["perplexity"] and beside["kl_divergence"] > 0 and 0 <= beside["top1_agreement"] < 1, beside
    itself = run("eval", "text", model, "-", "--against", model, text=text).stdout
    assert "KL divergence  0 nats" in itself and "top-1 agreed   100.00 %" in itself, itself
    is_one_line(run("eval", "text", model, "/dev/null", code=1).stderr, "/dev/null", "empty")


with tempfile.TemporaryDirectory() as scratch:
    os.environ["XDG_STATE_HOME"] = f"{scratch}/state"
    model, other = f"{scratch}/model", f"{scratch}/other"
    subprocess.run([WRITE_MODEL, model, "200000"], check=True)
    subprocess.run([WRITE_MODEL, other, "200000", "2"], check=True)
    for test in (generate_continues_a_text, generate_reads_a_pipe, generate_dims_the_prompt_on_a_terminal, the_seed_determines_the_text_on_any_number_of_threads, prompts_that_do_not_fit_are_rejected_with_the_numbers,
                 wrong_usage_is_reported_before_a_model_is_loaded, a_closed_pipe_ends_quietly, a_model_file_truncated_while_in_use_is_named, a_full_disk_is_an_error,
                 chat_answers_line_by_line_from_a_pipe, chat_accepts_windows_line_ends, chat_saves_any_conversation_and_overwrites_nothing_else, chat_reports_errors_and_continues, chat_tells_a_pipe_what_makes_room):
        print(test.__name__.replace("_", " "), flush=True)
        test(model)
    print("eval text counts what it scores", flush=True)
    eval_text_counts_what_it_scores(model, other)
