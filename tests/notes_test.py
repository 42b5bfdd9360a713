#!/usr/bin/python3
"""Command-line behavior: values that cannot be measured are omitted, ineffective or conflicting options are reported, and
files that are not text are rejected. usage: notes_test.py PUNA WRITE_MODEL"""
import gzip
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

PUNA, WRITE_MODEL = sys.argv[1:]
SMALL = {"--dim": 32, "--layers": 1, "--heads": 2, "--kv-heads": 2, "--ffn": 64, "--length": 64, "--context": 64, "--batch": 2}


def run(*arguments, code=0, text=None):
    result = subprocess.run([PUNA, *map(str, arguments)], input=text, capture_output=True, timeout=300)
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    assert result.returncode == code, (arguments, result)
    return result


def one_line(result, *parts):
    lines = [line for line in result.stderr.splitlines() if line.startswith("puna")]
    assert len(lines) == 1 and all(part in lines[0] for part in parts), (parts, result.stderr)


def has_note(result, *parts):
    assert any(all(part in line for part in parts) for line in result.stderr.splitlines()), (parts, result.stderr)


def chat(*turns):
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}) + "\n"


def pack(folder, name, text, *flags, code=0):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run("data", "pack", path, "--tokenizer", folder / "model", "--output", folder / f"{path.stem}.set", *flags, code=code)


def train(folder, name, data, *flags, code=0):
    small = [part for pair in SMALL.items() if pair[0] not in flags for part in pair]
    return run("train", "--data", folder / f"{data}.set", "--output", folder / name, *small, *flags, code=code)


def metrics(folder, name):
    return [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]


def validation_without_tokens_in_the_loss_is_rejected_before_training(folder):
    pack(folder, "talk.jsonl", chat(("user", "hi"), ("assistant", "hello")) * 4)
    has_note(pack(folder, "silent.jsonl", chat(("system", "be kind"), ("user", "hi"))), "there is nothing to train on")
    pack(folder, "cut.jsonl", chat(("user", "word " * 30), ("assistant", "yes")))
    for name in ("silent", "cut"):
        result = train(folder, f"out {name}", "talk", "--validation", folder / f"{name}.set", "--steps", 1, code=1)
        one_line(result, f"{name}.set", "no token is in the loss", "64 tokens")
        assert not (folder / f"out {name}/metrics.jsonl").exists()


def bits_per_byte_without_text_is_omitted(folder):
    pack(folder, "mute.jsonl", chat(("user", "hi"), ("assistant", "")))     # only the end of turn is in the loss
    result = train(folder, "out mute", "talk", "--validation", folder / "mute.set", "--steps", 2, "--validate-every", 1)
    assert all("validation_loss" in line and "bits_per_byte" not in line for line in metrics(folder, "out mute"))
    card, report = ((folder / "out mute" / name).read_text() for name in ("README.md", "report.html"))
    run = json.loads(re.search(r'id="run">(.*?)</script', report)[1], parse_constant=lambda name: exit(f"{name} in the report"))["runs"][0]
    assert run["summary"]["bits_per_byte"] is None and run["series"]["bits_per_byte"] == {"steps": [], "values": []}, run
    assert "nats per token, on" in card and "bits per byte" not in card and "nan" not in card + result.stderr, card


def steps_without_tokens_in_the_loss_report_no_loss(folder):
    pack(folder, "pause.jsonl", chat(("user", "word " * 30), ("assistant", "yes")) * 3 + chat(("user", "a"), ("assistant", "b")))
    result = train(folder, "out pause", "pause", "--steps", 8, "--batch", 1)
    idle = [line for line in metrics(folder, "out pause") if line["trained"] == 0]
    assert idle and all("loss" not in line for line in idle), idle
    assert "nan" not in result.stderr + (folder / "out pause/README.md").read_text()


def the_default_warm_up_follows_the_number_of_steps(folder):
    pack(folder, "text.txt", "the cat sat on the mat and the dog ran away\n" * 40)
    assert "warm" not in train(folder, "out default", "text", "--steps", 20, "--learning-rate", "1e-3").stderr
    assert max(line["learning_rate"] for line in metrics(folder, "out default")) == 1e-3
    assert "warm_up = 2\n" in (folder / "out default/README.md").read_text()
    has_note(train(folder, "out long", "text", "--steps", 2, "--warm-up", 2), "--warm-up: 2 of 2 steps", "never decays")


