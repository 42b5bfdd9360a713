#!/usr/bin/python3
"""The commands as a user sees them: output, exit codes, and one line for each error.
usage: commands_test.py PUNA"""
import json
import os
import pathlib
import platform
import re
import stat
import subprocess
import sys
import tempfile

PUNA = os.path.abspath(sys.argv[1])
SHARED = pathlib.Path("../shared")
LLAMA3 = SHARED / "data/tokenizer/llama3"


def puna(*arguments, code=0, **options):
    result = subprocess.run([PUNA, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == code, f"puna {arguments}: exit {result.returncode}: {result.stderr}"
    if code:
        assert len(result.stderr.strip().splitlines()) == 1 and re.match(r"puna( [a-z]+)*: ", result.stderr), result.stderr
    return result


COMMANDS = ["chat", "generate", "eval text", "data pack", "data show", "tokenizer train", "tokenizer encode", "tokenizer decode", "tokenizer show",
            "train", "prompt", "check", "bench", "logits", "report", "completion", "man", "version"]
ELSEWHERE = ("completion", "man")       # whose examples are tested in tests/completion_test.py and tests/man_test.py


def help_pages_explain_every_option():
    for command in COMMANDS:
        page = puna("help", *command.split()).stdout
        for arguments in (["--help"], ["-h"], ["MODEL", "--no-such-flag", "--help"]):
            assert puna(*command.split(), *arguments).stdout == page, (command, arguments)
        assert f"\n\nUsage: puna {command} " in page and page[0].isupper() and "\nExample" in page, page
        assert not page.split()[0].endswith("s"), f"{command}: the purpose is in the imperative, as 'Train a model'"
        for line in page.splitlines():
            assert len(line) <= 120, line
        for wrong in ("whole number", "string", "REQUIRED", "OPTIONS:", "[]"):
            assert wrong not in page, (command, wrong)
    train, generate = puna("help", "train").stdout, puna("help", "generate").stdout
    headings = [line[:-1] for line in train.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Arguments", "Data", "Model", "Schedule", "Optimization", "Evaluation", "Output and checkpoints", "General", "Examples"], headings
    headings = [line[:-1] for line in generate.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Arguments", "Sampling", "Length", "Model", "Output", "General", "Examples"], headings
    for line in ("--data FOLDER training set, written by puna data pack [required]", "--dim N hidden size [256]", "--[no-]tied tie the output head to the embedding [on]",
                 "--schedule cosine|linear|constant learning rate", "--final-learning-rate 0..1 final learning rate, as a fraction of the peak [0.1]",
                 "--learning-rate X peak learning rate [0.001]", "--from MODEL model to fine-tune; it determines the shape [random weights]",
                 "--sample-every N steps between text samples; 0 = none [200]", "--threads N number of threads [0 = the physical cores it may use]", "-h, --help print this help"):
        assert line in " ".join(train.split()), line
    for line in ("--top-p 0..1 nucleus sampling:", "--top-k N keep only the N most likely tokens [0 = off]", "--type f32|bf16|f16 weight dtype for inference [as stored]",
                 "--stop TEXT text that ends the answer", "--[no-]echo print the prompt before its continuation [on]"):
        assert line in " ".join(generate.split()), line


def mistakes_are_answered_with_the_option_and_a_remedy(folder):
    """Each begins with 'puna' and the command, in one line, and exits with 2."""
    (folder / "recipe.toml").write_text("# my recipe\nstpes = 3\n")
    for line, answer in {
            "generate M --temprature 1": "puna generate: unknown option --temprature. Did you mean --temperature?",
            "generate --temprature 1 M": "puna generate: unknown option --temprature. Did you mean --temperature?",
            "generate M --temprature=1": "puna generate: unknown option --temprature. Did you mean --temperature?",
            "generate M --temp 1": "puna generate: unknown option --temp. Did you mean --temperature?",
            "generate M --max_tokens 1": "puna generate: unknown option --max_tokens. Did you mean --max-tokens?",
            "generate M -x 1": "puna generate: unknown option -x; 'puna help generate' lists the options",
            "generate M -qx": "puna generate: unknown option -x; 'puna help generate' lists the options",
            "generate M -n": "puna generate: --max-tokens needs a value: --max-tokens N",
            "generate M -s -n 5": "puna generate: --seed needs a value before -n: --seed N",
            "generate M -n -1": "puna generate: --max-tokens must be at least 0, not -1; 0 = until a stop token or the end of the context",
            "generate M --count 0": "puna generate: --count must be at least 1, not 0",
            "tokenizer encode M story.txt --text Hello": "puna tokenizer encode: --text cannot be combined with a FILE ('story.txt'); quote a text with spaces",
            "generate M --x": "puna generate: unknown option --x; 'puna help generate' lists the options",
            "data pack x --outptu y": "puna data pack: unknown option --outptu. Did you mean --output?",
            "generate": "puna generate: MODEL is missing: folder in Hugging Face's or Meta's format, GGUF file, or name of a model (see 'puna help generate')",
            "eval text M": "puna eval text: FILE is missing: the text; - reads standard input (see 'puna help eval text')",
            "generate M Once upon": "puna generate: unexpected argument 'upon' after 'Once'; quote a text with spaces (see 'puna help generate')",
            "check it": "puna check: unexpected argument 'it' (see 'puna help check')",
            "generate M --seed": "puna generate: --seed needs a value: --seed N",
            "generate M --seed --json": "puna generate: --seed needs a value before --json: --seed N",
            "chat M --system --no": "puna chat: --system needs a value before --no: --system TEXT, or --system=--no",
            "generate M --seed x": "puna generate: --seed must be an integer, not 'x'",
            "generate M --seed=1.5": "puna generate: --seed must be an integer, not '1.5'",
            "generate M --seed -5": "puna generate: --seed must be at least 0, not -5",
            "generate M --seed=": "puna generate: --seed must be an integer, not ''",
            "generate M --seed= 5": "puna generate: --seed must be an integer, not ''",
            "generate M --seed -h=": "puna generate: --seed needs a value before -h=: --seed N, or --seed=-h=",
            "generate M --seed --temperature= --json": "puna generate: --seed needs a value before --temperature=: --seed N, or --seed=--temperature=",
            "generate M --seed --": "puna generate: --seed needs a value: --seed N",
            "generate M --json=": "puna generate: --json must be true or false, not ''",
            "generate M --nosuch= Once": "puna generate: unknown option --nosuch; 'puna help generate' lists the options",
            "generate M --top-p hot": "puna generate: --top-p must be a number, not 'hot'",
            "generate M --top-p -0.5": "puna generate: --top-p must be more than 0, not -0.5",
            "generate M --top-p 1.5": "puna generate: --top-p must be at most 1, not 1.5",
            "generate M --type f8": "puna generate: --type must be f32, bf16 or f16, not 'f8'",
            "generate M --json=7": "puna generate: --json must be true or false, not '7'",
            "generate M --no-json=true": "puna generate: --no-json takes no value",
            "generate M --no-seed": "puna generate: unknown option --no-seed. Did you mean --seed?",
            "chatt": "puna: unknown command 'chatt'. Did you mean 'chat'? Run 'puna help' for a list",
            "tokenizer trian": "puna tokenizer: unknown command 'trian'. Did you mean 'train'? Run 'puna help tokenizer' for a list",
            "--verison": "puna: unknown option --verison. Did you mean --version?",
            "-x": "puna: unknown option -x; 'puna help' lists the commands",
            "train --data x": "puna train: --output is missing: folder for the model, metrics, report and checkpoints",
            "train --data x --output y --layers 100000": "puna train: --layers must be at most 4096, not 100000",
            "train --data x --output y --kv-heads 0": "puna train: --kv-heads must be at least 1, not 0",
            "train --data x --output y --kv-heads 3": "puna train: --heads: 4 are not a multiple of 3 key-value heads",
            "train --data x --output y --steps 0": "puna train: --steps must be at least 1, not 0",
            "train --from x --layers 8 --data x --output y --schedule steep": "puna train: --schedule must be cosine, linear or constant, not 'steep'",
            "data pack x --output y": "puna data pack: --tokenizer is missing: model, tokenizer.json or tokenizer.model",
            "data pack x --output y --validation-share 2": "puna data pack: --validation-share must be less than 1, not 2",
            "data pack x --output y --shard-megabytes 0": "puna data pack: --shard-megabytes must be at least 1, not 0",
            "data show x --documents -1": "puna data show: --documents must be at least 0, not -1",
            "tokenizer train x": "puna tokenizer train: --output is missing: folder for tokenizer.json, tokenizer_config.json and chat_template.jinja",
            "help train extra": "puna: help: unexpected argument 'extra' after 'train'",
            "help data pack x": "puna: help: unexpected argument 'x' after 'pack'",
            "completion csh": "puna completion: unknown shell 'csh'; use one of: bash, zsh, fish",
            "completion tcsh": "puna completion: unknown shell 'tcsh'; use one of: bash, zsh, fish",
            "completion powershell": "puna completion: unknown shell 'powershell'; use one of: bash, zsh, fish",
            "--version now": "puna version: unexpected argument 'now' (see 'puna help version')",
            "generate M --stop=": "puna generate: --stop must not be an empty text",
            "bench kernel": "puna bench: unknown benchmark 'kernel'; use one of: machine, kernels, prefill, decode, batch, train, tokenizer, pack, files"}.items():
        result = subprocess.run([PUNA, *line.split()], capture_output=True, text=True, cwd=folder, stdin=subprocess.DEVNULL)
        assert (result.returncode, result.stdout, result.stderr) == (2, "", answer + "\n"), (line, result)
    result = subprocess.run([PUNA, "train", "recipe.toml"], capture_output=True, text=True, cwd=folder)
    assert (result.returncode, result.stderr) == (1, "puna: recipe.toml: line 2: unknown field 'stpes'. Did you mean 'steps'?\n"), result
    (folder / "file").write_text("Once")
    for command in (["generate"], ["chat"], ["eval", "text"], ["logits", "--tokens", "file"], ["train", "--output", "never", "--data"]):
        last = ["file"] if command[0] == "eval" else []
        for model, problem in {"nowhere": "no such (file or )?folder[:,] ", "file": "is not a folder: "}.items():
            result = subprocess.run([PUNA, *command, model, *last], capture_output=True, text=True, cwd=folder, stdin=subprocess.DEVNULL)
            assert result.returncode == 1 and re.match(f"puna: {model}: {problem}", result.stderr), (command, result)
    result = puna("tokenizer", "encode", "models/starter", "Hello world", code=1)
    assert result.stderr == 'puna: Hello world: no such file; to encode a text itself: --text "Hello world"\n', result


def arguments_are_read_as_elsewhere():
    """--flag=value, the last of two values, negative numbers, --no-flag, -- and texts that begin with a dash."""
    def tokens(*arguments):
        return json.loads(puna("generate", "--json", "--temperature", "0", "--max-tokens", "2", "models/starter", *arguments).stdout)
    once = tokens("Once")
    assert once["tokens"] == 2 and once == {**tokens("--seed=1", "--seed", "0", "--no-quiet", "--quiet=false", "Once"), **{key: once[key] for key in once if "second" in key or key == "seed"}}
    for text in ("-5", "- a list", "---", "[x,y]", "[[xx]]", "{}", "x=", ""):
        assert tokens(text)["prompt_tokens"] == tokens("--", text)["prompt_tokens"], text
    assert tokens("--", "--json")["prompt_tokens"] > 2
    assert tokens("--seed", "3", "--", "--json")["prompt_tokens"] == tokens("--", "--json")["prompt_tokens"]
    assert tokens("--no-json", "--json", "Once")["tokens"] == 2
    assert puna("tokenizer", "encode", "models/starter", "-", "--json", "--no-json", input="Once").stdout[0].isdigit()


def letters_stand_for_the_same_flag_everywhere():
    """And docs/commands.md lists them all."""
    letters, flags = {"-h": "--help"}, {}
    for command in COMMANDS:
        terms = re.findall(r"^  (?:(-\w), |    )--(?:\[no-\])?([\w-]+)(?: |$)", puna("help", *command.split()).stdout, re.M)
        assert len(terms) == len({letter or flag for letter, flag in terms}), (command, terms)
        for letter, flag in terms:
            assert flags.setdefault(flag, letter) == letter, f"puna {command} --{flag} has no {flags[flag] or letter}"
            assert not letter or letters.setdefault(letter, f"--{flag}") == f"--{flag}", (command, letter, flag)
    listed = re.findall(r"^\| `(-\w)` \| `(--[\w-]+)` \|", pathlib.Path("docs/commands.md").read_text(), re.M)
    assert dict(listed) == letters and len(listed) >= 7, (listed, letters)
    def text(*flags):
        return puna("generate", "models/starter", "Once", *flags)
    spelled_out = text("--max-tokens", "5", "--seed", "3", "--context", "32", "--threads", "1", "--quiet")
    assert spelled_out.stderr == "" and len(spelled_out.stdout) > 5
    for flags in (["-n", "5", "-s", "3", "-c", "32", "-t", "1", "-q"], ["-n5", "-s3", "-c32", "-qt1"], ["-qn5", "-s", "7", "--seed=3"]):
        assert text(*flags).stdout == spelled_out.stdout and text(*flags).stderr == "", flags


def advice_helps():
    generate = ["generate", "models/starter", "Once upon a time"]
    refused = puna(*generate, "-n", "1020", code=1).stderr
    assert "exceed the context of 1024; shorten the prompt or use a smaller --max-tokens\n" in refused, refused
    refused = puna(*generate, "-n", "62", "-c", "64", code=1).stderr
    assert "use a smaller --max-tokens or a larger --context (this model allows 1,024 tokens)\n" in refused, refused


def continuations_are_what_their_seeds_give_alone():
    generate = ["generate", "models/starter", "Once upon a time", "-n", "30"]
    alone = {seed: json.loads(puna(*generate, "-s", seed, "--json").stdout) for seed in range(7, 27)}
    together = json.loads(puna(*generate, "-s", "7", "--count", "20", "--json").stdout)         # more than run at once
    assert set(together) == {"prompt", "answers"} and together["prompt"] == "Once upon a time"
    assert [(a["seed"], a["ids"], a["text"], a["finish"]) for a in together["answers"]] == [(seed, a["ids"], a["text"], a["finish"]) for seed, a in alone.items()]
    assert len({a["text"] for a in together["answers"]}) > 10
    result = puna(*generate, "-s", "8", "--count", "3")
    assert result.stdout == "".join(f"--- {i + 1} of 3, seed {8 + i} ---\nOnce upon a time{alone[8 + i]['text']}\n" for i in range(3)), result
    assert re.fullmatch(r"3 answers, 90 tokens, \d+ tokens/s\n", result.stderr), result
    drawn = [a["seed"] for a in json.loads(puna(*generate, "--count", "3", "--json").stdout)["answers"]]
    assert drawn == [drawn[0], drawn[0] + 1, drawn[0] + 2]
    one = puna(*generate, "-s", "8", "--count", "1", "-q")
    assert (one.stdout, one.stderr) == (f"Once upon a time{alone[8]['text']}\n", "")
    assert len(json.loads(puna(*generate, "--count", "1", "--json").stdout)["answers"]) == 1
    greedy = puna(*generate, "--count", "3", "--temperature", "0", "-q")
    assert "--count: has no effect, a temperature of 0 always picks the most likely token" in greedy.stderr and "---" not in greedy.stdout, greedy
    highest = 2**63 - 1
    assert f"--seed: {highest} leaves no room for 2 seeds" in puna(*generate, "-s", highest, "--count", "2", code=2).stderr


def pieces_of_a_text_are_shown(folder):
    text = 'The cat said: "1\\2"\n\tGröße 東京 \u200b<|eot_id|>'
    encode = ["tokenizer", "encode", "models/starter"]
    plain = puna(*encode, "--text", text)
    ids, size = plain.stdout.split(), len(text.encode())
    assert plain.stderr == f"{len(ids)} tokens, {size} bytes, {size / len(ids):.2f} bytes per token\n", plain
    (folder / "text").write_text(text)
    assert plain.stdout == puna(*encode, folder / "text").stdout == puna(*encode, input=text).stdout
    lines = [line.split("\t") for line in puna(*encode, "--text", text, "--pieces").stdout.splitlines()]
    assert [line[0] for line in lines] == ids and all(len(line) == 2 and re.fullmatch(r'"[ -~\w]*"', line[1]) for line in lines), lines
    joined = "".join(line[1][1:-1] for line in lines)
    assert joined.startswith(r'The cat said: \"1\\2\"\n\tGr') and joined.endswith("<|eot_id|>"), joined
    answer = json.loads(puna(*encode, "--text", text, "--pieces", "--json").stdout)
    assert b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in answer["pieces"]) == text.encode(), answer
    assert any(isinstance(piece, list) for piece in answer["pieces"])
    assert (answer["ids"], answer["tokens"], answer["bytes"], answer["bytes_per_token"]) == ([int(i) for i in ids], len(ids), size, size / len(ids))
    assert "<|eot_id|>" in puna(*encode, "--special", "--pieces", "--text", text).stdout.splitlines()[-1]
    empty = puna(*encode, "--text", "")
    assert (empty.stdout, empty.stderr) == ("", "0 tokens, 0 bytes\n"), empty
    assert "bytes_per_token" not in json.loads(puna(*encode, "--text", "", "--json").stdout)
    written = puna(*encode, "--text", text, "--output", folder / "ids", "--pieces")
    assert "--pieces: has no effect with --output" in written.stderr and f"\n{len(ids)} tokens, " in written.stderr, written


def tokenizers_are_shown():
    page = puna("tokenizer", "show", "models/starter").stdout
    for line in ("kind byte-level BPE", "vocabulary 4,096 tokens, 16 control tokens", "merges 6,083 pairs", "split pattern Llama 3", "begins a text <|begin_of_text|> (4080)",
                 "ends a turn <|eot_id|> (4089)", "pads <|finetune_right_pad_id|> (4084)", "chat template models/starter/chat_template.jinja",
                 "4080 <|begin_of_text|>", "4082..4083 <|reserved_special_token_0|> to <|reserved_special_token_1|>", "4091..4095 <|reserved_special_token_3|> to <|reserved_special_token_7|>"):
        assert line in [" ".join(shown.split()) for shown in page.splitlines()], (line, page)
    assert all(len(line) <= 120 for line in page.splitlines())
    assert puna("tokenizer", "show", "models/starter/tokenizer.json").stdout == page
    answer = json.loads(puna("tokenizer", "show", "models/starter", "--json").stdout)
    assert (answer["kind"], answer["tokens"], answer["text_tokens"], answer["merges"], answer["end_of_turn"]) == ("byte-level BPE", 4096, 4080, 6083, 4089), answer
    assert len(answer["control_tokens"]) == 16 and {"id": 4089, "piece": "<|eot_id|>"} in answer["control_tokens"]
    tokens = json.loads(pathlib.Path("models/starter/tokenizer.json").read_text())["model"]["vocab"]
    longest = max(len(re.sub("[^\0-~]", "x", token)) for token in tokens)
    assert [len(token["piece"].encode()) for token in answer["longest"]][0] == longest and len(answer["longest"]) == 5, (answer["longest"], longest)


def metas_tokenizer_is_shown():
    page = puna("tokenizer", "show", LLAMA3 / "tokenizer.model").stdout
    shown = [" ".join(line.split()) for line in page.splitlines()]
    for line in ("vocabulary 128,256 tokens, 256 control tokens", "merges 280,147 pairs", "chat template none of its own; chats use Llama 3.1's chat template",
                 "128011..128255 <|reserved_special_token_3|> to <|reserved_special_token_247|>"):
        assert line in shown, (line, page)
    assert len(shown) < 40 and all(len(line) <= 120 for line in page.splitlines()), page


def stop_texts_may_be_repeated_and_be_anything():
    def story(*stops):
        flags = [flag for stop in stops for flag in ("--stop", stop)]
        return puna("generate", "models/starter", "Once upon a time", "--temperature", "0", "--max-tokens", "120", "--quiet", "--no-echo", *flags).stdout[:-1]
    whole = story()
    for stop, written in ((",", ","), (", there", ", there"), ("\\n", "\n"), (" little", " little")):
        assert written in whole and story(stop) == whole[:whole.index(written)], (stop, whole)
    assert story("never", " little", " day") == whole[:whole.index(" little")]


def examples_of_the_help_run(folder):
    """In the order of a new user, with tiny sizes: a later flag wins."""
    (folder / "models").symlink_to(pathlib.Path("models").resolve())
    (folder / "recipes").symlink_to(pathlib.Path("recipes").resolve())
    (folder / "my-text").mkdir()
    text = pathlib.Path("docs/tour.md").read_text() + pathlib.Path("docs/adding.md").read_text()
    (folder / "my-text/tour.txt").write_text(text)
    (folder / "my-text/testing.txt").write_text(pathlib.Path("docs/testing.md").read_text() * 3)
    (folder / "story.txt").write_text("Once upon a time there was a little girl.\n")
    (folder / "ids.txt").write_text("1 2 3\n")
    (folder / "my-conversations.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Hello!"}]}\n' * 4)
    shorter = {"train": "--steps 2 --batch 1 --length 32 --sample-every 0 --threads 2", "bench": "--repetitions 1", "tokenizer train": "--vocabulary 600"}
    environment = {**os.environ, "PATH": f"{os.path.dirname(PUNA)}:{os.environ['PATH']}"}
    first = ("tokenizer train", "data pack", "data show", "train")
    for command in [*first, *(c for c in COMMANDS if c not in first + ELSEWHERE)]:
        examples = puna("help", *command.split()).stdout.split("\nExample")[1].splitlines()[1:]
        assert examples, command
        for example in examples:
            assert f"puna {command} " in example + " ", example
            line = example.replace(f"puna {command}", f"puna {command} {shorter.get(command, '')}") if command == "bench" else f"{example} {shorter.get(command, '')}"
            line = line.replace("--steps 2", "--epochs 1") if "--epochs" in example else line
            result = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL, timeout=300)
            assert result.returncode == 0, (line, result)


