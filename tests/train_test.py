#!/usr/bin/python3
"""Training runs that are killed, split over processes, out of disk space or damaged: no progress is lost, and every failure
is reported in one line. usage: train_test.py PUNA [killed|failing]: only runs killed at, or with a failure of, every call"""
import fcntl
import json
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import failing_disk

PUNA = os.path.abspath(sys.argv[1])
SHAPE = ["--dim", "32", "--layers", "2", "--heads", "4", "--kv-heads", "2", "--ffn", "64", "--length", "64", "--context", "64"]
MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
       "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}


def puna(*arguments, code=0, **options):
    result = subprocess.run([PUNA, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == code, f"puna {arguments}: exit {result.returncode}: {result.stderr}"
    return result


def last_line(result):
    return result.stderr.strip().splitlines()[-1]


def make_data(folder, seed=1):
    """A few hundred short documents, packed; the last ten are held out."""
    words = "the cat dog sat ran on under mat tree and then home big red ball with a of".split()
    chance = random.Random(seed)
    text = "".join(" ".join(chance.choices(words, k=chance.randint(5, 60))) + ".\n<|endoftext|>\n" for _ in range(300))
    (folder / "text.txt").write_text(text)
    puna("tokenizer", "train", folder / "text.txt", "--vocabulary", 300, "--output", folder / "tokenizer")
    puna("data", "pack", folder / "text.txt", "--tokenizer", folder / "tokenizer", "--output", folder / "data", "--hold-out-last", 10)


def command(folder, output, steps=12, *more):
    """A short run; a flag in `more` replaces the default."""
    flags = ["--data", folder / "data", "--validation", folder / "data/validation", "--output", output, "--steps", steps, "--batch", 8,
             "--warm-up", 3, "--validate-every", 4, "--checkpoint-every", 4, *SHAPE]
    pairs = zip(flags[::2], flags[1::2])
    return ["train", *(part for pair in pairs if pair[0] not in more for part in pair), *more]


def train(folder, output, *more, steps=12, code=0, **options):
    return puna(*command(folder, output, steps, *more), code=code, **options)


def resume(output, *more, code=0):
    return puna("train", "--resume", output, *more, code=code)


def result_of(output):
    return ((output / "model.safetensors").read_bytes(), (output / "metrics.jsonl").read_bytes())


def metrics_of(output):
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def splits_are_bit_identical(folder, reference):
    for name, more in {"2x4": ["--micro-batch", 4], "8x1": ["--micro-batch", 1], "recomputed": ["--recompute"], "one thread": ["--threads", 1]}.items():
        train(folder, folder / name, *more)
        assert result_of(folder / name) == reference, name
    mpi = subprocess.run(["mpirun", "-n", "2", PUNA, *map(str, command(folder, folder / "mpi"))], env={**os.environ, **MPI}, capture_output=True, text=True)
    assert mpi.returncode == 0, mpi.stderr
    assert result_of(folder / "mpi") == reference, "two processes"
    train(folder, folder / "f32", "--type", "f32", "--gradient-sum", "running")
    assert result_of(folder / "f32") != reference


def a_failure_in_all_processes_is_reported_once(folder):
    words = ["train", "--data", folder / "nowhere", "--output", folder / "never"]
    mpi = subprocess.run(["mpirun", "-n", "3", PUNA, *map(str, words)], env={**os.environ, **MPI}, capture_output=True, text=True)
    assert mpi.returncode == 2 and mpi.stderr.count("puna train: ") == mpi.stderr.count("8 rows are not divisible by 3 processes") == 1, mpi


def checkpoints_of(output):
    return list((output / "checkpoints").glob("step-*[0-9]/manifest.json"))


def kill_a_run(folder, output, threads, lines, delay):
    """Starts or resumes a run and kills it `delay` seconds after `lines` lines of metrics. True if killed after a checkpoint."""
    started = (output / "metrics.jsonl").exists()
    with open(folder / "errors", "w+") as errors:
        words = ["train", "--resume", output] if started else command(folder, output)
        run = subprocess.Popen([PUNA, *map(str, [*words, "--threads", threads])], stderr=errors)
        while run.poll() is None and (not (output / "metrics.jsonl").exists() or (output / "metrics.jsonl").read_bytes().count(b"\n") < lines):
            time.sleep(0.001)
        time.sleep(delay)
        run.kill()
        assert run.wait() in (0, -signal.SIGKILL), (folder / "errors").read_text()
    return run.returncode != 0 and bool(checkpoints_of(output))


def killed_runs_resume_bit_for_bit(folder, reference):
    chance = random.Random(5)
    for threads in (1, 2, 3):
        resumed = 0
        for attempt in range(30):
            output = folder / f"killed {threads} {attempt}"
            resumed += sum(kill_a_run(folder, output, threads, lines, 0.03 * chance.random()) for lines in (0, 2, 4, 5, 6, 9))
            resume(output, "--threads", threads)
            assert result_of(output) == reference, threads
            steps = [json.loads(line)["step"] for line in (output / "metrics.jsonl").read_text().splitlines()]
            assert steps == list(range(1, 13)), steps
            if resumed >= 3:
                break
        assert resumed >= 3, f"{threads} threads: too few runs were killed after a checkpoint"


def two_processes_resume_a_run_of_one(folder, reference):
    output = folder / "mpi killed"
    run = subprocess.Popen([PUNA, *map(str, command(folder, output))], stderr=subprocess.DEVNULL)
    while not checkpoints_of(output) and run.poll() is None:
        time.sleep(0.01)
    run.kill()
    run.wait()
    mpi = subprocess.run(["mpirun", "-n", "2", PUNA, "train", "--resume", output], env={**os.environ, **MPI}, capture_output=True, text=True)
    assert mpi.returncode == 0, mpi.stderr
    assert result_of(output) == reference


def a_run_can_be_extended(folder):
    steady = ["--schedule", "constant", "--decay-share", "0"]
    train(folder, folder / "twelve", *steady)
    train(folder, folder / "six", *steady, steps=6)
    (folder / "six/mine.new").write_text("kept")
    assert "steps = 12 instead of 6" in resume(folder / "six", "--steps", "12").stderr
    assert result_of(folder / "six")[0] == result_of(folder / "twelve")[0]
    assert (folder / "six/mine.new").read_text() == "kept"              # only temporary files of killed runs are removed


SHORT = [4, "--checkpoint-every", 2, "--keep-checkpoints", 1]          # a run short enough to be started hundreds of times


def short_result(folder):
    train(folder, folder / "short", *SHORT[1:], steps=SHORT[0])
    return result_of(folder / "short")


def runs_killed_at_any_call_resume(folder):
    reference, disk_folder = short_result(folder), folder / "kills"
    disk_folder.mkdir()
    disk = failing_disk.FailingDisk(disk_folder)
    run = [PUNA, *map(str, command(folder, disk_folder / "out", *SHORT))]
    count = disk.count(run, "any")
    for n in range(1, count + 1):
        shutil.rmtree(disk_folder / "out")
        assert disk.run(run, "any", n, how="kill").returncode == -9
        started = (disk_folder / "out/metrics.jsonl").exists()
        puna(*(["train", "--resume", disk_folder / "out"] if started else command(folder, disk_folder / "out", *SHORT)))
        assert result_of(disk_folder / "out") == reference, n
        left = [path.name for path in disk_folder.rglob("*.new")]
        assert not left, (n, left)


def runs_resume_after_any_failing_call(folder):
    reference, disk_folder = short_result(folder), folder / "disk"
    disk_folder.mkdir()
    disk = failing_disk.FailingDisk(disk_folder)
    run = [PUNA, *map(str, command(folder, disk_folder / "out", *SHORT))]
    for call in ("write", "fsync", "rename", "mkdir"):
        count = disk.count(run, call)
        shutil.rmtree(disk_folder / "out")
        assert count > 0
        for n in range(1, count + 1):
            result = disk.run(run, call, n)
            assert result.returncode == 1, (call, n, result.stderr)
            line = last_line(result)
            assert line.startswith("puna: ") and "Input/output error" in line and str(disk_folder) in line, line
            if (disk_folder / "out/metrics.jsonl").exists():
                resume(disk_folder / "out")
                assert result_of(disk_folder / "out") == reference, (call, n)
            shutil.rmtree(disk_folder / "out", ignore_errors=True)


def runs_resume_after_a_full_disk(folder, reference):
    small = folder / "small"
    small.mkdir()
    script = f"{PUNA} {' '.join(map(str, command(folder, small / 'out')))}; code=$?; cp -r {small}/out {folder}/rescued; exit $code"
    result = failing_disk.on_a_full_disk(["sh", "-c", script], 1 << 19, str(small))
    if result is None:
        return
    assert result.returncode == 1, result
    assert "No space left on device" in last_line(result), result.stderr
    resume(folder / "rescued")
    assert result_of(folder / "rescued") == reference


def damaged_checkpoints_are_skipped(folder, reference):
    output = folder / "broken"
    train(folder, output)
    newest, older = output / "checkpoints/step-00000012", output / "checkpoints/step-00000008"
    weights = newest / "model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    result = resume(output)
    assert "model.safetensors: is damaged" in result.stderr and "skipping this checkpoint" in result.stderr, result.stderr
    assert result_of(output) == reference
    (newest / "mean.safetensors").unlink()
    assert "mean.safetensors" in resume(output).stderr
    assert result_of(output) == reference
    assert "learning_rate" in last_line(resume(output, "--learning-rate", "0.5", code=1))
    for checkpoint in (newest, older):
        shutil.rmtree(checkpoint, ignore_errors=True)
    assert "no checkpoint to resume from" in last_line(resume(output, code=1))
    assert "already contains a training run" in last_line(train(folder, output, code=1))
    assert "contains no training run to resume" in last_line(resume(folder / "never", code=1))
    assert not (folder / "never").exists()


def a_damaged_checkpoint_never_replaces_a_good_one(folder, reference):
    output = folder / "damaged"
    train(folder, output)
    manifest = output / "checkpoints/step-00000012/manifest.json"
    good = manifest.read_text()
    for damaged in (good.replace('"step": 12', '"step": 11'), good.replace("bf16", "bf17"), good[:-3], ""):
        assert damaged != good
        manifest.write_text(damaged)
        assert "manifest.json" in resume(output, "--keep-checkpoints", "1").stderr
        assert [path.name for path in (output / "checkpoints").glob("step-*[0-9]")] == ["step-00000012"]
        assert result_of(output) == reference
        shutil.rmtree(output)
        train(folder, output)                       # leaves steps 8 and 12 for the next round


def mismatched_data_and_models_are_rejected(folder):
    other = folder / "other"
    other.mkdir()
    make_data(other, seed=2)
    output = folder / "mismatch"
    train(folder, output, steps=4)
    assert "other data" in last_line(resume(output, "--data", other / "data", "--validation", "none", code=1))
    assert "a different tokenizer" in last_line(train(folder, folder / "never", "--validation", other / "data/validation", code=1))
    base = ["train", "--data", other / "data", "--output", folder / "never", "--from", output, "--length", "64"]
    assert "its tokenizer differs" in last_line(puna(*base, code=1))
    assert "cannot be combined with --from" in last_line(puna(*base, "--layers", "3", code=2))
    assert "no such folder" in last_line(train(folder, folder / "never", "--validation", folder / "nowhere", code=1))
    assert not (folder / "never").exists()


def a_tokenizer_may_have_more_tokens_than_the_model(folder):
    base = folder / "more_tokens"
    train(folder, base, steps=4)
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append({"id": 300, "content": "<note>", "special": False})
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))
    for name, more, code in ("without", "", 0), ("with", "a <note> here", 1):
        (folder / f"{name}.txt").write_text("the cat sat on the mat and then ran home. " * 40 + more)
        puna("data", "pack", folder / f"{name}.txt", "--tokenizer", base, "--output", folder / name)
        result = puna("train", "--data", folder / name, "--from", base, "--output", folder / f"on_{name}", "--steps", 2, "--batch", 2, "--warm-up", 1,
                      "--length", 32, code=code)
        if code:
            assert "contains token 300, but the model's vocabulary size is 300" in last_line(result), result.stderr


