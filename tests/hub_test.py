#!/usr/bin/python3
"""puna pull from a local hub (tests/test_hub.py) that answers as the real one, and that cuts connections, answers slowly and
lies; killed at every disk call, on a full disk, twice at once. usage: hub_test.py PUNA [TEST]"""
import concurrent.futures
import contextlib
import errno
import inspect
import json
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import failing_disk
from test_hub import HTML, TestHub, git_id, sha256

PUNA = sys.argv[1]
ROOT = pathlib.Path(__file__).resolve().parent
IMPATIENT = {"HF_HUB_DOWNLOAD_TIMEOUT": "1"}     # of a connection that says nothing
SMALL = {"README.md": b"# Card\n", "config.json": b'{"model_type": "llama"}', "tokenizer.json": b'{"version": "1.0"}', "empty.json": b""}


def content(size, seed=1):
    return random.Random(seed).randbytes(size)


STARTER = {path.name: path.read_bytes() for path in (ROOT.parent / "models/starter").iterdir()}
WEIGHTS = content(300_000)
BIG = content(40_000_000)           # three pieces


@contextlib.contextmanager
def hub_and_cache(weights=WEIGHTS, small=SMALL, **options):
    with TestHub(**options) as hub, tempfile.TemporaryDirectory() as scratch:
        hub.add("owner/name", {**small, "model.safetensors": weights, "pytorch_model.bin": weights})
        yield hub, pathlib.Path(scratch)
        assert not hub.errors, hub.errors


def command(*arguments):
    return [PUNA, "pull", *arguments]


def pull(hub, cache, *arguments, name="owner/name", token=None, env={}, **options):
    return subprocess.run(command(name, *arguments), env=hub.environment(cache, token, **env), capture_output=True, text=True, timeout=120, **options)


def pull_well(*arguments, **options):
    result = pull(*arguments, **options)
    assert result.returncode == 0, result
    return pathlib.Path(result.stdout.strip())


def expect_failure(result, *words):
    assert failing_disk.FailingDisk.is_one_clear_line(result) and result.stdout == "", result
    for word in words:
        assert word in result.stderr, (word, result.stderr)


def repository(cache, name="owner/name"):
    return cache / "hub" / f"models--{name.replace('/', '--')}"


def blobs(cache, name="owner/name"):
    return sorted(path.name for path in (repository(cache, name) / "blobs").glob("*"))


def expect_whole(hub, cache, weights=WEIGHTS, revision="main"):
    """The model is there as others expect it, and nothing else is."""
    folder, commit = repository(cache), hub.repositories["owner/name"].refs[revision]
    assert (folder / "refs" / revision).read_bytes() == commit.encode()
    files = {name: data for name, data in hub.repositories["owner/name"].commits[commit].items() if name != "pytorch_model.bin"}
    assert files["model.safetensors"] == weights
    found = {path.name: path for path in (folder / "snapshots" / commit).iterdir()}
    assert found.keys() == files.keys(), found
    for name, expected in files.items():
        blob = hub.repositories["owner/name"].etag(expected)
        assert os.readlink(found[name]) == f"../../blobs/{blob}", name
        assert found[name].read_bytes() == expected, name
    expect_only_whole_blobs(cache)
    claims = list((cache / "hub/.locks").rglob("*.claim"))
    assert not claims, claims


def expect_only_whole_blobs(cache):
    for name in blobs(cache):
        data = (repository(cache) / "blobs" / name).read_bytes()
        assert name in (git_id(data), sha256(data)), name


def served(hub):
    """Bytes of the weights that the storage was asked for."""
    return sum((request.range()[1] or len(BIG)) - request.range()[0] + 1 for request in hub.seen("cdn", "GET"))


