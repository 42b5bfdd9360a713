#!/usr/bin/python3
"""`puna check` and `puna bench` report wrong results, damaged golden folders and invalid arguments.
usage: bench_test.py PUNA"""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

PUNA = os.path.abspath(sys.argv[1])
SHARED = pathlib.Path("../shared")
LLAMA3 = SHARED / "data/tokenizer/llama3/tokenizer.model"
TEXT = SHARED / "data/text/tinyshakespeare.txt"
SCALAR = {**os.environ, "PUNA_KERNELS": "scalar"}


def puna(*arguments, code=0, program=PUNA, **options):
    result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == code, f"puna {arguments}: exit {result.returncode}: {result.stderr}"
    if code:
        assert len(result.stderr.strip().splitlines()) == 1 and result.stderr.startswith("puna"), result.stderr
    return result


def rows_of(*arguments, **options):
    """The JSON rows printed by a benchmark."""
    rows = [json.loads(line) for line in puna("bench", *arguments, "--repetitions", "1", "--json", **options).stdout.splitlines()]
    assert all(0 < row["share"] <= 1 and row["value"] <= row["limit"] and row["kernels"] and row["threads"] for row in rows), rows
    return rows


def damage(path, name, value):
    """Sets the first element of a tensor."""
    bytes = bytearray(path.read_bytes())
    size = struct.unpack("<Q", bytes[:8])[0]
    begin = json.loads(bytes[8:8 + size])[name]["data_offsets"][0]
    bytes[8 + size + begin:8 + size + begin + 4] = struct.pack("<f", value)
    path.write_bytes(bytes)


def wrong_golden_values_are_an_error(folder):
    golden = folder / "golden"
    shutil.copytree(SHARED / "golden/tiny3/hf", golden / "hf", copy_function=shutil.copy)
    shutil.copy(SHARED / "golden/tiny3/golden.safetensors", golden)
    (golden / "golden.json").write_text('{"logits": "", "loss": ""}')
    puna("check", "--golden", golden)
    os.chmod(golden / "golden.safetensors", 0o644)
    damage(golden / "golden.safetensors", "logits", 1e3)
    for form in ((), ("--json",)):
        result = puna("check", "--golden", golden, *form, code=1)
        tables = result.stdout.count('"logits"') // 2 if form else result.stdout.count("TOO LARGE") // 2
        assert f"{2 * tables} of {4 * tables} rows exceed their tolerance, the worst logits with " in result.stderr and "in f32: 1e+03, where 3e-05 is allowed" in result.stderr, result
    assert not json.loads(result.stdout)["good"]


def infinite_errors_are_valid_json(folder):
    shutil.copytree(SHARED / "golden/tiny3/hf", folder / "endless/hf", copy_function=shutil.copy)
    for file in (folder / "endless/hf").iterdir():
        os.chmod(file, 0o644)
    shutil.copy(SHARED / "golden/tiny3/golden.safetensors", folder / "endless")
    (folder / "endless/golden.json").write_text('{"logits": ""}')
    damage(folder / "endless/hf/model.safetensors", "model.norm.weight", float("nan"))
    result = puna("check", "--golden", folder / "endless", "--json", code=1)
    assert all(row["error"] > 1e300 for row in json.loads(result.stdout)["rows"]), result.stdout
    assert "inf, where" in result.stderr, result.stderr


def a_wrong_signature_is_an_error(folder):
    """Instead of a build with wrong results: one with another reference signature."""
    committed = json.loads(puna("check", "--json").stdout)["committed"]
    other = folder / "other"
    other.write_bytes(pathlib.Path(PUNA).read_bytes().replace(committed.encode(), b"0123456789abcdef"))
    other.chmod(0o755)
    for form in ((), ("--json",)):
        result = puna("check", *form, code=1, program=other)
        assert f"the signature is {committed}, not the reference's 0123456789abcdef" in result.stderr and "rebuild" in result.stderr, result.stderr
        assert committed in result.stdout and "0123456789abcdef" in result.stdout


def kernel_rows_name_the_type():
    rows = rows_of("kernels", "--op", "add", env=SCALAR)
    assert rows and all(row["type"] == "f32" and row["kernels"] == "scalar" for row in rows), rows
    rows = rows_of("kernels", "--op", "convert")
    assert {row["type"] for row in rows} == {"f32", "bf16", "f16"}, rows
    rows = rows_of("kernels", "--op", "matmul_input")
    assert sorted(row["type"] for row in rows) == ["bf16", "f16", "f32"], rows
    assert "'nosuch'" in puna("bench", "kernels", "--op", "nosuch", code=2).stderr


def each_table_has_its_own_peaks():
    def peaks(kernels):
        rows = rows_of("machine", env={**os.environ, "PUNA_KERNELS": kernels})
        assert [(row["shape"], row["type"]) for row in rows] == [("read", "f32"), *(("peak", type) for type in ("f32", "bf16", "int8", "int4"))], rows
        return {row["type"]: row["value"] for row in rows if row["shape"] == "peak"}, rows[0]["kernels"]

    check = json.loads(puna("check", "--json").stdout)
    for table in check["kernels"]:
        found, name = peaks(table)
        assert name.startswith(table) and all(value > 0 for value in found.values()), (table, found)
        assert found["int4"] >= found["int8"], (table, found)


