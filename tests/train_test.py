#!/usr/bin/python3
"""Training runs that are killed, split, starved and broken: nothing is lost, and every failure is one clear line.
usage: train_test.py PUNA"""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import failing_disk

PUNA = os.path.abspath(sys.argv[1])
SHAPE = ["--dim", "32", "--layers", "2", "--heads", "4", "--kv-heads", "2", "--ffn", "64", "--length", "64", "--context", "64"]
MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1"}


def puna(*arguments, code=0, **options):
    result = subprocess.run([PUNA, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == code, f"puna {arguments}: exit {result.returncode}: {result.stderr}"
    return result


def last_line(result):
    return result.stderr.strip().splitlines()[-1]


def make_data(folder):
    """A few hundred short documents, packed; the last ten are held out."""
    words = "the cat dog sat ran on under mat tree and then home big red ball with a of".split()
    chance = random.Random(1)
    text = "".join(" ".join(chance.choices(words, k=chance.randint(5, 60))) + ".\n<|endoftext|>\n" for _ in range(300))
    (folder / "text.txt").write_text(text)
    puna("tokenizer", "train", folder / "text.txt", "--vocabulary", 300, "--output", folder / "tokenizer")
    puna("data", "pack", folder / "text.txt", "--tokenizer", folder / "tokenizer", "--output", folder / "data", "--hold-out-last", 10)


def command(folder, output, steps=12, *more):
    return ["train", "--data", folder / "data", "--validation", folder / "data/validation", "--output", output, "--steps", steps, "--batch", 8,
            "--warm-up", 3, "--validate-every", 5, "--checkpoint-every", 4, *SHAPE, *more]


def train(folder, output, *more, steps=12, code=0, **options):
    return puna(*command(folder, output, steps, *more), code=code, **options)


def result_of(output):
    return ((output / "model.safetensors").read_bytes(), (output / "metrics.jsonl").read_bytes())


def splits_give_the_same_bits(folder, whole):
    for name, more in {"2x4": ["--micro-batch", 4], "8x1": ["--micro-batch", 1], "recomputed": ["--recompute"], "one thread": ["--threads", 1]}.items():
        train(folder, folder / name, *more)
        assert result_of(folder / name) == whole, name
    mpi = subprocess.run(["mpirun", "-n", "2", PUNA, *map(str, command(folder, folder / "mpi"))], env={**os.environ, **MPI}, capture_output=True, text=True)
    assert mpi.returncode == 0, mpi.stderr
    assert result_of(folder / "mpi") == whole, "two processes"
    train(folder, folder / "f32", "--type", "f32", "--gradient-sum", "running")
    assert result_of(folder / "f32") != whole


def killed_runs_resume_bit_for_bit(folder, whole):
    chance = random.Random(5)
    for attempt, threads in enumerate((1, 2, 3)):
        output = folder / f"killed{attempt}"
        for again in range(40):
            more = ["--resume"] if (output / "metrics.jsonl").exists() else []
            errors = open(folder / "errors", "w+")
            run = subprocess.Popen([PUNA, *map(str, command(folder, output, 12, "--threads", threads, *more))], stderr=errors)
            try:
                run.wait(timeout=0.05 + 0.04 * again * chance.random())
            except subprocess.TimeoutExpired:
                run.send_signal(signal.SIGKILL)
                run.wait()
                continue
            assert run.returncode == 0, (folder / "errors").read_text()
            break
        assert result_of(output) == whole, threads
        steps = [json.loads(line)["step"] for line in (output / "metrics.jsonl").read_text().splitlines()]
        assert steps == list(range(1, 13)), steps


def every_failing_call(folder, whole):
    disk_folder = folder / "disk"
    disk_folder.mkdir()
    disk = failing_disk.FailingDisk(disk_folder)
    run = [PUNA, *map(str, command(folder, disk_folder / "out"))]
    for call in ("write", "fsync", "rename"):
        count = disk.count(run, call)
        shutil.rmtree(disk_folder / "out")
        assert count > 0
        for n in range(1, count + 1):
            result = disk.run(run, call, n)
            assert result.returncode == 1, (call, n, result.stderr)
            line = last_line(result)
            assert line.startswith("puna: ") and "Input/output error" in line and str(disk_folder) in line, line
            if (disk_folder / "out/metrics.jsonl").exists():
                puna(*command(folder, disk_folder / "out"), "--resume")
                assert result_of(disk_folder / "out") == whole, (call, n)
            shutil.rmtree(disk_folder / "out", ignore_errors=True)


def a_full_disk(folder, whole):
    small = folder / "small"
    small.mkdir()
    script = f"{PUNA} {' '.join(map(str, command(folder, small / 'out')))}; code=$?; cp -r {small}/out {folder}/rescued; exit $code"
    result = failing_disk.on_a_full_disk(["sh", "-c", script], 1 << 19, str(small))
    if result is None:
        print("a full disk could not be made here: unshare -rm is forbidden")
        return
    assert result.returncode == 1, result
    assert "No space left on device" in last_line(result), result.stderr
    puna(*command(folder, folder / "rescued"), "--resume")
    assert result_of(folder / "rescued") == whole


def broken_checkpoints(folder, whole):
    output = folder / "broken"
    train(folder, output)
    newest, older = output / "checkpoints/step-00000012", output / "checkpoints/step-00000008"
    weights = newest / "weights.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    result = train(folder, output, "--resume")
    assert "weights.safetensors: is damaged" in result.stderr and "passing over" in result.stderr, result.stderr
    assert result_of(output) == whole
    (newest / "mean.safetensors").unlink()
    assert "mean.safetensors" in train(folder, output, "--resume").stderr
    assert result_of(output) == whole
    assert "learning_rate" in last_line(train(folder, output, "--resume", "--learning-rate", "0.5", code=1))
    for checkpoint in (newest, older):
        shutil.rmtree(checkpoint, ignore_errors=True)
    assert "no checkpoint to resume from" in last_line(train(folder, output, "--resume", code=1))
    assert "holds a run already" in last_line(train(folder, output, code=1))


def a_loss_that_is_no_number(folder):
    result = train(folder, folder / "diverged", "--learning-rate", "900", "--clip", "0", steps=60, code=1)
    line = last_line(result)
    assert "is not a finite number" in line and "learning_rate" in line, line


def bad_recipes(folder):
    recipe = folder / "recipe.toml"
    for text, said in {"stepz = 5\n": "line 1: no field is called 'stepz', did you mean 'steps'?", "steps = \n": "line 1",
                       "# first\nsteps = \"many\"\n": "line 2: 'steps' must be a whole number", "steps = -1\n": "steps: -1 is not between",
                       "batch = 3\nmicro_batch = 2\n": "micro_batch", "schedule = \"steep\"\n": "'steep' is none of cosine, linear, constant",
                       "heads = 5\n": "heads"}.items():
        recipe.write_text(text)
        flags = ["--data", folder / "data", "--output", folder / "never"]
        line = last_line(puna("train", recipe, *flags, code=1))
        assert said in line, (text, line)
        assert not (folder / "never").exists()
    assert "index.json" in last_line(puna("train", "--data", folder, "--output", folder / "never", code=1))


def the_result_is_whole(folder, output):
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "report.html"):
        assert (output / name).stat().st_size > 0, name
    report = (output / "report.html").read_text()
    assert report.count("<svg") == 5 and "http://" not in report.replace("http://www.w3.org", "") and "<script" not in report
    assert "validation:" in (output / "README.md").read_text()
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < lines[0]["loss"] and lines[-1]["bits_per_byte"] > 0 and lines[4]["validation_loss"] > 0
    puna("generate", output, "the cat", "--max-tokens", "5")
    line = train(folder, folder / "progress").stderr.splitlines()[0]
    for part in ("step 1/12", "loss", "tokens/s", "% of the peak (6N", "left"):
        assert part in line, line


with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    make_data(folder)
    train(folder, folder / "whole")
    whole = result_of(folder / "whole")
    started = time.time()
    for test in (lambda: the_result_is_whole(folder, folder / "whole"), lambda: splits_give_the_same_bits(folder, whole),
                 lambda: killed_runs_resume_bit_for_bit(folder, whole), lambda: broken_checkpoints(folder, whole), lambda: bad_recipes(folder),
                 lambda: a_loss_that_is_no_number(folder), lambda: a_full_disk(folder, whole), lambda: every_failing_call(folder, whole)):
        test()
        print(f"{time.time() - started:.0f} s", flush=True)
