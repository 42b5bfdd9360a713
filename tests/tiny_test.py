#!/usr/bin/python3
"""recipes/tiny.sh runs all stages of a model, and its training run resumes after a kill. usage: tiny_test.py PUNA"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as scratch:
    out = pathlib.Path(scratch) / "out"
    result = subprocess.run(["recipes/tiny.sh", out], env={**os.environ, "PUNA": sys.argv[1]}, capture_output=True, text=True, errors="replace")
    print(result.stdout, result.stderr)
    assert result.returncode == 0
    killed, checkpoint = map(int, re.search(r"killed after step (\d+); its last checkpoint is step-(\d+)\n", result.stdout).groups())
    assert 0 < checkpoint < killed < 400, (checkpoint, killed)
    assert f"step {checkpoint + 1}/400" in result.stderr, "the second run resumed from the checkpoint"

    metrics = [json.loads(line) for line in (out / "model/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in metrics] == list(range(1, 401)), "each step occurs once"
    assert metrics[-1]["validation_loss"] < 0.8 * metrics[0]["loss"], "the loss went down"
    for name in ("model.safetensors", "config.json", "tokenizer.json", "README.md", "report.html"):
        assert (out / "model" / name).stat().st_size > 0, name

    generated = [re.search(rf"== {title}[^\n]*\n(.*?)\n== ", result.stdout, re.S)[1].strip() for title in ("continuing", "chatting")]
    assert any(generated), generated
