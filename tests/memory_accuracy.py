#!/usr/bin/python3
"""How well the memory plan predicts the peak of resident memory: of models with a full KV cache. Prints a table, and exits
with 1 where one differs by more than 5 %. Run it by hand on an idle machine with 20 GB of memory for an 8B; the results are
in results/memory.csv.

usage: tests/memory_accuracy.py MEMORY_PEAK MODEL... [--contexts 2048,32768] [--csv FILE]     models of such contexts
    cmake --build build/release --target memory_peak
    tests/memory_accuracy.py build/release/bin/memory_peak llama-1b.Q4_0.gguf --csv results/memory.csv"""
import argparse
import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import this_machine

TOLERANCE = 0.05
COLUMNS = ["date", "commit", "machine", "model", "context", "cache", "planned", "peak", "difference"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--contexts", default="2048,32768")
    parser.add_argument("--csv", type=pathlib.Path)
    options = parser.parse_args()
    rows, worst = [], 0
    print(f"{'model':30} {'context':>8} {'cache':>5} {'planned':>10} {'peak':>10} {'difference':>10}")
    for model in options.models:
        for context in options.contexts.split(","):
            for cache in ("f32", "bf16"):
                measured = json.loads(subprocess.run([options.program, model, context, cache], stdout=subprocess.PIPE, text=True, check=True).stdout)
                difference = measured["planned"] / measured["peak"] - 1
                worst = max(worst, abs(difference))
                name = os.path.basename(model)
                print(f"{name:30} {context:>8} {cache:>5} {measured['planned'] / 1e6:7.0f} MB {measured['peak'] / 1e6:7.0f} MB {difference:+9.1%}", flush=True)
                rows.append([datetime.date.today(), this_machine.commit(pathlib.Path.cwd()), this_machine.processor(), name, context, cache, measured["planned"], measured["peak"], f"{difference:+.4f}"])
    if options.csv:
        new = not options.csv.exists()
        with open(options.csv, "a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows] if new else rows)
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