def outputs_are_overwritten_only_if_forced(folder):
    """Whatever a command writes; and with --force nothing but what it could have written itself."""
    (folder / "line.txt").write_text("Once upon a time there was another text.\n" * 20)
    (folder / "ids.txt").write_text("1 2 3\n")
    for command, other in ((["tokenizer", "train", "line.txt", "--vocabulary", "280", "--output", "a tokenizer"], "my-model"),
                           (["data", "pack", "line.txt", "--tokenizer", "my-tokenizer", "--output", "a packed set"], "my-tokenizer"),
                           (["tokenizer", "encode", "my-tokenizer", "line.txt", "--output", "a file of token ids"], "line.txt"),
                           (["logits", "models/starter", "--tokens", "ids.txt", "--output", "a file of logits"], "ids.txt")):
        output = folder / command[-1]
        once = puna(*command, cwd=folder)
        before = contents(output)
        again = puna(*command, cwd=folder, code=1)
        assert again.stderr == f"puna: {output.name}: already exists; choose another name, or pass --force to overwrite it\n", again
        assert contents(output) == before
        longer = [part if part != "line.txt" else "my-text/tour.txt" for part in command[:-2]]
        assert puna(*longer, "--output", output.name, "--force", cwd=folder).returncode == once.returncode == 0
        assert (contents(output) != before) == (longer != command[:-2]), command
        kept = contents(folder / other)
        for force in ([], ["--force"]):
            refused = puna(*command[:-1], other, *force, cwd=folder, code=1)
            assert refused.stderr == f"puna: {other}: already exists and is not {output.name}; remove it, or choose another output\n", refused
        assert contents(folder / other) == kept, other
        if output.is_dir():
            (output / "notes.txt").write_text("mine")
            assert "is not " in puna(*command, "--force", cwd=folder, code=1).stderr and (output / "notes.txt").exists()
    assert not [path for path in folder.iterdir() if path.name.endswith(".new")]