def a_pulled_model_lies_where_other_tools_look():
    with hub_and_cache() as (hub, cache):
        result = pull(hub, cache)
        folder = repository(cache) / "snapshots" / hub.repositories["owner/name"].refs["main"]
        assert result.returncode == 0 and result.stdout == f"{folder}\n", result
        assert re.search(r"owner/name: 5 files, 300\.0 kB, of which 300\.0 kB were fetched in \d+ s", result.stderr), result
        expect_whole(hub, cache)
        assert (cache / "hub/CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
        assert sorted(path.name for path in (cache / "hub/.locks/models--owner--name").iterdir()) == sorted(f"{blob}.lock" for blob in blobs(cache))
        before = len(hub.requests)
        result = pull(hub, cache, "--json")
        report = json.loads(result.stdout)
        assert report["path"] == str(folder) and report["fetched_bytes"] == 0 and len(report["files"]) == 5, report
        assert not hub.seen(path="resolve")[before:] and all("/api/models/" in request.path for request in hub.requests[before:])


def what_others_downloaded_is_not_fetched_again():
    with hub_and_cache() as (hub, cache):
        commit, folder = hub.repositories["owner/name"].refs["main"], repository(cache)
        (folder / "blobs").mkdir(parents=True)
        (folder / "snapshots" / commit).mkdir(parents=True)
        (folder / "refs").mkdir()
        (folder / "refs/main").write_text(commit)
        for name, data in {**SMALL, "model.safetensors": WEIGHTS, "pytorch_model.bin": WEIGHTS}.items():
            blob = hub.repositories["owner/name"].etag(data)
            (folder / "blobs" / blob).write_bytes(data)
            (folder / "snapshots" / commit / name).symlink_to(f"../../blobs/{blob}")
        pull_well(hub, cache)
        assert not hub.seen(path="resolve")
        (folder / "snapshots" / commit / "model.safetensors").unlink()         # the blob is still there
        pull_well(hub, cache)
        assert not hub.seen(path="resolve")
        (folder / "blobs" / sha256(WEIGHTS)).write_bytes(WEIGHTS[:-1])         # a full disk left this behind
        pull_well(hub, cache)
        assert len(hub.seen("cdn", "GET")) == 1
        # An unfinished download of another tool is no blob, whatever its length.
        (folder / "blobs" / sha256(WEIGHTS)).rename(folder / "blobs" / f"{sha256(WEIGHTS)}.incomplete")
        pull_well(hub, cache)
        assert len(hub.seen("cdn", "GET")) == 2


def without_a_network_the_cache_is_used():
    with hub_and_cache() as (hub, cache):
        expect_failure(pull(hub, cache, env={"HF_HUB_OFFLINE": "1"}), "HF_HUB_OFFLINE")
        assert not hub.requests
        folder = pull_well(hub, cache)
        before = len(hub.requests)
        result = pull(hub, cache, env={"HF_HUB_OFFLINE": "yes"})
        assert result.stdout == f"{folder}\n" and "using what was downloaded before" in result.stderr, result
        assert len(hub.requests) == before
        commit = hub.repositories["owner/name"].refs["main"]
        assert pull_well(hub, cache, "--revision", commit) == folder            # a commit never changes
        assert len(hub.requests) == before
        hub.fault("hub", "status", status=503)
        result = pull(hub, cache, env={"PUNA_HUB_ATTEMPTS": "1"})
        assert result.stdout == f"{folder}\n" and result.returncode == 0, result
    with hub_and_cache() as (hub, cache):
        for server in hub.servers.values():
            server.shutdown()
            server.server_close()
        expect_failure(pull(hub, cache, env={"PUNA_HUB_ATTEMPTS": "1"}), "cannot be reached")


def the_token_is_sent_to_the_hub_only():
    for same_name in (False, True):         # the storage on another host, or on another port of the same one
        with hub_and_cache(BIG if same_name else WEIGHTS, same_name=same_name) as (hub, cache):
            hub.repositories["owner/name"].private, hub.repositories["owner/name"].access = True, {"me"}
            pull_well(hub, cache, token="hf_valid")
            assert hub.seen("cdn") and not any("authorization" in request.headers for request in hub.seen("cdn"))
            assert all(request.headers["authorization"] == "Bearer hf_valid" for request in hub.seen("hub"))
    with hub_and_cache() as (hub, cache):
        (cache / "token").write_text("hf_valid\n")
        pull_well(hub, cache)
        assert all(request.headers["authorization"] == "Bearer hf_valid" for request in hub.seen("hub"))
        shutil.rmtree(cache / "hub")
        before = len(hub.requests)
        pull_well(hub, cache, env={"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"})
        assert not any("authorization" in request.headers for request in hub.requests[before:])
        pull_well(hub, cache, "--token", "hf_other", "--cache", str(cache / "elsewhere"))
        assert hub.requests[-1].headers["authorization"] == "Bearer hf_other"


def the_token_does_not_follow_a_redirect_or_a_page():
    with hub_and_cache() as (hub, cache), TestHub() as stranger:
        hub.fault("hub", "redirect", path="config.json", to=f"{stranger.endpoint}/x/config.json")
        expect_failure(pull(hub, cache, token="hf_valid", env={"PUNA_HUB_ATTEMPTS": "1"}), "owner/name", "status 404")
        assert stranger.requests and not any("authorization" in request.headers for request in stranger.requests)
        hub.faults.clear()
        stranger.requests.clear()
        hub.link_origin = stranger.endpoint
        expect_failure(pull(hub, cache, token="hf_valid"), "leads to another server")
        assert not stranger.requests
        hub.link_origin = "https://huggingface.co"              # a mirror that repeats what it mirrors
        pull_well(hub, cache)
        expect_whole(hub, cache)


def refusals_say_what_to_do():
    with hub_and_cache() as (hub, cache):
        expect_failure(pull(hub, cache, name="owner/none"), "owner/none is not there, or is private", "HF_TOKEN")
        expect_failure(pull(hub, cache, name="owner/none", token="hf_valid"), "owner/none is not there, or the token may not see it")
        expect_failure(pull(hub, cache, token="hf_wrong"), "does not accept this token")
        expect_failure(pull(hub, cache, "--revision", "v9"), "owner/name has no branch, tag or commit 'v9'")
        expect_failure(pull(hub, cache, name="owner/name:nothing.gguf"), "owner/name has no file 'nothing.gguf'")
        expect_failure(pull(hub, cache, name="owner/name:q4_k_m"), "owner/name has no GGUF files")
        gated = hub.add("owner/gated", SMALL | {"model.safetensors": WEIGHTS}, gated="auto", access={"me"})
        expect_failure(pull(hub, cache, name="owner/gated"), "owner/gated is gated", f"{hub.endpoint}/owner/gated", "HF_TOKEN")
        expect_failure(pull(hub, cache, name="owner/gated", token="hf_other"), "this token's account has no access yet")
        pull_well(hub, cache, name="owner/gated", token="hf_valid")
        gated.disabled = True
        expect_failure(pull(hub, cache, name="owner/gated", token="hf_valid"), "Access to this resource is disabled.")
        for name in ("name", "owner/name/more", "../owner", "owner/na me"):
            result = pull(hub, cache, name=name)
            assert result.returncode == 2 and "is not the name of a model" in result.stderr, result


def in_a_terminal(hub, cache, arguments, answer):
    """Standard input and error of a program are a terminal, in which somebody answers a question. The exit code, what was shown, and
    standard output."""
    here, there = pty.openpty()
    process = subprocess.Popen([PUNA, *arguments], env=hub.environment(cache, TERM="dumb"), stdin=there, stderr=there, stdout=subprocess.PIPE, text=True)
    os.close(there)
    shown = ""
    with contextlib.suppress(OSError):                      # the terminal ends with the program
        while True:
            shown += os.read(here, 10_000).decode()
            if "? [" in shown and answer:
                os.write(here, answer.encode())
                answer = ""
    os.close(here)
    return process.wait(), shown, process.stdout.read()


def a_name_that_is_not_here_is_pulled_after_one_question():
    with hub_and_cache() as (hub, cache):
        hub.add("owner/starter", STARTER, card={"license": "cc0-1.0"})
        generate = ["generate", "owner/starter", "Once", "-n", "3", "--temperature", "0", "--json"]
        def run(*more, **env):
            return subprocess.run([PUNA, *generate, *more], env=hub.environment(cache, **env), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        expect_failure(run(), "owner/starter: no such file or folder", "'puna pull owner/starter' downloads it")
        assert not hub.requests
        code, shown, _ = in_a_terminal(hub, cache, generate, "n\n")
        assert code == 1 and "owner/starter is not here. Download it (11.1 MB, license cc0-1.0)? [Y/n]" in shown, shown
        assert "owner/starter: is not here, and is not to be downloaded" in shown and not hub.seen(path="resolve"), shown
        code, shown, output = in_a_terminal(hub, cache, generate, "\n")
        assert code == 0 and len(json.loads(output)["ids"]) == 3, (shown, output)
        before = len(hub.requests)
        again = run(HF_HUB_OFFLINE="1")
        assert json.loads(again.stdout)["ids"] == json.loads(output)["ids"] and len(hub.requests) == before, again
        shutil.rmtree(cache / "hub")
        result = run("-y")
        assert json.loads(result.stdout)["ids"] == json.loads(output)["ids"], result
        assert result.stderr.startswith("owner/starter is not here: downloading it (11.1 MB, license cc0-1.0)\n"), result
        expect_failure(subprocess.run([PUNA, "show", "-y", "owner/none"], env=hub.environment(cache), capture_output=True, text=True), "owner/none is not there, or is private")


def offered(hub, cache, key, until, **env):
    return hub.in_a_terminal([PUNA, "chat", "models/starter", "--offer"], cache, key, until, PUNA_HUB_ATTEMPTS="1", **env)


def a_larger_model_is_offered_for_one_key():
    names = re.findall(r'{"([^":]+/[^":]+)-GGUF:Q4_K_M"', (ROOT.parent / "src/library/well_known.cpp").read_text())
    greeting, question = r"starter: \d", "A larger model fits in the memory"
    with hub_and_cache() as (hub, cache):
        if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 3 << 30:
            return                                          # nothing larger fits
        assert question not in offered(hub, cache, "", greeting)                    # the hub has none of them
        for name in names:
            hub.add(f"{name}-GGUF", {f"{name.split('/')[1]}-Q4_K_M.gguf": b"GGUF" + bytes(20_000)}, card={"license": "llama9"})
        shown = offered(hub, cache, "n", greeting)
        assert re.search(rf"{question}: bartowski/[\w.-]+-GGUF:Q4_K_M, 20\.0 kB, license llama9\.", shown), shown
        assert not hub.seen(path="resolve")
        hub.fault("cdn", "status", status=404)
        assert "going on with models/starter" in offered(hub, cache, "y", greeting)
        hub.faults.clear()
        assert re.search(r"/hub/models--bartowski--[\w.-]+/snapshots/\w+/[\w.-]+-Q4_K_M\.gguf: ", offered(hub, cache, "y", r"puna: .*gguf: "))     # it is no model
        assert "is here: y chats with it" in offered(hub, cache, "n", greeting, HF_HUB_OFFLINE="1")
        shutil.rmtree(cache / "hub")
        assert question not in offered(hub, cache, "", greeting, HF_HUB_OFFLINE="1")
        hub.fault("hub", "silent", seconds=30)
        begin = time.monotonic()
        assert question not in offered(hub, cache, "", greeting) and time.monotonic() - begin < 20
        before = len(hub.requests)
        result = subprocess.run([PUNA, "chat", "models/starter", "--offer", "-n", "1"], env=hub.environment(cache), input="Hello!\n", capture_output=True, text=True)
        assert result.returncode == 0 and len(hub.requests) == before, result       # nobody to ask
        for server in hub.servers.values():
            server.shutdown()
            server.server_close()
        assert question not in offered(hub, cache, "", greeting)


def missing_files_are_noted_for_others():
    with hub_and_cache() as (hub, cache):
        pull_well(hub, cache)
        expect_failure(pull(hub, cache, name="owner/name:nothing.gguf"))
        note = repository(cache) / ".no_exist" / hub.repositories["owner/name"].refs["main"] / "nothing.gguf"
        assert note.read_bytes() == b""


def renamed_repositories_are_followed():
    with hub_and_cache() as (hub, cache):
        hub.renamed["owner/old"] = "owner/name"
        assert "models--owner--old" in str(pull_well(hub, cache, name="owner/old"))
        pull_well(hub, cache, name="OWNER/NAME")


def failures_that_pass_are_tried_again():
    passing = [("hub", "status", {"status": 503}), ("hub", "close", {}), ("hub", "status", {"status": 429, "headers": {"RateLimit": '"api";r=0;t=0'}}),
               ("hub", "status", {"status": 429, "body": HTML, "headers": {"Content-Type": "text/html", "Retry-After": "0"}}),
               ("cdn", "status", {"status": 502}), ("cdn", "close", {}), ("cdn", "status", {"status": 403}), ("cdn", "silent", {"seconds": 3})]
    for origin, kind, options in passing:
        with hub_and_cache() as (hub, cache):
            hub.fault(origin, kind, times=2, skip=1 if origin == "hub" else 0, **options)
            pull_well(hub, cache, env=IMPATIENT)
            expect_whole(hub, cache)
    with hub_and_cache() as (hub, cache):
        hub.fault("hub", "status", status=429, body=HTML, headers={"Content-Type": "text/html"})
        expect_failure(pull(hub, cache, env={"PUNA_HUB_ATTEMPTS": "2"}), "limits the number of requests", "with a token")
        hub.faults.clear()
        hub.fault("cdn", "status", status=403)
        expect_failure(pull(hub, cache, env={"PUNA_HUB_ATTEMPTS": "2"}), "status 403")
        expect_only_whole_blobs_but_parts(cache)


def expect_only_whole_blobs_but_parts(cache):
    for name in blobs(cache):
        assert ".puna." in name or name.endswith(".new") or name in (git_id(data := (repository(cache) / "blobs" / name).read_bytes()), sha256(data)), name


def broken_transfers_go_on_where_they_stopped():
    faults = [("cut", {"after": 1000}), ("cut", {"after": 0}), ("cut_chunked", {"after": 100_000}), ("stall", {"after": 200_000, "seconds": 3}),
              ("slow", {"after": 290_000, "pause": 1}), ("wrong_start", {}), ("expired", {})]
    for kind, options in faults:
        with hub_and_cache() as (hub, cache):
            hub.fault("cdn", kind, times=2, **options)
            pull_well(hub, cache, env=IMPATIENT)
            expect_whole(hub, cache)
            first = [request.range()[0] for request in hub.seen("cdn", "GET")]
            assert len(first) > 1 and first == sorted(first), (kind, first)
            assert first[1] >= options.get("after", 0), (kind, first)
    with hub_and_cache(BIG) as (hub, cache):                # in parallel
        hub.fault("cdn", "cut", times=6, after=5_000_000)
        pull_well(hub, cache)
        expect_whole(hub, cache, BIG)
        assert served(hub) < 6 * len(BIG)


def progress_shows_bytes_rate_and_time_left():
    with hub_and_cache(BIG) as (hub, cache):
        hub.fault("cdn", "stall", after=6_000_000, seconds=8)
        hub.in_a_terminal(command("owner/name"), cache, "", r"owner/name \[#+\.+\] \d+%  [\d.]+ MB  [\d.]+ MB/s  \d+ s left")


def servers_without_ranges_are_understood():
    for kind in ("no_range", "range_200"):
        with hub_and_cache(BIG) as (hub, cache):
            hub.fault("cdn", kind)
            pull_well(hub, cache)
            expect_whole(hub, cache, BIG)
    with hub_and_cache(BIG) as (hub, cache):                # appending what begins anew would be wrong
        hub.fault("cdn", "no_range", times=2)
        hub.fault("cdn", "cut", times=1, after=30_000_000)
        pull_well(hub, cache)
        expect_whole(hub, cache, BIG)


def lies_are_found():
    lies = {"wrong_bytes": "SHA-256", "short": "the hub's list says", "long": "the hub's list says"}
    for kind, words in lies.items():
        with hub_and_cache() as (hub, cache):
            hub.fault("cdn", kind)
            expect_failure(pull(hub, cache), "owner/name: model.safetensors", words)
            assert sha256(WEIGHTS) not in blobs(cache) and not (repository(cache) / "refs/main").exists()
            hub.faults.clear()
            pull_well(hub, cache)                           # nothing of it is trusted now
            expect_whole(hub, cache)
    with hub_and_cache() as (hub, cache):
        hub.fault("hub", "wrong_bytes", path="config.json")
        expect_failure(pull(hub, cache), "owner/name: config.json", "git SHA-1")
    metadata = [{"X-Linked-Size": "7"}, {"X-Linked-ETag": '"../../../x"'}, {"X-Linked-ETag": f'"{"0" * 64}"'}, {"X-Repo-Commit": "0" * 40}]
    for headers in metadata:
        with hub_and_cache() as (hub, cache):
            hub.fault("hub", "metadata", path="model.safetensors", **headers)
            expect_failure(pull(hub, cache), "owner/name: model.safetensors: the hub")
            assert sha256(WEIGHTS) not in blobs(cache)


def nothing_is_written_outside_the_cache():
    def entry(path="x.json", oid="1" * 40, size=3, **more):
        return {"type": "file", "path": path, "oid": oid, "size": size, **more}
    hostile = [entry(path) for path in ("../../../../outside.json", "/tmp/outside.json", "a/../../outside.json", "C:outside.json", "a\\..\\..\\outside.json", "x\n.json", "")]
    hostile += [entry(oid=oid) for oid in ("../../../outside", "1" * 39, "", 7)] + [entry(size=size) for size in (-1, 1 << 70, "3", None)]
    hostile += [entry(lfs={"oid": "../outside", "size": 3}), entry(lfs={"oid": "1" * 40, "size": 3}), {"type": "file"}, "text", {"type": "file", "path": "x.json", "size": 1}]
    for entries in hostile:
        with hub_and_cache() as (hub, cache):
            hub.fault("hub", "entry", path="/tree/", entries=[entries])
            expect_failure(pull(hub, cache), "/api/models/owner/name/tree/")
            assert not list(cache.rglob("*outside*")) and not (cache.parent / "outside.json").exists()
    with hub_and_cache() as (hub, cache):                   # a folder that is a file, a name that is a link
        hub.fault("hub", "entry", path="/tree/", entries=[entry("config.json/x.json", git_id(b"abc"))])
        hub.repositories["owner/name"].commits[hub.repositories["owner/name"].refs["main"]]["config.json/x.json"] = b"abc"
        pull(hub, cache)
        assert not list(cache.rglob("*outside*"))
    for size, words in ((1 << 44, ("are needed and", "are free", "HF_HUB_CACHE")), ((1 << 63) - 1, ("[0].size", "must be 0 to"))):
        with hub_and_cache() as (hub, cache):
            hub.fault("hub", "entry", path="/tree/", entries=[entry("model-huge.json", "2" * 40, size)])
            expect_failure(pull(hub, cache), *words)
            assert blobs(cache) == []


def redirects_end():
    with hub_and_cache() as (hub, cache):
        commit = hub.repositories["owner/name"].refs["main"]
        for target in (f"/owner/name/resolve/{commit}/config.json", f"{hub.endpoint}/owner/name/resolve/{commit}/config.json"):
            hub.faults.clear()
            hub.fault("hub", "redirect", path="config.json", to=target)
            expect_failure(pull(hub, cache), "redirects in a circle")
        for target in ("file:///etc/passwd", "ftp://localhost/x", "http://user:password@localhost/"):
            hub.faults.clear()
            hub.fault("hub", "redirect", path="config.json", to=target)
            expect_failure(pull(hub, cache))


def a_branch_that_moves_meanwhile_is_not_mixed():
    with hub_and_cache() as (hub, cache):
        repository_there = hub.repositories["owner/name"]
        first = repository_there.refs["main"]
        hub.on_request = lambda request: "/tree/" in request.path and len(repository_there.commits) == 1 and repository_there.commit({**SMALL, "config.json": b'{"other": 1}', "model.safetensors": WEIGHTS[::-1]})
        assert pull_well(hub, cache).name == first
        assert (repository(cache) / "refs/main").read_text() == first
        hub.on_request = None
        pull_well(hub, cache)
        expect_whole_commit = repository_there.refs["main"]
        assert (repository(cache) / "refs/main").read_text() == expect_whole_commit != first
        assert (repository(cache) / "snapshots" / expect_whole_commit / "model.safetensors").read_bytes() == WEIGHTS[::-1]


def revisions_have_refs_of_their_own():
    with hub_and_cache() as (hub, cache):
        there = hub.repositories["owner/name"]
        there.commit({**SMALL, "model.safetensors": WEIGHTS[::-1]}, "refs/pr/1")
        there.commit({**SMALL, "model.safetensors": WEIGHTS}, "v1.0")
        pull_well(hub, cache, "--revision", "refs/pr/1")
        assert (repository(cache) / "refs/refs/pr/1").read_text() == there.refs["refs/pr/1"]
        assert "/revision/refs%2Fpr%2F1" in hub.requests[0].path
        pull_well(hub, cache, "--revision", "v1.0")
        commit = there.refs["main"]
        pull_well(hub, cache, "--revision", commit)
        assert sorted(str(path.relative_to(repository(cache))) for path in (repository(cache) / "refs").rglob("*") if path.is_file()) == ["refs/refs/pr/1", "refs/v1.0"]


def gguf_files_are_chosen_by_type():
    with hub_and_cache() as (hub, cache):
        names = ["m-Q4_K_M.gguf", "m-Q8_0.gguf", "big/m-F16-00001-of-00002.gguf", "big/m-F16-00002-of-00002.gguf", "mmproj-F16.gguf"]
        hub.add("owner/gguf", {"README.md": b"# x", **{name: content(20_000, name) for name in names}})
        for selector, file in (("", names[0]), (":q8_0", names[1]), (":f16", names[2]), (":mmproj-F16.gguf", names[4])):
            path = pull_well(hub, cache, name="owner/gguf" + selector)
            assert path.read_bytes() == content(20_000, file) and str(path).endswith(file), path
        assert (path.parent / names[3]).exists()                # split files are pulled whole
        expect_failure(pull(hub, cache, name="owner/gguf:q2_k"), "no GGUF file of type q2_k", "m-Q8_0.gguf")


def expect_resumed(hub, cache, weights):
    before = len(hub.seen("cdn", "GET"))
    pull_well(hub, cache)
    expect_whole(hub, cache, weights)
    return sum(request.range()[1] - request.range()[0] + 1 for request in hub.seen("cdn", "GET")[before:])


def a_killed_pull_goes_on_later():
    for how in (signal.SIGKILL, signal.SIGINT):
        with hub_and_cache(BIG) as (hub, cache):
            hub.fault("cdn", "stall", after=6_000_000, seconds=20)
            process = subprocess.Popen(command("owner/name"), env=hub.environment(cache, HF_HUB_DOWNLOAD_TIMEOUT="60"), stderr=subprocess.PIPE, text=True)
            pieces = repository(cache) / "blobs" / f"{sha256(BIG)}.puna.pieces"
            while not pieces.exists() or sum(int.from_bytes(pieces.read_bytes()[at:at + 8], "little") for at in range(24, 48, 8)) < 3 * 6_000_000:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.02)
            process.send_signal(how)
            process.wait()
            output = process.stderr.read()
            assert process.returncode == (-9 if how == signal.SIGKILL else 130), (process.returncode, output)
            if how == signal.SIGINT:
                assert output == "puna: stopped; the same command goes on from here\n", output
            hub.faults.clear()
            assert expect_resumed(hub, cache, BIG) == len(BIG) - 3 * 6_000_000


def a_pull_may_be_killed_at_any_call():
    with hub_and_cache(WEIGHTS[:20_000], {"config.json": b"{}"}) as (hub, cache):
        disk = failing_disk.FailingDisk(cache)
        environment = hub.environment(cache)
        for n in range(1, disk.count(command("owner/name"), "any", env=environment) + 1):
            shutil.rmtree(cache / "hub")
            assert disk.run(command("owner/name"), "any", n, how="kill", env=environment).returncode == -9, n
            folder = repository(cache)
            if (folder / "blobs").exists():
                expect_only_whole_blobs_but_parts(cache)
            assert not (folder / "refs/main").exists() or (folder / "refs/main").read_text() == hub.repositories["owner/name"].refs["main"]
            pull_well(hub, cache)
            expect_whole(hub, cache, WEIGHTS[:20_000])


def any_disk_call_may_fail():
    with hub_and_cache(WEIGHTS[:20_000], {"config.json": b"{}"}) as (hub, cache):
        disk = failing_disk.FailingDisk(cache)
        environment = hub.environment(cache, PUNA_DISK_ERROR=str(errno.ENOSPC))
        for call in ("write", "fsync", "rename", "mkdir", "symlink", "fallocate"):
            shutil.rmtree(cache / "hub", ignore_errors=True)
            for n in range(1, disk.count(command("owner/name"), call, env=environment) + 1):
                shutil.rmtree(cache / "hub", ignore_errors=True)
                result = disk.run(command("owner/name"), call, n, env=environment)
                if call == "fsync" and result.returncode == 0:      # of a folder, after everything
                    continue
                expect_failure(result, "No space left on device")
                pull_well(hub, cache)
                expect_whole(hub, cache, WEIGHTS[:20_000])


def a_full_disk_is_found_before_anything_is_fetched():
    with hub_and_cache(BIG) as (hub, cache):
        (cache / "disk").mkdir()
        script = ["env", *(f"{key}={value}" for key, value in hub.environment(cache).items() if key.startswith(("HF_", "NO_"))), *command("owner/name", "--cache", str(cache / "disk"))]
        result = failing_disk.on_a_full_disk(script, 30 << 20, str(cache / "disk"))
        if result is None:
            return
        expect_failure(result, "owner/name: 40.0 MB and 16.8 MB to spare are needed and", "are free in", "HF_HUB_CACHE")
        assert not hub.seen(path="resolve")


def file_systems_without_links_hold_the_files_themselves():
    with hub_and_cache() as (hub, cache):
        disk = failing_disk.FailingDisk(cache)
        environment = hub.environment(cache, PUNA_DISK_ERROR=str(errno.EPERM))
        assert disk.run(command("owner/name"), "symlink", 1, env=environment).returncode == 0
        snapshot = repository(cache) / "snapshots" / hub.repositories["owner/name"].refs["main"]
        assert (snapshot / "model.safetensors").read_bytes() == WEIGHTS and not (snapshot / "model.safetensors").is_symlink()
        assert blobs(cache) == []
        before = len(hub.seen("cdn"))
        assert disk.run(command("owner/name"), "symlink", 1, env=environment).returncode == 0
        assert len(hub.seen("cdn")) == before


def pulls_at_once_do_the_work_once():
    library = os.environ["PUNA_NO_FLOCK_LIBRARY"]
    for environment in ({}, {"LD_PRELOAD": library}, {"LD_PRELOAD": library, "PUNA_NO_FLOCK": "missing"}):
        with hub_and_cache(BIG) as (hub, cache):
            def all_have_begun(request):
                """The storage answers when all processes know what they want."""
                while request.origin == "cdn" and len(hub.seen(path="cursor=3")) < 3:
                    time.sleep(0.05)
            hub.on_request = all_have_begun
            processes = [subprocess.Popen(command("owner/name"), env=hub.environment(cache, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
            outputs = [process.communicate(timeout=60) for process in processes]
            assert [process.returncode for process in processes] == [0, 0, 0], outputs
            assert len({output for output, _ in outputs}) == 1, outputs
            expect_whole(hub, cache, BIG)
            assert served(hub) == len(BIG), (environment, served(hub) / len(BIG))


def certificates_are_checked():
    authority = ROOT / "localhost.pem"
    with hub_and_cache(tls=authority) as (hub, cache):
        expect_failure(pull(hub, cache), "its certificate cannot be verified", "CURL_CA_BUNDLE")
        assert not hub.requests
        pull_well(hub, cache, token="hf_valid", env={"CURL_CA_BUNDLE": str(authority)})
        expect_whole(hub, cache)
        assert not any("authorization" in request.headers for request in hub.seen("cdn"))       # from https to http


def timed(test):
    begin = time.monotonic()
    test()
    if os.environ.get("PUNA_TIMES"):
        print(f"{time.monotonic() - begin:6.2f} s  {test.__name__}", flush=True)


def main():
    tests = [test for test in globals().values() if inspect.isfunction(test) and test.__module__ == "__main__" and not inspect.signature(test).parameters and test is not main]
    chosen = [test for test in tests if len(sys.argv) < 3 or test.__name__ == sys.argv[2]]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:      # they mostly wait
        for test, result in [(test, pool.submit(timed, test)) for test in chosen]:
            try:
                result.result()
            except BaseException:
                print(f"{test.__name__} failed", file=sys.stderr)
                raise
    failing_disk.exit_with_skips()


main()