def only_one_run_trains_in_a_folder(folder, reference):
    output = folder / "busy"
    run = subprocess.Popen([PUNA, *map(str, command(folder, output, 5000))], stderr=subprocess.DEVNULL)
    while not (output / "metrics.jsonl").exists():
        time.sleep(0.01)
    assert "another run is training in this folder" in last_line(resume(output, code=1))
    run.kill()
    run.wait()


def truncated_conversations_are_reported(folder):
    turns = [{"role": "user", "content": "the cat " * 30}, {"role": "assistant", "content": "sat on the mat " * 20}]
    (folder / "long.jsonl").write_text((json.dumps({"messages": turns}) + "\n") * 5)
    puna("data", "pack", folder / "long.jsonl", "--tokenizer", folder / "tokenizer", "--output", folder / "long")
    flags = ["--data", folder / "long", "--validation", "none", "--context", "256", "--length"]
    result = train(folder, folder / "lost", *flags, "16", code=1)
    assert "5 of 5 conversations are longer than a row of 16 tokens" in result.stderr, result.stderr
    assert "no token of the last 8 rows is in the loss" in last_line(result), result.stderr
    assert "longer than a row" not in train(folder, folder / "found", *flags, "256").stderr


def truncated_validation_conversations_are_reported(folder):
    turns = lambda words: [{"role": "user", "content": "the cat " * words}, {"role": "assistant", "content": "sat"}]
    for name, lengths in (("brief", [1, 1, 1]), ("mixed", [1, 90, 90])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"messages": turns(n)}) + "\n" for n in lengths))
        puna("data", "pack", folder / f"{name}.jsonl", "--tokenizer", folder / "tokenizer", "--output", folder / name)
    result = train(folder, folder / "cut", "--data", folder / "brief", "--validation", folder / "mixed", "--length", "32", "--context", "32")
    assert "mixed: 2 of 3 conversations are longer than a row of 32 tokens and are truncated" in result.stderr, result.stderr
    assert result.stderr.count("longer than a row") == 1, result.stderr
    card = (folder / "cut/README.md").read_text()
    assert card.count("; 2 are longer than a row and truncated") == 1, card


