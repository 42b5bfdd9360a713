#!/usr/bin/python3
"""puna list and rm: the hub's cache, and the folders of ollama, LM Studio, llama.cpp, GPT4All, Jan and Docker, laid out as
these write them. usage: library_test.py PUNA [TEST]"""
import contextlib
import hashlib
import inspect
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PUNA = sys.argv[1]
SHARED = pathlib.Path("../shared/golden/small3/gguf")
STARTER = {path.name: path.read_bytes() for path in pathlib.Path("models/starter").iterdir()}
COMMIT, OTHER = "a" * 40, "b" * 40


@contextlib.contextmanager
def home():
    with tempfile.TemporaryDirectory() as scratch:
        yield pathlib.Path(scratch)


def environment(folder, **more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING", "XDG_", "OLLAMA", "LLAMA_", "MODELS_"))}
    # Folders of services of this machine are not looked at.
    return kept | {"HOME": str(folder), "OLLAMA_MODELS": str(folder / ".ollama/models"), "MODELS_PATH": str(folder / ".docker/models")} | more


def run(folder, *arguments, **options):
    options = {"input": ""} | options
    return subprocess.run([PUNA, *map(str, arguments)], env=environment(folder, **options.pop("env", {})), capture_output=True, text=True, errors="replace", **options)


def listing(folder, **options):
    result = run(folder, "list", "--json", **options)
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def names(folder, **options):
    return {f"{model['where']} {model['name']}": model["path"] for model in listing(folder, **options)["models"]}


def write(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def cache(folder, name, files, commit=COMMIT, ref="main"):
    """Files in the hub's cache, by path."""
    repository = folder / ".cache/huggingface/hub" / f"models--{name.replace('/', '--')}"
    for path, content in files.items():
        blob = write(repository / "blobs" / hashlib.sha256(content).hexdigest(), content)
        link = repository / "snapshots" / commit / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    write(repository / "refs" / ref, commit.encode())
    return repository


def ollama(folder, name, content=b"GGUF", tag="latest", host="registry.ollama.ai/library"):
    models = folder / ".ollama/models"
    digest = hashlib.sha256(content).hexdigest()
    write(models / "blobs" / f"sha256-{digest}", content)
    layers = [{"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{'1' * 64}", "size": 1},
              {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": len(content)}]
    return write(models / "manifests" / host / name / tag, {"schemaVersion": 2, "config": {}, "layers": layers}), models / "blobs" / f"sha256-{digest}"


def the_cache_is_listed():
    with home() as folder:
        assert listing(folder) == {"models": [], "incomplete": [], "remarks": []}
        result = run(folder, "list")
        assert result.returncode == 0 and "'puna pull OWNER/NAME' downloads one" in result.stderr, result
        repository = cache(folder, "o/folder", {"config.json": b"{}", "model.safetensors": b"x" * 1000, "README.md": b"#"})
        cache(folder, "o/gguf", {"m-Q4_K_M.gguf": b"a", "m-Q8_0.gguf": b"b", "x.gguf": b"c", "y.gguf": b"d", "mmproj.gguf": b"e"})
        cache(folder, "o/split", {"m-F16-00001-of-00002.gguf": b"1" * 10, "m-F16-00002-of-00002.gguf": b"2" * 20})
        cache(folder, "o/part", {"m-F16-00001-of-00002.gguf": b"1"})
        cache(folder, "o/tokenizer", {"tokenizer.json": b"{}"})
        snapshot = str(repository / "snapshots" / COMMIT)
        found = listing(folder)
        assert {model["name"] for model in found["models"]} == {"o/folder", "o/gguf:Q4_K_M", "o/gguf:Q8_0", "o/gguf:x.gguf", "o/gguf:y.gguf", "o/split:F16"}, found
        assert {model["path"] for model in found["models"] if model["name"] == "o/folder"} == {snapshot}
        assert {model["bytes"] for model in found["models"] if model["name"] == "o/split:F16"} == {30}
        assert found["incomplete"] == ["o/part", "o/tokenizer"], found
        result = run(folder, "list", "-q")
        assert result.stdout.split() == [model["name"] for model in found["models"]], result
        text = run(folder, "list").stdout
        assert "o/split:F16" in text and "30 B" in text and "not a whole model" in text, text


def other_programs_models_are_listed_where_they_are():
    with home() as folder:
        _, three = ollama(folder, "llama3.2", b"GGUFthree", "3b")
        _, hub = ollama(folder, "o", b"GGUFhub", "Q4_K_M", "hf.co/a")
        studio = write(folder / ".lmstudio/models/a/b-GGUF/b-Q4_0.gguf", b"studio")
        several = [write(folder / f".lmstudio/models/a/c/c-{type}.gguf", type.encode()) for type in ("Q4_0", "Q8_0")]
        write(folder / ".lmstudio/models/a/c/mmproj-c.gguf", b"mm")
        flat = write(folder / ".cache/llama.cpp/a_d_sub_d-Q6_K.gguf", b"flat")
        write(folder / ".cache/llama.cpp/manifest=a=d=q6_k.json", {"ggufFile": {"rfilename": "sub/d-Q6_K.gguf"}})
        unknown = write(folder / ".cache/llama.cpp/old.gguf", b"old")
        gpt = write(folder / ".local/share/nomic.ai/GPT4All/g.gguf", b"gpt")
        write(folder / ".local/share/nomic.ai/GPT4All/incomplete-h.gguf")
        moved = write(folder / "elsewhere/i.gguf", b"moved")
        write(folder / ".config/nomic.ai/GPT4All.ini", b"[General]\nmodelPath=" + str(moved.parent).encode() + b"\nx=1\n")
        inside = write(folder / ".local/share/Jan/data/llamacpp/models/org/m-Q4_0/model.gguf", b"inside")
        write(inside.parent / "model.yml", b"model_path: llamacpp/models/org/m-Q4_0/model.gguf\nname: M\nsize_bytes: 6\n")
        write(folder / ".local/share/Jan/data/llamacpp/models/imported/model.yml", b"model_path: " + str(unknown.parent.parent / "j.gguf").encode())
        write(folder / ".local/share/Jan/data/llamacpp/models/gone/model.yml", b"model_path: /nowhere.gguf\n")
        imported = write(unknown.parent.parent / "j.gguf", b"imported")
        docker = folder / ".docker/models"
        blob = write(docker / "blobs/sha256" / ("c" * 64), b"docker")
        write(docker / "manifests/sha256" / ("d" * 64), {"layers": [{"mediaType": "application/vnd.docker.ai.gguf.v3", "digest": "sha256:" + "c" * 64}]})
        write(docker / "models.json", {"models": [{"id": "sha256:" + "d" * 64, "tags": ["index.docker.io/ai/smollm2:latest"], "files": []}]})
        expected = {"ollama llama3.2:3b": three, "ollama hf.co/a/o:Q4_K_M": hub, "lm-studio a/b-GGUF": studio, "lm-studio a/c:c-Q4_0.gguf": several[0],
                    "lm-studio a/c:c-Q8_0.gguf": several[1], "llama.cpp a/d:q6_k": flat, "llama.cpp old.gguf": unknown, "gpt4all g.gguf": gpt,
                    "gpt4all i.gguf": moved, "jan org/m-Q4_0": inside, "jan imported": imported, "docker ai/smollm2:latest": blob}
        assert names(folder) == {name: str(path) for name, path in expected.items()}, names(folder)
        assert listing(folder)["remarks"] == []
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        run(folder, "list")
        assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}, "something was changed"


def folders_are_those_of_their_settings():
    with home() as folder:
        ollama(folder / "x", "m")
        assert names(folder, env={"OLLAMA_MODELS": str(folder / "x/.ollama/models")}).keys() == {"ollama m:latest"}
        write(folder / ".lmstudio-home-pointer", str(folder / "studio").encode() + b"\n")
        write(folder / "studio/settings.json", {"downloadsFolder": str(folder / "downloads")})
        write(folder / "downloads/a/b/b.gguf")
        write(folder / "llama/c.gguf")
        assert names(folder, env={"LLAMA_CACHE": str(folder / "llama")}).keys() == {"lm-studio a/b", "llama.cpp c.gguf"}
        pointer = write(folder / ".lmstudio-home-pointer", b"x" * 2_000_000)              # nonsense there does not hide the others
        found = listing(folder, env={"LLAMA_CACHE": str(folder / "llama")})
        assert [model["name"] for model in found["models"]] == ["c.gguf"] and "2000000 bytes" in found["remarks"][0], found
        pointer.write_text(str(folder / "studio") + "\n")
        write(folder / "studio/settings.json", b"{")
        write(folder / "studio/models/e/f/f.gguf", b"f")
        assert names(folder).keys() == {"lm-studio e/f"}


def what_is_not_whole_is_left_out_and_what_cannot_be_read_is_said():
    with home() as folder:
        manifest, blob = ollama(folder, "m")
        blob.rename(blob.with_name(blob.name + "-partial"))
        hostile = [b"", b"{", b"[]", {"layers": 3}, {"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../../etc/passwd"}]},
                   {"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": 7}]}, b"x" * 2_000_000]
        for number, content in enumerate(hostile):
            write(manifest.with_name(f"h{number}"), content)
        write(folder / ".lmstudio/models/a/b/b-00001-of-00002.gguf")
        write(folder / ".docker/models/models.json", {"models": [{"id": "sha256:../../x", "tags": ["t"]}, 3, {}]})
        write(folder / ".local/share/Jan/data/llamacpp/models/x/model.yml", b"model_path: [\n")
        (folder / ".local/share/nomic.ai").mkdir(parents=True)
        (folder / ".local/share/nomic.ai/GPT4All").symlink_to("GPT4All")
        found = listing(folder)
        assert [model["name"] for model in found["models"]] in ([], ["a/b"]), found
        _, text = ollama(folder, "text", b"no model")
        manifest, short = ollama(folder, "short", b"GGUF...")
        short.write_bytes(b"GGUF")
        manifest, model = ollama(folder, "tuned", b"GGUF base")
        _, adapter = ollama(folder, "other", b"GGUF adapter")
        layers = json.loads(manifest.read_text())["layers"]
        layers.append({"mediaType": "application/vnd.ollama.image.adapter", "digest": adapter.name.replace("-", ":"), "size": adapter.stat().st_size})
        write(manifest, {"layers": layers})
        found = listing(folder)
        assert "other:latest" in {model["name"] for model in found["models"]} and not {"text:latest", "short:latest", "tuned:latest"} & {model["name"] for model in found["models"]}, found
        manifest, _ = ollama(folder, "empty", b"GGUF empty")
        write(manifest, {"layers": []})
        found = listing(folder)
        for name, reason in (("text", "is no GGUF file"), ("ollama/short:latest", "pull the model again"), ("tuned", "pass these"),
                             ("m", f"blobs: has no sha256:{blob.name[7:]}: pull the model again"), ("empty", "has no model as a GGUF file"),
                             ("ollama/nope", "ollama/nope: no such file or folder, and no model of this name is here ('puna list' shows them)")):
            result = run(folder, "show", name)
            assert result.returncode == 1 and reason in result.stderr and len(result.stderr.splitlines()) == 1, (name, result)
        for remark in (f"{text}: is no GGUF file", f"{short}: has 4 bytes, but its manifest says 7: pull the model again",
                       f"tuned:latest: is the model {model} with the adapter {adapter}: pass these"):
            assert remark in found["remarks"], (remark, found)
        assert len(found["remarks"]) >= 5 and any("h6: 2000000 bytes" in remark for remark in found["remarks"]), found
        assert run(folder, "list").returncode == 0