def text_benchmarks_count_uncompressed_bytes(folder):
    novels = folder / "novels"
    novels.mkdir()
    text = TEXT.read_bytes()
    (novels / "a.txt").write_bytes(text)
    subprocess.run(["gzip", "-k", novels / "a.txt"], check=True)
    left = set(os.listdir(tempfile.gettempdir()))
    for name, unit in (("tokenizer", "MB/s"), ("pack", "MB/s/core")):
        rows = rows_of(name, "--text", novels, "--tokenizer", LLAMA3)
        assert [row["shape"].split()[0] for row in rows] == (["encode", "train"] if name == "tokenizer" else ["pack"]), rows
        for row in rows:
            assert row["bench"] == name and row["unit"] == unit and row["type"] == "text" and 0 < row["share"] and row["value"] > 0, row
            assert f"{2 * len(text) / 1e6:.1f} MB" in row["shape"], row      # compressed files count uncompressed
    assert not [name for name in set(os.listdir(tempfile.gettempdir())) - left if name.startswith("puna-bench")]


def files_are_opened_converted_and_quantized():
    result = puna("bench", "files", "--model", "models/starter", "--shape", "15m", "--repetitions", "1", "--json").stdout
    rows = [json.loads(line) for line in result.splitlines()]
    assert [(row["shape"].split()[0], row["unit"]) for row in rows] == [("load", "ms"), ("quantize", "M/s"), ("open", "ms"), ("convert", "MB/s")], rows
    assert all(row["bench"] == "files" and row["value"] > 0 for row in rows), rows


def missing_text_is_reported_by_name(folder):
    (folder / "empty").mkdir()
    (folder / "void.txt").write_text("")
    for name in ("tokenizer", "pack"):
        assert "--text is missing" in puna("bench", name, "--tokenizer", LLAMA3, code=2).stderr
        assert "--tokenizer is missing" in puna("bench", name, "--text", TEXT, code=2).stderr
        assert "contains no files" in puna("bench", name, "--text", folder / "empty", "--tokenizer", LLAMA3, code=1).stderr
        assert "contains no text" in puna("bench", name, "--text", folder / "void.txt", "--tokenizer", LLAMA3, code=1).stderr
    assert "machine, kernels, prefill, decode, batch, train, tokenizer, pack, files" in puna("bench", "nosuch", code=2).stderr


def model_benchmarks_name_what_they_ran():
    small = ("--shape", "15m", "--layers", "2", "--context", "64")
    weights = 2 * (2 * (4 * 288 * 288 + 3 * 288 * 768) + 2 * 32000 * 288)      # bytes in bf16
    # The address sanitizer keeps freed memory, which counts as resident, for as long as it has room.
    keep_nothing = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
    for name, work in (("prefill", "1 x 64 tokens after 0"), ("decode", "1 x 1 tokens after 64"), ("batch", "16 x 1 tokens after 64")):
        row, = rows_of(name, *small, env=keep_nothing)
        assert row["shape"] == f"15m with 2 layers, {work}" and row["type"] == "bf16" and row["unit"] == "tokens/s", row
        assert weights < row["resident"] < weights + 200e6, row      # without the buffers that measure the machine
    row, = rows_of("batch", *small, "--sequences", "3", "--type", "f32")
    assert row["shape"].endswith("3 x 1 tokens after 64") and row["type"] == "f32", row
    row, = rows_of("decode", "--model", SHARED / "golden/tiny3/hf")
    assert row["shape"].startswith(str(SHARED / "golden/tiny3/hf")) and row["type"] == "f32", row
    given = ("--model", SHARED / "golden/tiny3/hf", "--layers", "1", "--repetitions", "1")
    assert "--layers: has no effect on the model of a folder" in puna("bench", "decode", *given).stderr
    refusal = puna("bench", "decode", "--model", SHARED / "golden/tiny3/hf", "--context", "8192", code=2).stderr
    assert "--context: 8192 is more than" in refusal and "use at most 8191" in refusal, refusal
    available = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemAvailable"))
    if available * 1024 < 280e9:
        refusal = puna("bench", "decode", "--shape", "70b", "--type", "f32", code=1).stderr
        assert re.search(r"70b in f32: 282\.\d GB of memory are needed \(282\.\d GB for weights, .*\), but [\d.]+ [GM]B are available", refusal), refusal
    assert "--op: has no effect on bench decode" in puna("bench", "decode", *small, "--op", "x", "--repetitions", "1").stderr


if not SHARED.exists():
    print("skipped: ../shared is missing")
    sys.exit(77)
with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    wrong_golden_values_are_an_error(folder)
    infinite_errors_are_valid_json(folder)
    a_wrong_signature_is_an_error(folder)
    kernel_rows_name_the_type()
    each_table_has_its_own_peaks()
    text_benchmarks_count_uncompressed_bytes(folder)
    files_are_opened_converted_and_quantized()
    missing_text_is_reported_by_name(folder)
    model_benchmarks_name_what_they_ran()
