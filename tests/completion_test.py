#!/usr/bin/python3
"""Completion scripts in the shells themselves. usage: completion_test.py PUNA bash|zsh|fish

Each case is a line as it is typed before the Tab key, and what may follow its last word.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

PUNA, SHELL = os.path.abspath(sys.argv[1]), sys.argv[2]
COMMANDS = set(re.findall(r"^  puna (\w+) ", subprocess.run([PUNA, "help"], capture_output=True, text=True).stdout, re.M)) | {"help"}
FILES = {"models/", "my-text/", "recipe.toml", "story.txt", "mine.gguf"}
# After a colon bash completes only what follows it.
COLON = "puna chat owner/gguf:Q8"
COMMAND = "e-$(touch${IFS}ran).gguf"
CASES = {
    COLON: {"owner/gguf:Q8_0"},
    "puna ": COMMANDS,
    "puna gener": {"generate"},
    "puna data ": {"pack", "show"},
    "puna data sh": {"show"},
    "puna help tok": {"tokenizer"},
    "puna help data pa": {"pack"},
    "puna generate --temper": {"--temperature"},
    "puna generate models --max": {"--max-tokens"},
    "puna generate owner/gguf:Q8_0 --max": {"--max-tokens"},
    "puna train --no-ti": {"--no-tied"},
    "puna check --he": {"--help"},
    "puna man -": {"-h", "--help"},
    "puna logits --type b": {"bf16"},
    "puna logits --type ": {"f32", "bf16", "f16"},
    "puna train --schedule=li": {"linear"},
    "puna train --schedule linear --length 3 --ty": {"--type"},
    "puna bench mach": {"machine"},
    "puna completion f": {"fish"},
    "puna chat m": {"models/", "my-text/", "mine.gguf"},
    "puna chat mo": {"models/"},
    "puna chat own": {"owner/tiny", "owner/gguf:Q4_0", "owner/gguf:Q8_0"},
    "puna chat owner/t": {"owner/tiny"},
    "puna chat evil": {"evil/gguf:Q4_0", "evil/gguf:" + COMMAND},     # which must not run
    "puna rm evil": {"evil/gguf:Q4_0", "evil/gguf:" + COMMAND},
    "puna rm ow": {"owner/tiny", "owner/gguf:Q4_0", "owner/gguf:Q8_0"},
    "puna rm m": set(),
    "puna eval text models st": {"story.txt"},
    "puna eval text --context 5 models st": {"story.txt"},
    "puna data pack story.txt re": {"recipe.toml"},
    "puna data pack --output m": {"models/", "my-text/"},
    "puna data pack -o m": {"models/", "my-text/"},
    "puna generate -s ": set(),
    "puna data pack --tokenizer own": {"owner/tiny", "owner/gguf:Q4_0", "owner/gguf:Q8_0"},
    "puna data pack --encoding own": set(),
    "puna train --from owner/t": {"owner/tiny"},
    "puna eval text models story.txt --against owner/t": {"owner/tiny"},
    "puna generate -n 5 mo": {"models/"},
    "puna train re": {"recipe.toml"},
    "puna generate --seed ": set(),
}


def in_bash(line, script):
    words = re.findall(r"[=:]|[^\s=:]+", line) + ([""] if line[-1] in " =" else [])
    quoted = " ".join(f"'{word}'" for word in words)
    program = f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _puna; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    output = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True)
    assert (output.returncode, output.stderr) == (0, ""), output
    return output.stdout.split()


def in_fish(line, script):
    output = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], capture_output=True, text=True)
    assert (output.returncode, output.stderr) == (0, ""), output
    return [candidate.split("\t")[0].split("=")[-1] for candidate in output.stdout.splitlines()]


def cached_models(cache):
    """A folder and two GGUF files in the hub's cache."""
    for name, files in (("owner--tiny", ("config.json", "model.safetensors")), ("owner--gguf", ("m-Q4_0.gguf", "m-Q8_0.gguf")), ("evil--gguf", ("e-Q4_0.gguf", COMMAND))):
        snapshot = cache / f"models--{name}/snapshots" / ("a" * 40)
        snapshot.mkdir(parents=True)
        for file in files:
            (snapshot / file).touch()


class Terminal:
    """A shell that somebody types into."""

    def __init__(self, *command):
        self.process, self.descriptor = pty.fork()
        if self.process == 0:
            os.execvpe(command[0], command, {**os.environ, "TERM": "vt100", "PS1": "> ", "COLUMNS": "200"})

    def type(self, text, until):
        os.write(self.descriptor, text.encode())
        output, end = "", time.monotonic() + 60
        while not re.search(until, output):
            assert time.monotonic() < end and select.select([self.descriptor], [], [], 60)[0], (text, output)
            output += os.read(self.descriptor, 10000).decode()
        return output

    def close(self):
        os.close(self.descriptor)
        os.waitpid(self.process, 0)


def in_zsh(lines, script):
    """zsh completes only where somebody types. It calls compadd for each group of matches: ours notes them."""
    shell = Terminal("zsh", "-f", "-i")
    shell.type("autoload -U compinit; compinit -u -D; zstyle ':completion:*' list-grouped no; " f"source {script}; print READY$((6*7))\n", "READY42")
    shell.type("compadd() { local -a found; builtin compadd -O found \"$@\"; offered+=(\"${found[@]}\"); builtin compadd \"$@\" }; "
               "report() { zle complete-word; print -r -- \"<${(j: :)offered}|$BUFFER>\"; offered=(); BUFFER= }; "
               "zle -N report; bindkey '^G' report; print READY$((6*7))\n", "READY42")
    for line in lines:
        output = shell.type(line + "\x07", r"<[^<>]*\|[^<>]*>")
        yield line, re.search(r"<([^<>]*)\|", output)[1].split()
    shell.close()


def main():
    if not shutil.which(SHELL):
        print(f"skipped: this system has no {SHELL}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        script = folder / "script"
        (folder / "here").mkdir()
        for name in FILES:
            (folder / "here" / name).mkdir() if name.endswith("/") else (folder / "here" / name).touch()
        script.write_text(subprocess.run([PUNA, "completion", SHELL], capture_output=True, text=True, check=True).stdout)
        cached_models(folder / "hub")
        os.environ.update(HOME=scratch, HF_HUB_CACHE=f"{scratch}/hub", OLLAMA_MODELS=f"{scratch}/none", MODELS_PATH=f"{scratch}/none",
                          PATH=f"{os.path.dirname(PUNA)}:{os.environ['PATH']}")
        os.chdir(folder / "here")
        found = in_zsh(CASES, script) if SHELL == "zsh" else ((line, {"bash": in_bash, "fish": in_fish}[SHELL](line, script)) for line in CASES)
        for line, offered in found:
            offered = {word + "/" * (os.path.isdir(word) and word[-1] != "/") for word in offered}
            expected = {word.split(":")[1] for word in CASES[line]} if (SHELL, line) == ("bash", COLON) else CASES[line]
            assert offered == expected, (line, offered, expected)
        assert not (folder / "here/ran").exists(), "the name of a file was run as a command"


main()