def a_file_under_several_names_is_listed_once():
    with home() as folder:
        repository = cache(folder, "o/n", {"n-Q4_0.gguf": b"content"})
        link = folder / ".lmstudio/models/o/n/n-Q4_0.gguf"
        link.parent.mkdir(parents=True)
        link.symlink_to(repository / "snapshots" / COMMIT / "n-Q4_0.gguf")
        assert names(folder).keys() == {"hub o/n:Q4_0"}, names(folder)


def files_say_their_type_and_parameters():
    if not SHARED.exists():
        print("skipped: ../shared/golden is missing")
        return False
    with home() as folder:
        file = next(SHARED.glob("*[Qq]4_[Kk]_[Mm]*"))
        ollama(folder, "small", file.read_bytes())
        cache(folder, "o/n", {"config.json": b"{}", "model.safetensors": (SHARED.parent / "hf/model.safetensors").read_bytes()})
        found = {model["name"]: model for model in listing(folder)["models"]}
        assert found["small:latest"]["type"] == "Q4_K_M", found
        assert found["small:latest"]["parameters"] == found["o/n"]["parameters"] > 100_000, found
        assert found["o/n"]["type"] in ("BF16", "F32", "F16"), found
        text = run(folder, "list").stdout
        assert "small:latest" in text and "Q4_K_M" in text and "ollama" in text, text
    return True