def contents(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


def help_and_wrong_usage():
    overview = puna("--help").stdout
    for name in ("check", "logits", "bench", "train", "tokenizer", "data", "generate", "chat", "eval"):
        assert f"puna {name}" in overview, name
        assert "Usage" in puna("help", name).stdout or "puna " + name in puna("help", name).stdout
    assert "Did you mean 'logits'?" in puna("logist", code=2).stderr
    puna("logits", code=2)
    puna("logits", "model", "--tokens", "x", "--chunk", "many", code=2)
    puna("check", "--no-such-flag", code=2)
    puna("tokenizer", "shuffle", code=2)
    for command, verbs in (("data", ("pack", "show")), ("eval", ("text",)), ("tokenizer", ("train", "encode", "decode", "show"))):
        bare = subprocess.run([PUNA, command], capture_output=True, text=True)
        assert (bare.returncode, bare.stderr) == (2, "") and bare.stdout == puna("help", command).stdout == puna(command, "--help").stdout, command
        for verb in verbs:
            assert f"  puna {command} {verb} " in bare.stdout, bare.stdout
            assert f"Usage: puna {command} {verb} " in puna("help", command, verb).stdout
    assert "Did you mean 'pack'?" in puna("help", "data", "pak", code=2).stderr
    for command in (["bench", "machine"], ["chat", "x"], ["check"], ["eval", "text", "x", "x"], ["generate", "x"], ["logits", "x", "--tokens", "x"],
                    ["data", "pack", "x", "--output", "y", "--tokenizer", "x"], ["tokenizer", "train", "x", "--output", "y"]):
        for threads in (-1, 5000):
            assert "--threads must be at " in puna(*command, "--threads", threads, code=2).stderr, command
    assert "--type must be f32, bf16 or f16, not 'f8'" in puna("logits", "nowhere", "--tokens", "x", "--type", "f8", code=2).stderr
    for name, problem in (("gpu", "unknown kernels"), ("avx2,-bf16", "avx2 has no extension that '-bf16' excludes"), ("avx512,vnni", "avx512 has no extension that 'vnni' excludes")):
        assert f"PUNA_KERNELS={name}: {problem}" in puna("check", code=1, env={**os.environ, "PUNA_KERNELS": name}).stderr, name


def version_names_the_build():
    version = pathlib.Path("CMakeLists.txt").read_text().split("project(puna VERSION ")[1].split()[0]
    best = {name: value for name, value in os.environ.items() if name != "PUNA_KERNELS"}
    answer, kernels = json.loads(puna("version", "--json", env=best).stdout), json.loads(puna("check", "--json").stdout)["available"][0]
    assert (answer["version"], answer["kernels"]) == (version, kernels) and answer["compiler"].split()[0] in ("GCC", "Clang"), answer
    assert re.fullmatch(r"unknown|[0-9a-f]{10,}(-dirty)?", answer["commit"]), answer
    text = f"puna {version} ({answer['commit']})\nbuilt with {answer['compiler']}, {answer['build']}\nkernels: {kernels}\n"
    for spelling in ("version", "--version", "-V", "-v"):
        assert puna(spelling, env=best).stdout == text, spelling
    assert "\nkernels: scalar\n" in puna("--version", env={**os.environ, "PUNA_KERNELS": "scalar"}).stdout


def check_lists_the_table_of_each_kernel():
    answer = json.loads(puna("check", "--json").stdout)
    assert answer["good"] and answer["signature"] == answer["committed"]
    flags = set(re.search(r"^flags\s*:(.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)[1].split()) if platform.machine() == "x86_64" else set()
    for table, extensions in (("avx512", {"vnni": "avx512_vnni", "bf16": "avx512_bf16"}), ("avx2", {"vnni": "avx_vnni"})):
        if table in answer["kernels"]:
            named = [name for name in answer["available"] if name.split()[0] == table]
            expected = ", ".join(name for name, flag in extensions.items() if flag in flags)
            assert named == [table + (f" with {expected}" if expected else "")], (named, extensions)
    for table in ("avx2", "avx512"):
        for kernel, origin in answer["kernels"].get(table, {}).items():
            heavy = any(kernel.startswith(name) for name in ("matmul", "attention", "rms_norm", "rope", "softmax", "swiglu", "cross_entropy", "adamw"))
            assert not heavy or origin == table, (table, kernel, origin)


def golden_errors_are_within_their_tolerance():
    answer = json.loads(puna("check", "--golden", SHARED / "golden/tiny3", "--json").stdout)
    rows = {(row["kernels"], row["type"], row["what"]): row for row in answer["rows"]}
    assert rows[("scalar", "f32", "logits")]["error"] <= rows[("scalar", "f32", "logits")]["tolerance"] == 3e-5
    assert rows[("scalar", "bf16", "adamw.losses")]["tolerance"] == 0.006
    assert re.match(r"PASS: (\d+) of \1 rows are within their tolerance\n", puna("check", "--golden", SHARED / "golden/tiny3").stdout)
    assert "golden.safetensors" in puna("check", "--golden", SHARED / "golden", code=1).stderr


def closed_pipes_are_not_errors():
    """As in `puna check | head -1`: a closed pipe is not an error, however little was printed."""
    for command in (["check"], ["help"], ["help", "train"]):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([PUNA, *command], stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        assert (result.returncode, result.stderr) == (0, ""), (command, result)


def logits_do_not_depend_on_chunks(folder):
    (folder / "ids").write_text(" ".join(str(i * 37 % 512) for i in range(90)) + "\n")
    model = SHARED / "golden/tiny3/hf"
    for kernels in ("avx512", "avx2", "scalar"):
        environment = {**os.environ, "PUNA_KERNELS": kernels}
        probe = subprocess.run([PUNA, "logits", model, "--tokens", folder / "ids", "--output", folder / "whole"], env=environment, capture_output=True, text=True)
        if "this machine cannot run it" in probe.stderr:
            continue
        for type in ("f32", "bf16", "f16"):
            outputs = []
            for more in ((), ("--chunk", "1"), ("--chunk", "7"), ("--chunk", "64", "--threads", "1")):
                puna("logits", model, "--tokens", folder / "ids", "--type", type, "--output", folder / "logits", "--force", *more, env=environment)
                outputs.append((folder / "logits").read_bytes())
            assert len(set(outputs)) == 1, (kernels, type)
            assert b'"shape":[90,512]' in outputs[0][:200]
    written = json.loads(puna("logits", model, "--tokens", folder / "ids", "--output", folder / "logits", "--force", "--json").stdout)
    assert written == {"output": str(folder / "logits"), "tokens": 90, "vocabulary": 512}, written
    text = (folder / "logits").read_bytes()
    (folder / "ids").write_bytes(b"".join((i * 37 % 512).to_bytes(4, "little") for i in range(90)))
    puna("logits", model, "--tokens", folder / "ids", "--output", folder / "logits", "--force")
    assert (folder / "logits").read_bytes() == text


def logits_reject_invalid_input(folder):
    model = SHARED / "golden/tiny3/hf"
    for text, reason in {"1 2 x": "byte 4", "1 512": "512", "": "no token ids", "1 -1": "-1", "1 99999999999999999999": "byte 2"}.items():
        (folder / "bad").write_text(text)
        assert reason in puna("logits", model, "--tokens", folder / "bad", "--output", folder / "never", code=1).stderr, text
    assert not (folder / "never").exists()
    (folder / "good").write_text("1 2 3")
    assert "no such file or folder" in puna("logits", folder / "nothing", "--tokens", folder / "good", code=1).stderr
    assert "cannot create" in puna("logits", model, "--tokens", folder / "good", "--output", folder / "no/where", code=1).stderr
    assert "standard input: 9000 tokens exceed the model's context" in puna("logits", model, "--tokens", "-", code=1, input="1 " * 9000).stderr
    assert "standard input: contains no token ids" in puna("logits", model, "--tokens", "-", code=1, input="").stderr


def tokenizer_encodes_and_decodes(folder):
    model = LLAMA3 / "tokenizer.model"
    text = "Hello world! ½ Führer <|eot_id|>"
    ids = puna("tokenizer", "encode", model, input=text).stdout.split()
    assert ids[:2] == ["9906", "1917"] and "128009" not in ids
    assert json.loads(puna("tokenizer", "encode", model, "--json", input=text).stdout)["ids"] == [int(i) for i in ids]
    assert puna("tokenizer", "decode", model, input="\n".join(ids)).stdout == text
    assert "128009" in puna("tokenizer", "encode", model, "--special", input=text).stdout.split()
    puna("tokenizer", "encode", model, "--output", folder / "binary", input=text)
    assert (folder / "binary").read_bytes() == b"".join(int(i).to_bytes(4, "little") for i in ids)
    assert puna("tokenizer", "decode", model, folder / "binary").stdout == text
    (folder / "cut").write_bytes((folder / "binary").read_bytes()[:-1])
    assert f"{4 * len(ids) - 1} bytes are not a multiple of 4" in puna("tokenizer", "decode", model, folder / "cut", code=1).stderr
    (folder / "large").write_bytes(b"\0\0\0\0\0\0\0\x80")
    assert "token 2147483648 at byte 4" in puna("tokenizer", "decode", model, folder / "large", code=1).stderr
    assert "standard input: token 200000" in puna("tokenizer", "decode", model, code=1, input="200000").stderr
    puna("tokenizer", "encode", folder / "nothing", code=1, input="x")
    full = subprocess.run(f"{PUNA} tokenizer encode {model} ../shared/data/text/tinyshakespeare.txt >/dev/full", shell=True, capture_output=True, text=True)
    assert (full.returncode, full.stderr.count("\n")) == (1, 1) and "standard output" in full.stderr and "No space left" in full.stderr, full
    assert json.loads(puna("tokenizer", "decode", model, "--json", input="\n".join(ids)).stdout) == {"text": text}
    (folder / "text").write_text("to be or not to be, that is the question\n" * 50)
    trained = json.loads(puna("tokenizer", "train", folder / "text", "--output", folder / "tokenizer", "--vocabulary", 280, "--json").stdout)
    assert trained == {"output": str(folder / "tokenizer"), "tokens": 280, "skipped": {"documents": 0, "lines": 0, "files": 0}}, trained
    (folder / "model").mkdir()
    (folder / "model/config.json").write_text("{}")
    assert "is not a tokenizer" in puna("tokenizer", "train", folder / "text", "--output", folder / "model", "--force", code=1).stderr
    assert "Error" not in puna("tokenizer", "train", folder / "binary", "--output", folder / "tok", "--vocabulary", "256", code=1).stderr
    assert "--control-tokens must be at least 0" in puna("tokenizer", "train", folder / "text", "--output", folder / "tok", "--control-tokens", "-1", code=2).stderr


def output_follows_links_and_keeps_devices(folder):
    encode = ["tokenizer", "encode", LLAMA3 / "tokenizer.model", "--output"]
    expected = (9906).to_bytes(4, "little")
    (folder / "there").write_bytes(bytes(8))
    (folder / "link").symlink_to("there")
    puna(*encode, folder / "link", "--force", input="Hello")
    assert (folder / "link").is_symlink() and (folder / "there").read_bytes() == expected
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    puna(*encode, folder / "pipe", input="Hello")
    assert os.read(reader, 100) == expected and (folder / "pipe").is_fifo()
    os.close(reader)
    device = pathlib.Path("/dev/null")                  # which only root could replace
    if os.getuid() == 0:
        device = folder / "null"
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    puna(*encode, device, input="Hello")
    puna("quantize", "models/starter", "q8_0", device)
    assert device.is_char_device()
    left = subprocess.run(f"{PUNA} tokenizer encode {LLAMA3}/tokenizer.model --output /dev/stdout | cat", shell=True, input=b"Hello", capture_output=True)
    assert left.stdout == expected, left


def closed_streams_are_not_reused_for_files(folder):
    model, text = LLAMA3 / "tokenizer.model", SHARED / "data/text/tinyshakespeare.txt"
    encode = f"{PUNA} tokenizer encode {model} {text}"
    puna("tokenizer", "encode", model, text, "--output", folder / "expected")

    def shell(command):
        return subprocess.run(command, shell=True, capture_output=True, text=True)
    for streams in ("2>&-", ">&-", "<&-", "<&- >&- 2>&-"):
        result = shell(f"{encode} --output {folder}/encoded {streams}")
        assert (result.returncode, result.stderr.splitlines()[1:]) == (0, []) and (folder / "encoded").read_bytes() == (folder / "expected").read_bytes(), (streams, result)
        (folder / "encoded").unlink()
    (folder / "words").write_text("to be or not to be, that is the question\n" * 50)
    puna("tokenizer", "train", folder / "words", "--vocabulary", 280, "--output", folder / "words-tokenizer")
    puna("data", "pack", folder / "words", "--tokenizer", folder / "words-tokenizer", "--output", folder / "packed")
    result = shell(f"{PUNA} train --data {folder}/packed --output {folder}/trained --steps 2 --batch 1 --length 32 --context 32 --dim 32 --layers 1 --heads 2 "
                   "--kv-heads 2 --ffn 32 --warm-up 1 <&- 2>&-")                # prints progress while a lock and the metrics file are open
    assert result.returncode == 0 and [json.loads(line)["step"] for line in (folder / "trained/metrics.jsonl").open()] == [1, 2], result
    result = shell(f"{encode} >&-")                     # the stream of the results
    assert result.returncode == 1 and result.stderr.startswith("puna: standard output: ") and result.stderr.count("\n") == 1, result
    result = shell(f"{PUNA} tokenizer encode {model} <&-")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1) and "cannot read" in result.stderr, result


with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    help_and_wrong_usage()
    help_pages_explain_every_option()
    mistakes_are_answered_with_the_option_and_a_remedy(folder)
    arguments_are_read_as_elsewhere()
    letters_stand_for_the_same_flag_everywhere()
    advice_helps()
    continuations_are_what_their_seeds_give_alone()
    pieces_of_a_text_are_shown(folder)
    tokenizers_are_shown()
    (folder / "new").mkdir()
    examples_of_the_help_run(folder / "new")
    stop_texts_may_be_repeated_and_be_anything()
    outputs_are_overwritten_only_if_forced(folder / "new")
    version_names_the_build()
    check_lists_the_table_of_each_kernel()
    closed_pipes_are_not_errors()
    if not SHARED.exists():             # for the rest
        print("skipped: ../shared is missing")
        sys.exit(77)
    golden_errors_are_within_their_tolerance()
    logits_do_not_depend_on_chunks(folder)
    logits_reject_invalid_input(folder)
    tokenizer_encodes_and_decodes(folder)
    metas_tokenizer_is_shown()
    output_follows_links_and_keeps_devices(folder)
    closed_streams_are_not_reused_for_files(folder)