def a_step_without_tokens_in_the_loss_continues(folder):
    conversations = [{"messages": [{"role": "user", "content": "the cat"}] + [{"role": "assistant", "content": "sat"}] * (n != 3)} for n in range(6)]
    (folder / "silent.jsonl").write_text("".join(json.dumps(line) + "\n" for line in conversations))
    puna("data", "pack", folder / "silent.jsonl", "--tokenizer", folder / "tokenizer", "--output", folder / "silent")
    train(folder, folder / "idle", "--data", folder / "silent", "--validation", "none", "--batch", "1", "--context", "32", "--length", "32")
    lines = metrics_of(folder / "idle")
    idle = [line for line in lines if line["trained"] == 0]
    assert 0 < len(idle) < 12 and all("loss" not in line and line["gradient_norm"] == 0 for line in idle), lines


def existing_files_are_not_overwritten(folder):
    for name in ("README.md", "model.safetensors", "tokenizer.json"):
        output = folder / f"mine {name}"
        output.mkdir()
        (output / name).write_text("precious")
        line = last_line(train(folder, output, code=1))
        assert f"mine {name}/{name}: already exists" in line, line
        assert [path.name for path in output.rglob("*")] == [name] and (output / name).read_text() == "precious"
    assert "already exists" in last_line(train(folder, folder / "data", code=1))