def run_well(folder, *arguments, **options):
    result = run(folder, *arguments, **options)
    assert result.returncode == 0, result
    return result.stdout


def other_programs_models_are_run_where_they_are():
    if not SHARED.exists():
        print("skipped: ../shared/golden is missing")
        return False
    with home() as folder:
        def ids(model):
            return json.loads(run_well(folder, "generate", model, "abc", "-n", "8", "--temperature", "0", "--json"))["ids"]
        four, eight = SHARED / "small3-Q4_K_M.gguf", SHARED / "small3-Q8_0.gguf"
        _, blob = ollama(folder, "small", four.read_bytes(), "3b")
        _, newest = ollama(folder, "newest", eight.read_bytes())
        studio = write(folder / ".lmstudio/models/someone/small3-GGUF/small3-Q8_0.gguf", eight.read_bytes())
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        for name, path, file in (("small:3b", blob, four), ("ollama/small:3b", blob, four), ("ollama/newest", newest, eight), ("newest", newest, eight), ("someone/small3-GGUF", studio, eight)):
            assert ids(name) == ids(file), name
            shown = run_well(folder, "show", name)
            assert f"model         {name} (" in shown and f"path          {path}\n" in shown, shown
        assert ids(four) != ids(eight)              # so that the two can be told apart
        text = write(folder / "text.txt", b"some text")
        before[text] = text.stat().st_mtime_ns
        assert run_well(folder, "eval", "text", "small:3b", text) == run_well(folder, "eval", "text", four, text)
        assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}, "something was changed"
    return True


