#!/usr/bin/python3
"""What a model needs is compared with the memory of the process's cgroup: a command that does not fit refuses with the
numbers and with a context that fits, and that one loads. A sparse file of 141 GB is shown at once, and refused.
usage: memory_test.py PUNA"""
import contextlib
import json
import os
import pathlib
import re
import resource
import struct
import subprocess
import sys
import tempfile

PUNA = os.path.abspath(sys.argv[1])
STARTER = pathlib.Path("models/starter").resolve()
SECONDS = 2


def own_group():
    """The folder and version of this process's cgroup with the memory controller: (None, 0) if there is none."""
    groups = dict((line.split(":")[1], line.strip().split(":")[2]) for line in open("/proc/self/cgroup"))
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        root, point, (kind, _, options) = *fields.split()[3:5], kind.split()[:3]
        path = lambda name: pathlib.Path(point, os.path.relpath(groups[name], root) if groups[name].startswith(root) else ".")
        if kind == "cgroup" and "memory" in options.split(","):
            return path(next(name for name in groups if "memory" in name.split(","))), 1
        if kind == "cgroup2" and "memory" in pathlib.Path(point, "cgroup.controllers").read_text().split():
            return path(""), 2
    return None, 0


def mount_of(path):
    return path if os.path.ismount(path) else mount_of(path.parent)


@contextlib.contextmanager
def group(limit):
    """A cgroup with a limit of memory: yields a function that runs the program in it."""
    own, version = own_group()
    if not own:
        raise OSError("no cgroup hierarchy with a memory controller is mounted")
    parent = own if version == 1 else mount_of(own)      # with controllers below it, one may have no processes
    if version == 2 and "memory" not in (parent / "cgroup.subtree_control").read_text().split():
        raise OSError("the root cgroup does not delegate the memory controller")
    path = parent / f"puna-test-{os.getpid()}"
    path.mkdir()
    try:
        (path / ("memory.max" if version == 2 else "memory.limit_in_bytes")).write_text(str(limit))
        enter = lambda: (path / "cgroup.procs").write_text(str(os.getpid()))
        yield lambda *arguments: run(*arguments, preexec_fn=enter)
    finally:
        path.rmdir()


def run(*arguments, **options):
    return subprocess.run([PUNA, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)


def generate(puna, model, *arguments):
    return puna("generate", model, "Once", "--max-tokens", 4, "--quiet", *arguments)


def long_starter(folder):
    """The starter model as if it had been trained for 131,072 tokens, whose KV cache takes 805 MB."""
    for file in STARTER.iterdir():
        (folder / file.name).symlink_to(file)
    config = json.loads((STARTER / "config.json").read_text())
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 131072}))


def a_model_that_does_not_fit_names_the_context_that_does():
    with tempfile.TemporaryDirectory() as scratch:
        model = pathlib.Path(scratch)
        long_starter(model)
        with group(400 << 20) as puna:
            shown = json.loads(puna("show", model, "--context", 131072, "--json").stdout)["plan"]
            refused = generate(puna, model, "--context", 131072)
            message = refused.stderr
            assert refused.returncode == 1 and message.count("\n") == 1, refused
            numbers = (r"828\.\d MB of memory are needed \(11\.0 MB for weights, 805\.3 MB for the KV cache of 131,?072 tokens, "
                       r"12\.\d MB for activations\), but (\d+)\.\d MB are available: a context of ([\d,]+) tokens would fit")
            found = re.search(numbers, message)
            assert found, message
            available, context = int(found[1]) * 10**6, int(found[2].replace(",", ""))
            assert 300e6 < available < 400 << 20 and not shown["fits"] and abs(shown["available"] - available) < 20e6, (shown, message)
            assert 40_000 < context < 65_536, message
            loaded = generate(puna, model, "--context", context - 1024)     # it may have a little less now
            assert loaded.returncode == 0, loaded
        with group(1200 << 20) as puna:
            assert generate(puna, model, "--context", 131072).returncode == 0, "it fits"


def sparse_70b(folder):
    """Llama 3.1 70B in bf16, without a byte of its numbers."""
    dim, ffn, rows, keys = 8192, 28672, 128256, 1024
    shapes = {"model.embed_tokens": [rows, dim], "model.norm": [dim], "lm_head": [rows, dim]}
    for layer in range(80):
        for name, shape in {"self_attn.q_proj": [dim, dim], "self_attn.k_proj": [keys, dim], "self_attn.v_proj": [keys, dim],
                            "self_attn.o_proj": [dim, dim], "mlp.gate_proj": [ffn, dim], "mlp.up_proj": [ffn, dim],
                            "mlp.down_proj": [dim, ffn], "input_layernorm": [dim], "post_attention_layernorm": [dim]}.items():
            shapes[f"model.layers.{layer}.{name}"] = shape
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[f"{name}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)
    (folder / "config.json").write_text(json.dumps({
        "model_type": "llama", "hidden_size": dim, "intermediate_size": ffn, "num_hidden_layers": 80, "num_attention_heads": 64,
        "num_key_value_heads": 8, "vocab_size": rows, "max_position_embeddings": 131072, "rope_theta": 5e5, "rms_norm_eps": 1e-5,
        "bos_token_id": 128000, "eos_token_id": 128001}))


def a_sparse_70b_is_shown_at_once_and_refused():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        try:
            sparse_70b(folder)
        except OSError as problem:
            return f"this system does not allow a sparse file of 141 GB: {problem}"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        shown = run("show", folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert shown.returncode == 0 and "70,553,706,496 parameters" in shown.stdout, shown
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert seconds < SECONDS, f"{seconds} s of a processor"
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if memory < 130e9:
            assert "it does not fit" in shown.stdout, shown
            refused = run("generate", folder, "hi")
            assert refused.returncode == 1 and refused.stderr.count("\n") == 1, refused
            assert re.search(r"146\.\d GB of memory are needed \(141\.1 GB for weights, .*, but .* are available: ", refused.stderr), refused
            (folder / "ids").write_text("1 2 3")
            refused = run("logits", folder, "--tokens", folder / "ids", "--output", folder / "logits")
            assert refused.returncode == 1 and re.search(r"141\.\d GB of memory are needed \(141\.1 GB for weights", refused.stderr), refused


skipped = a_sparse_70b_is_shown_at_once_and_refused()
print("a sparse 70b is shown at once and refused", flush=True)
try:
    with group(1 << 30):
        pass
except OSError as problem:
    skipped = f"this system does not allow a cgroup with a limit of memory: {problem}"
else:
    print("a model that does not fit names the context that does", flush=True)
    a_model_that_does_not_fit_names_the_context_that_does()
if skipped:
    print(f"skipped: {skipped}")
    sys.exit(77)
