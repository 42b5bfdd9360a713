#!/usr/bin/python3
"""cmake --install: exactly the expected files, which work from any prefix; and the commit that the program names.
usage: deploy_test.py BUILD"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILD, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path.cwd()
MODEL = ["README.md", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
EXPECTED = {"bin/puna", "share/man/man1/puna.1", "share/bash-completion/completions/puna", "share/zsh/site-functions/_puna",
            "share/fish/vendor_completions.d/puna.fish", "share/doc/puna/LICENSE", *(f"share/puna/models/starter/{name}" for name in MODEL),
            *(f"share/puna/{path}" for path in pathlib.Path("recipes").rglob("*") if path.suffix in (".toml", ".jsonl"))}


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True, **options).stdout


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def installed_files_work_from_any_prefix(folder):
    prefix = folder / "some where"
    run("cmake", "--install", BUILD, "--prefix", prefix)
    assert files_below(prefix) == EXPECTED, files_below(prefix) ^ EXPECTED
    puna, share = prefix / "bin/puna", prefix / "share"
    for path, arguments in {"man/man1/puna.1": ["man"], "bash-completion/completions/puna": ["completion", "bash"],
                            "zsh/site-functions/_puna": ["completion", "zsh"], "fish/vendor_completions.d/puna.fish": ["completion", "fish"]}.items():
        assert (share / path).read_text() == run(puna, *arguments), path
    answer = run(puna, "chat", share / "puna/models/starter", "--temperature", 0, cwd=folder, input="Hello!\n")
    assert answer.startswith("H"), answer


def destdir_is_a_folder_for_packaging(folder):
    run("cmake", "--install", BUILD, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(folder / "stage")})
    assert files_below(folder / "stage/usr") == EXPECTED and files_below(folder / "stage") == {f"usr/{path}" for path in EXPECTED}


def commit_of(source, folder):
    run("cmake", "-D", f"SOURCE={source}", "-D", f"OUTPUT={folder}/commit.cpp", "-P", SOURCE / "cmake/commit.cmake")
    return (folder / "commit.cpp").read_text().split('commit = "')[1].split('"')[0]


def the_commit_is_that_of_the_build(folder):
    source = folder / "source"
    (source / "inner").mkdir(parents=True)
    assert commit_of(source, folder) == "unknown"           # a tarball
    settings = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]

    def git(*arguments):
        return run("git", *settings, *arguments, cwd=source).strip()
    git("init", "-q")
    seen = set()
    for text in ("1", "2"):
        (source / "file").write_text(text)
        git("add", "file")
        git("commit", "-q", "-m", "change")
        assert commit_of(source, folder) == git("rev-parse", "--short=10", "HEAD")
        seen.add(commit_of(source, folder))
    assert len(seen) == 2
    written = (folder / "commit.cpp").stat().st_mtime_ns
    commit_of(source, folder)
    assert (folder / "commit.cpp").stat().st_mtime_ns == written       # nothing to compile
    (source / "file").write_text("3")
    assert commit_of(source, folder).endswith("-dirty")
    assert commit_of(source / "inner", folder) == "unknown"            # a tarball in somebody else's repository


with tempfile.TemporaryDirectory() as scratch:
    for test in (installed_files_work_from_any_prefix, destdir_is_a_folder_for_packaging, the_commit_is_that_of_the_build):
        if test == the_commit_is_that_of_the_build and not shutil.which("git"):
            continue
        print(test.__name__.replace("_", " "), flush=True)
        test(pathlib.Path(scratch))