def every_command_takes_a_name():
    with home() as folder:
        cache(folder, "owner/starter", STARTER)
        conversations = pathlib.Path("recipes/persona.jsonl").resolve()
        text, ids = write(folder / "text.txt", b"Once upon a time"), write(folder / "ids.txt", b"1 2 3")
        for name in ("owner/starter", "hf.co/owner/starter"):
            for command in (["show", name], ["generate", name, "Once", "-n", "1"], ["eval", "text", name, text], ["eval", "text", "models/starter", text, "--against", name],
                            ["logits", name, "--tokens", ids, "--output", folder / "logits", "--force"], ["tokenizer", "show", name], ["prompt", name], ["tokenizer", "decode", name, ids],
                            ["tokenizer", "encode", name, text], ["convert", name, folder / "converted", "--force"], ["quantize", name, "q8_0", folder / "q.gguf", "--force"], ["chat", name, "-n", "3"]):
                run_well(folder, *command, input="Hello!\n" if command[0] == "chat" else "")
        run_well(folder, "bench", "decode", "--model", "owner/starter", "--repetitions", "1", "--context", "8")
        run_well(folder, "data", "pack", conversations, "--tokenizer", "owner/starter", "--output", folder / "data")
        run_well(folder, "train", "recipes/persona.toml", "--from", "owner/starter", "--data", folder / "data", "--output", folder / "pip", "--epochs", "1")
        assert 'base_model: "owner/starter"' in (folder / "pip/README.md").read_text()
        shown = run_well(folder, "show", folder / "pip")
        assert "lineage       pip\n              `-- made from owner/starter (here)\n" in shown, shown
        report = json.loads(run_well(folder, "show", folder / "pip", "--json"))
        assert report["lineage"]["bases"][0]["name"] == "owner/starter" and report["lineage"]["bases"][0]["here"], report