def the_progress_line_fits_the_terminal(folder):
    for columns, term, no_color in ((80, "xterm", ""), (40, "xterm", ""), (60, "dumb", ""), (61, "vt52", ""), (62, "xterm", "1")):
        pid, master = pty.fork()
        if pid == 0:
            flags = command(folder, folder / f"on {columns} columns", 400, "--validate-every", 0, "--checkpoint-every", 0)
            os.execve(PUNA, [PUNA, *map(str, flags)], {**os.environ, "TERM": term, "NO_COLOR": no_color})
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        printed = b""
        try:
            while data := os.read(master, 65536):
                printed += data
        except OSError:                 # the child has exited
            pass
        assert os.waitpid(pid, 0)[1] == 0, printed
        if columns in (60, 61, 62):
            assert b"\x1b" not in printed and b"step 400/400" in printed, printed
            continue
        drawn = [line for line in re.split(r"\x1b\[K|\r|\n", printed.decode()) if re.match(r"step \d+/", line)]
        assert len(drawn) > 3 and all(len(line) < columns for line in drawn), drawn
        assert columns < 80 or all(" left" in line for line in drawn), drawn


def the_terminal_tells_the_run_and_what_is_next(folder):
    header, _, rest = train(folder, folder / "told").stderr.partition("step 1/12")
    for part in ("parameters: 2 layers, hidden size 32, vocabulary 300", "data: 290 documents", "data/validation: 10 documents",
                 "12 steps of 512 tokens (8 rows x 64): ", "epochs; learning rate 0.001", "threads, kernels", "; peak of ", "memory      ",
                 f"output      {folder}/told"):
        assert part in header, (part, header)
    line = rest.splitlines()[0]
    assert re.fullmatch(r"  loss \d\.\d{4}  0:0\d elapsed, 0:0\d left  \d+ tokens/s  lr 3\.3e-04", line), line
    for part in ("sample at step 12:", "trained 12 steps in ", "bits/byte", f"model       {folder}/told\n", f"report      {folder}/told/report.html\n",
                 f"next        puna generate {folder}/told"):
        assert part in rest, (part, rest)
    assert "best  " not in rest, rest
    worse = resume(folder / "told", "--steps", 16, "--learning-rate", 5)
    assert re.search(rf"best        {folder}/told/checkpoints/step-000000\d\d: validation \d", worse.stderr), worse.stderr