def fields_without_effect_are_reported_as_given(folder):
    flags = ["--steps", 2, "--validate-every", 1, "--sample-every", 0, "--prompt", "Once", "--decay-share", 0.5, "--checkpoint-every", 5]
    result = train(folder, "out idle", "text", *flags)
    for flag in ("--validate-every: has no effect", "--prompt: has no effect", "--decay-share: has no effect", "--checkpoint-every: 5 exceeds"):
        has_note(result, flag)
    (folder / "recipe.toml").write_text("dim = 64\nlayers = 9\nlength = 64\nsteps = 1\nbatch = 2\n")
    result = run("train", folder / "recipe.toml", "--data", folder / "text.set", "--from", folder / "out idle", "--output", folder / "out next")
    has_note(result, "dim: has no effect")
    has_note(result, "layers: has no effect")
    has_note(train(folder, "out big", "talk", "--steps", 1, "--batch", 64), "fewer than the batch of 64")
    one_line(train(folder, "never", "text", "--context", 32, code=2), "--length", "longer than the context")
    one_line(train(folder, "never", "text", "--keep-checkpoints", 0, code=2), "--keep-checkpoints")
    one_line(train(folder, "never", "text", "--micro-batch", 2, "--batch", 3, code=2), "--micro-batch")


def packing_reports_options_without_effect(folder):
    has_note(pack(folder, "one.txt", "a single document"), "--validation-share: there is no validation set", "held out from 32 KiB on")
    has_note(pack(folder, "two.txt", "one\n<|endoftext|>\ntwo", "--validation-share", 1e-9), "--validation-share: there is no validation set", "none of 2 documents fell")
    assert "there is no" not in pack(folder, "whole.txt", "a single document", "--validation-share", 0).stderr
    has_note(pack(folder, "lines.jsonl", '{"text": "x y"}\n', "--separator", "---", "--date", "1 May 2025"), "--separator: has no effect")
    has_note(pack(folder, "plain.txt", "x y", "--text-field", "body"), "--text-field: has no effect")
    one_line(pack(folder, "other.jsonl", '{"body": "x y"}\n', code=1), "ShareGPT's 'conversations'", "--text-field names another field; --skip-bad goes on")
    has_note(pack(folder, "talk2.jsonl", chat(("user", "a"), ("assistant", "b")), "--text-field", "body"), "--text-field: has no effect")
    one_line(pack(folder, "few.txt", "one\n<|endoftext|>\ntwo", "--hold-out-last", 2, code=1), "all 2 are held out")
    one_line(pack(folder, "few.txt", "one", "--hold-out-last", 2, "--max-documents", 2, code=2), "--hold-out-last: 2 of at most 2")


def tar_of(name, content):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def files_that_are_not_text_are_rejected_with_a_remedy(folder):
    words, model = "A story of a cat that sat on a mat.\n" * 9, folder / "model"
    for name, content, part in (("story.txt.gz", gzip.compress(words.encode()), "gzip -dc"), ("story.utf16", words.encode("utf-16"), "iconv -f UTF-16"),
                                ("bare.utf16", words.encode("utf-16-le"), "looks like UTF-16"), ("story.tar", tar_of("story.txt", words.encode()), "tar -x"),
                                ("model.safetensors", (folder / "model/model.safetensors").read_bytes(), "is a safetensors file"),
                                ("story.zip", b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(range(256)), "unzip")):
        (folder / name).write_bytes(content)
        for command in (["tokenizer", "encode", model], ["eval", "text", model]):
            one_line(run(*command, folder / name, code=1), name, part)
            one_line(run(*command, "-", text=content, code=1), "standard input", part)
        one_line(run("generate", model, "-", text=content, code=1), "standard input", part)
    for content, part in ((gzip.compress(words.encode()), "gzip -dc"), (words.encode("utf-16"), "iconv -f UTF-16")):
        one_line(run("chat", model, text=content, code=1), "standard input: is", part)
    has_note(run("chat", model, "--max-tokens", 1, text="hi\nUn caf\xe9 au lait, puis un autre.\n".encode("latin-1")), "standard input:2: is not valid UTF-8, first at byte 6")
    for name in ("nul.txt", "utf32"):
        (folder / name).write_bytes(b"abc\0def\n" if name == "nul.txt" else "hi".encode("utf-32-le"))
        one_line(run("tokenizer", "encode", model, folder / name, code=1), name, "contains a zero byte")
    for name, content in (("wrong.txt", '{"text": "a cat"}\n'), ("records.jsonlines", '{"text": "a cat"}\n{"text": "b"}\n'), ("array.txt", '[\n {"text": "a cat"}]')):
        one_line(pack(folder, name, content, code=1), name, "contains JSON, but its name ends in neither .json nor .jsonl")
    one_line(pack(folder, "pointer.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", code=1), "pointer.txt", "git lfs pull")
    pack(folder, "braces.txt", "{braces} are text\n[so are brackets]\n")
    one_line(run("eval", "text", model, folder / "missing.jsonl", code=1), "missing.jsonl", "No such file")
    for name in ("lines.jsonl", "list.json"):
        (folder / name).write_text('{"text": "a cat"}\n')
        one_line(run("eval", "text", model, folder / name, code=1), name, "jq -r .text")
        has_note(run("tokenizer", "encode", model, folder / name), name, "contains JSON")
    assert run("eval", "text", model, "-", text=b'{"text": "a cat"}\n').stdout
    one_line(pack(folder, "empty.json", "[]", code=1), "empty.json", "contains no documents")
    (folder / "marked.txt").write_bytes(b"\xef\xbb\xbf" + words.encode())
    (folder / "bare.txt").write_bytes(words.encode())
    assert run("eval", "text", model, folder / "marked.txt").stdout == run("eval", "text", model, folder / "bare.txt").stdout
    prompts = [json.loads(run("chat", model, "--max-tokens", 1, "--json", text=mark + b"hi\n").stdout)["prompt_tokens"] for mark in (b"", b"\xef\xbb\xbf")]
    assert prompts[0] == prompts[1], prompts
    (folder / "latin.txt").write_bytes("Un caf\xe9 au lait, puis un autre.".encode("latin-1"))
    has_note(run("eval", "text", model, folder / "latin.txt"), "latin.txt", "not valid UTF-8, first at byte 6")
    one_line(pack(folder, "latin.txt", "Un caf\xe9 au lait, puis un autre.".encode("latin-1"), code=1), "latin.txt:1: not valid UTF-8 at byte 6", "--encoding", "--skip-bad")