def an_adapter_finds_its_base_by_name():
    with home() as folder:
        cache(folder, "owner/starter", STARTER)
        adapter = {"peft_type": "LORA", "base_model_name_or_path": "owner/starter", "r": 1, "lora_alpha": 1, "target_modules": ["q_proj"]}
        write(folder / "adapter/adapter_config.json", adapter)
        tensors, data = {}, b""
        config = json.loads(STARTER["config.json"])
        for half, shape in (("A", [1, config["hidden_size"]]), ("B", [config["num_attention_heads"] * (config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]), 1])):
            bytes_ = 4 * shape[0] * shape[1]
            tensors[f"base_model.model.model.layers.0.self_attn.q_proj.lora_{half}.weight"] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + bytes_]}
            data += bytes(bytes_)
        header = json.dumps(tensors).encode()
        write(folder / "adapter/adapter_model.safetensors", len(header).to_bytes(8, "little") + header + data)
        generate = lambda model: json.loads(run_well(folder, "generate", model, "Once", "-n", "4", "--temperature", "0", "--json"))["ids"]
        assert generate(folder / "adapter") == generate("models/starter")
        assert "for owner/starter" in run_well(folder, "show", folder / "adapter")
        write(folder / "adapter/adapter_config.json", {**adapter, "base_model_name_or_path": "owner/none"})
        result = run(folder, "generate", folder / "adapter", "Once")
        assert result.returncode == 1 and "its base model 'owner/none' is not here" in result.stderr, result


def models_are_removed_from_the_cache_only():
    with home() as folder:
        files = {"README.md": b"#", "m-Q4_0.gguf": b"4" * 5000, "m-Q8_0.gguf": b"8" * 9000, "same.gguf": b"8" * 9000}
        repository = cache(folder, "o/n", files)
        manifest, blob = ollama(folder, "m")
        result = run(folder, "rm", "o/n")
        assert result.returncode == 2 and "--yes is needed" in result.stderr and repository.exists(), result
        for name in ("m:latest", "m", "ollama/m"):
            result = run(folder, "rm", "-y", name)
            assert result.returncode == 1 and "belongs to ollama" in result.stderr and str(blob) in result.stderr, result
        assert manifest.exists() and blob.exists()
        result = run(folder, "rm", "-y", "o/n:q2_k")
        assert result.returncode == 1 and "o/n: has no 'q2_k' here" in result.stderr, result
        result = run(folder, "rm", "-y", "o/n:q8_0")             # its content is also same.gguf's
        assert result.returncode == 0, result
        left = {path.name for path in (repository / "snapshots" / COMMIT).iterdir()}
        assert left == {"README.md", "m-Q4_0.gguf", "same.gguf"}, left
        assert all(path.exists() for path in (repository / "snapshots" / COMMIT).iterdir())
        result = run(folder, "rm", "-y", "--json", "o/n:m-Q4_0.gguf")
        assert json.loads(result.stdout)["bytes"] == 8192 and len(list((repository / "blobs").iterdir())) == 2, result
        assert run(folder, "rm", "-y", "o/n:same.gguf").returncode == 0
        assert not repository.exists()                          # only the card was left
        outside = write(folder / "outside/x", b"x")
        repository = cache(folder, "o/n", files)
        (repository / "snapshots" / COMMIT / "link").symlink_to(outside.parent)
        assert run(folder, "rm", "-y", "o/n").returncode == 0
        assert not repository.exists() and outside.exists()
        result = run(folder, "rm", "-y", "o/n")
        assert result.returncode == 1 and "o/n: is not in" in result.stderr, result


def what_is_being_pulled_is_not_removed():
    with home() as folder:
        repository = cache(folder, "o/n", {"m.gguf": b"x"})
        lock = write(folder / ".cache/huggingface/hub/.locks/models--o--n" / ("1" * 64 + ".lock"), b"")
        write(lock.with_suffix(".puna.claim"), b"1 1 another-host.example\n")
        result = run(folder, "rm", "-y", "o/n")
        assert result.returncode == 1 and "another process downloads it" in result.stderr and repository.exists(), result


def main():
    skipped = False
    for test in list(globals().values()):
        if inspect.isfunction(test) and test.__module__ == "__main__" and not inspect.signature(test).parameters and test is not main and test is not home:
            if len(sys.argv) < 3 or test.__name__ == sys.argv[2]:
                skipped |= test() is False
    sys.exit(77 if skipped else 0)


main()