def send_signal(words, output, lines, number, environment=None):
    """Runs the command, sends the signal once there are `lines` lines of metrics; the exit code and what was printed."""
    with tempfile.TemporaryFile("w+") as errors:
        run = subprocess.Popen([*map(str, words)], stderr=errors, env=environment)
        while run.poll() is None and (not (output / "metrics.jsonl").exists() or (output / "metrics.jsonl").read_bytes().count(b"\n") < lines):
            time.sleep(0.001)
        number(run) if callable(number) else run.send_signal(number)
        code = run.wait()
        errors.seek(0)
        return code, errors.read()


def a_signal_ends_the_run_with_a_checkpoint(folder):
    flags = ["--checkpoint-every", "0", "--no-keep-best"]
    train(folder, folder / "uninterrupted", *flags, steps=150)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        output = folder / f"signal {number}"
        got, printed = send_signal([PUNA, *command(folder, output, 150, *flags)], output, 5, number)
        done = len(metrics_of(output))
        assert got == code and done < 150, (got, done, printed)
        assert [path.name for path in (output / "checkpoints").glob("step-*")] == [f"step-{done:08}"], printed
        assert f"stopped after step {done} of 150" in printed and f"puna train --resume '{output}'" in printed, printed
        result = puna("generate", output, "the cat", "--max-tokens", "5")
        assert f"its training has not finished; using its newest checkpoint, step-{done:08}" in result.stderr, result.stderr
        shell = subprocess.run(["sh", "-c", re.search("puna train --resume .*", printed)[0].replace("puna", PUNA)], capture_output=True, text=True)
        assert shell.returncode == 0, shell.stderr
        assert result_of(output) == result_of(folder / "uninterrupted"), number