def generation_reports_only_what_was_measured(folder):
    model = folder / "model"
    result = run("generate", model, "hello", "--max-tokens", 1, "--temperature", 0, "--seed", 7, "--top-p", 0.5)
    has_note(result, "--seed: has no effect, a temperature of 0")
    has_note(result, "--top-p: has no effect")
    has_note(run("generate", model, "hello", "--max-tokens", 1, "--top-k", 1, "--seed", 7), "--seed: has no effect, a top_k of 1")
    assert "1 token\n" in result.stderr and "tokens/s" not in result.stderr, result
    assert "tokens_per_second" not in json.loads(run("generate", model, "hello", "--max-tokens", 1, "--json").stdout)
    assert json.loads(run("generate", model, "hello", "--max-tokens", 9, "--json").stdout)["tokens_per_second"] > 0
    one_line(run("chat", model, "--max-tokens", 64, "--context", 64, text=b"hi\n", code=2), "--max-tokens: 64 leaves no room")
    (folder / "words.txt").write_text("to be or not to be")
    has_note(run("eval", "text", model, folder / "words.txt", "--against", model), "--against: is the same model")
    has_note(run("tokenizer", "train", folder / "text.txt", "--vocabulary", 280, "--text-field", "x", "--output", folder / "tok"), "--text-field: has no effect")
    (model / "generation_config.json").write_text('{"num_beams": 4, "typical_p": 1, "stop_strings": null, "no_repeat_ngram_size": 3, "eos_token_id": -1}')
    has_note(run("generate", model, "hello", "--max-tokens", 1), "generation_config.json: ignored, because not supported: no_repeat_ngram_size, num_beams")
    (model / "generation_config.json").unlink()
    bench = ["bench", "machine", "--repetitions", 1]
    has_note(run(*bench, "--op", "softmax"), "--op: has no effect on bench machine")
    has_note(run(*bench, "--text", folder / "words.txt"), "--text: has no effect on bench machine")
    has_note(run("tokenizer", "encode", model, folder / "words.txt", "--json", "--output", folder / "ids"), "--json: has no effect")


with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    subprocess.run([WRITE_MODEL, folder / "model"], check=True)
    for test in (validation_without_tokens_in_the_loss_is_rejected_before_training, bits_per_byte_without_text_is_omitted, steps_without_tokens_in_the_loss_report_no_loss,
                 the_default_warm_up_follows_the_number_of_steps, fields_without_effect_are_reported_as_given, packing_reports_options_without_effect,
                 files_that_are_not_text_are_rejected_with_a_remedy, generation_reports_only_what_was_measured):
        print(test.__name__.replace("_", " "), flush=True)
        test(folder)