def a_second_signal_ends_the_run_at_once(folder):
    # Steps of many seconds, of which none ends.
    words = [PUNA, *command(folder, folder / "twice", 400, "--batch", "512", "--micro-batch", "1", "--length", "64", "--dim", "256", "--ffn", "1024", "--threads", "1")]
    run = subprocess.Popen([*map(str, words)], stderr=subprocess.PIPE, text=True)
    while not (line := run.stderr.readline()).startswith("output "):
        assert line, "the run ended early"
    time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    while "finishing this step" not in (line := run.stderr.readline()):
        assert line, "the run ended early"
    run.send_signal(signal.SIGINT)
    printed = run.communicate(timeout=60)[1]
    assert run.returncode == -signal.SIGINT and "stopped after" not in printed, (run.returncode, printed)


def an_ignored_signal_stays_ignored(folder):
    words = " ".join(map(str, command(folder, folder / "nohup", 40)))
    shell = subprocess.Popen(["sh", "-c", f"trap '' HUP; exec {PUNA} {words}"], stderr=subprocess.DEVNULL)
    while not (folder / "nohup/metrics.jsonl").exists():
        time.sleep(0.001)
    shell.send_signal(signal.SIGHUP)
    assert shell.wait() == 0 and (folder / "nohup/model.safetensors").exists()


def a_signal_on_any_process_stops_all_at_one_step(folder):
    train(folder, folder / "alone", steps=60)
    for rank in (1, 0):
        output = folder / f"rank {rank}"
        def one_of(run):
            children = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True).stdout.split()
            os.kill(int(children[rank]), signal.SIGTERM)
        code, printed = send_signal(["mpirun", "-n", "2", PUNA, *command(folder, output, 60)], output, 5, one_of, {**os.environ, **MPI})
        done = len(metrics_of(output))
        assert code == 143 and done < 60, (code, printed)
        assert (output / f"checkpoints/step-{done:08}/manifest.json").exists() and "mpirun -n 2 puna train --resume" in printed, printed
        resume(output)
        assert result_of(output) == result_of(folder / "alone"), rank


def an_unfinished_run_is_a_model(folder):
    output = folder / "unfinished"
    send_signal([PUNA, *command(folder, output, 300)], output, 9, signal.SIGKILL)
    (folder / "held.txt").write_text("the cat sat on the mat. " * 20)
    assert "300" in puna("tokenizer", "show", output).stdout
    puna("data", "pack", folder / "held.txt", "--tokenizer", output, "--output", folder / "with its tokenizer")
    for words in (["generate", output, "the cat", "--max-tokens", "5"], ["eval", "text", output, folder / "held.txt"],
                  ["train", "--data", folder / "data", "--output", folder / "from", "--from", output, "--steps", "2", "--length", "64"]):
        result = puna(*words, input="the cat\n")
        assert words[0] == "train" or "its training has not finished; using its newest checkpoint, step-" in result.stderr, result.stderr
    checkpoint = sorted((output / "checkpoints").glob("step-*[0-9]"))[-1]
    assert "newest checkpoint" not in puna("generate", checkpoint, "the cat", "--max-tokens", "5").stderr
    shutil.rmtree(output / "checkpoints")
    assert "no config.json" in last_line(puna("generate", output, "the cat", code=1))


def a_run_resumes_with_nothing_but_its_folder(folder, reference):
    output = folder / "elsewhere"
    with tempfile.TemporaryDirectory() as other:
        words = [str(word).replace(f"{folder}/", "") for word in command(folder, output)]
        send = subprocess.Popen([PUNA, *words], cwd=folder, stderr=subprocess.DEVNULL)           # relative paths
        while not (output / "checkpoints/run.json").exists():
            time.sleep(0.001)
        send.kill()                                                                             # most likely before the first checkpoint
        send.wait()
        puna("train", "--resume", output, cwd=other)
    assert result_of(output) == reference
    assert "cannot be combined with --resume" in last_line(resume(output, "--output", folder / "x", code=2))
    assert "cannot be combined with --resume" in last_line(resume(output, "--force", code=2))
    assert "--epochs cannot be combined with --steps" in last_line(train(folder, folder / "never", "--epochs", "1", code=2))
    assert "already contains a training run" in last_line(train(folder, output, code=1))
    train(folder, output, "--force")
    assert result_of(output) == reference


def conversations_have_samples_in_their_form(folder):
    talk = {"messages": [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "the cat"}]}
    (folder / "talk.jsonl").write_text((json.dumps(talk) + "\n") * 20)
    puna("data", "pack", folder / "talk.jsonl", "--tokenizer", folder / "tokenizer", "--output", folder / "talk")
    flags = ["--data", folder / "talk", "--validation", "none", "--context", "128", "--learning-rate", "0.01"]
    result = train(folder, folder / "parrot", *flags, steps=60)
    assert metrics_of(folder / "parrot")[-1]["sample"] == {"prompt": "Who are you?", "text": "the cat"}
    assert puna("chat", folder / "parrot/checkpoints/step-00000060", "--temperature", "0", input="Who are you?\n").stdout == "the cat\n"
    assert "  user: Who are you?\n  assistant: the cat\n" in result.stderr and f"next        puna chat {folder}/parrot" in result.stderr, result.stderr


def samples_and_metrics_are_printed_as_json(folder):
    flags = ["--sample-every", "6", "--prompt", "the cat", "--json"]
    lines = [json.loads(line) for line in train(folder, folder / "sampled", *flags).stdout.splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13)) and lines == metrics_of(folder / "sampled"), lines
    samples = {line["step"]: line["sample"] for line in lines if "sample" in line}
    assert list(samples) == [6, 12] and all(sample["prompt"] == "the cat" and sample["text"] for sample in samples.values()), samples
    result = train(folder, folder / "refused", "--sample-every", "6", "--prompt", "the cat " * 100)
    assert "no sample: " in result.stderr, result.stderr
    words = " ".join(map(str, command(folder, folder / "closed_stdout", 12, "--json")))
    shell = subprocess.run(["bash", "-c", f"set -o pipefail; {PUNA} {words} | head -1"], capture_output=True, text=True)
    assert shell.returncode == 0 and json.loads(shell.stdout)["step"] == 1, shell
    assert (folder / "closed_stdout/model.safetensors").exists()


def a_diverged_run_is_stopped_and_can_be_resumed(folder):
    result = train(folder, folder / "diverged", "--learning-rate", "900", "--clip", "0", steps=60, code=1)
    line = last_line(result)
    assert "is not finite" in line and "learning_rate" in line, line
    last = sorted((folder / "diverged/checkpoints").glob("step-*[0-9]"))[-1]
    result = resume(folder / "diverged", "--learning-rate", "0.001", "--clip", "1")         # as the message suggests
    assert f"from step {int(last.name[5:])} on: learning_rate = 0.001 instead of 900.0" in result.stderr, result.stderr
    assert (folder / "diverged/model.safetensors").exists()


def invalid_recipes_and_flags_are_reported(folder):
    recipe = folder / "recipe.toml"
    for text, message in {"stepz = 5\n": "line 1: unknown field 'stepz'. Did you mean 'steps'?", "steps = \n": "line 1",
                       "# first\nsteps = \"many\"\n": "line 2: steps must be an integer, not 'many'", "steps = -1\n": "line 1: steps must be at least 1, not -1",
                       "batch = 3\nmicro_batch = 2\n": "micro_batch", "schedule = \"steep\"\n": "line 1: schedule must be cosine, linear or constant, not 'steep'",
                       "heads = 5\n": "heads", "validate_every = -3\n": "line 1: validate_every must be at least 0, not -3", "weight_decay = -5\n": "weight_decay",
                       "epsilon = 0\n": "epsilon", "clip = -1\n": "clip", "seed = -3\n": "seed", 'schedule = "st\\u001b[31m"\n': "\\x1b"}.items():
        recipe.write_text(text)
        flags = ["--data", folder / "data", "--output", folder / "never"]
        line = last_line(puna("train", recipe, *flags, code=1))
        assert message in line, (text, line)
        assert not (folder / "never").exists()
    recipe.write_bytes(pathlib.Path("tests/corpus/recipe/broken_table").read_bytes())
    assert "recipe.toml: " in last_line(puna("train", recipe, code=1))
    puna("train", code=2)
    (folder / "heads.toml").write_text("data = 'x'\noutput = 'y'\ndim = 64\nheads = 4\n")
    assert "puna train: --dim: 30 is not a multiple" in last_line(puna("train", folder / "heads.toml", "--dim", "30", code=2))
    assert "dim: 30 is not a multiple of 4 heads" in last_line(puna("train", "--data", "x", "--output", "y", "--dim", "30", "--heads", "4", code=2))
    assert "--weight-decay is out of range: 1e99" in last_line(puna("train", "--weight-decay", "1e99", code=2))
    assert "no such folder" in last_line(puna("train", "--data", folder / "nowhere", "--output", "y", "--no-recompute", code=1))
    puna("train", "--data", folder / "data", "--output", folder / "never", "--threads", "-1", code=2)
    puna("train", "--data", folder / "data", "--output", folder / "never", "--steps", "-1", code=2)
    assert "index.json" in last_line(puna("train", "--data", folder, "--output", folder / "never", code=1))


def the_model_folder_is_complete(folder, output):
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "report.html"):
        assert (output / name).stat().st_size > 0, name
    page = json.loads(re.search(r'id="run">(.*?)</script', (output / "report.html").read_text())[1])
    run = page["runs"][0]
    assert page["next"] == 0 and run["phase"] == "finished" and run["summary"]["steps"] == run["planned_steps"] == 12, run
    assert all(series["steps"][-1] == 12 for series in run["series"].values()), run
    assert "validation:" in (output / "README.md").read_text()
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < lines[0]["loss"] and lines[-1]["bits_per_byte"] > 0 and lines[3]["validation_loss"] > 0
    puna("generate", output, "the cat", "--max-tokens", "5")


def run_all(folder):
    train(folder, folder / "reference")
    reference = result_of(folder / "reference")
    started = time.time()
    for test, *more in (
            [mismatched_data_and_models_are_rejected], [a_tokenizer_may_have_more_tokens_than_the_model], [only_one_run_trains_in_a_folder, reference], [truncated_conversations_are_reported], [truncated_validation_conversations_are_reported],
            [a_step_without_tokens_in_the_loss_continues], [existing_files_are_not_overwritten], [the_progress_line_fits_the_terminal],
            [samples_and_metrics_are_printed_as_json], [the_terminal_tells_the_run_and_what_is_next], [a_signal_ends_the_run_with_a_checkpoint],
            [a_second_signal_ends_the_run_at_once], [an_ignored_signal_stays_ignored], [a_signal_on_any_process_stops_all_at_one_step],
            [an_unfinished_run_is_a_model], [a_run_resumes_with_nothing_but_its_folder, reference], [conversations_have_samples_in_their_form], [a_run_can_be_extended], [two_processes_resume_a_run_of_one, reference],
            [a_damaged_checkpoint_never_replaces_a_good_one, reference], [the_model_folder_is_complete, folder / "reference"], [splits_are_bit_identical, reference],
            [a_failure_in_all_processes_is_reported_once], [killed_runs_resume_bit_for_bit, reference], [damaged_checkpoints_are_skipped, reference], [invalid_recipes_and_flags_are_reported],
            [a_diverged_run_is_stopped_and_can_be_resumed], [runs_resume_after_a_full_disk, reference]):
        test(folder, *more)
        print(f"{time.time() - started:.0f} s", flush=True)


with tempfile.TemporaryDirectory() as scratch:
    make_data(pathlib.Path(scratch))
    tests = {"": run_all, "killed": runs_killed_at_any_call_resume, "failing": runs_resume_after_any_failing_call}
    tests["".join(sys.argv[2:])](pathlib.Path(scratch))
failing_disk.exit_with_skips()
