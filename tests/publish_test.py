#!/usr/bin/python3
"""puna publish to a local hub (tests/test_hub.py): whole files and parts, failures, lost answers, commits of others.
usage: publish_test.py PUNA [TEST]"""
import concurrent.futures
import contextlib
import inspect
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import failing_disk
from test_hub import HTML, TestHub, git_id, sha256

PUNA = sys.argv[1]
WEIGHTS = random.Random(1).randbytes(300_000)
FILES = {"README.md": b"---\nlicense: mit\n---\n# Card\n", "config.json": b"{}", "empty.json": b"", "model.safetensors": WEIGHTS,
         "sub/notes [1].txt": "Größe\n".encode(), "tokenizer.json": b"[]" * 20_000}
HIDDEN = {".cache/x": b"x", ".gitignore": b"*", "checkpoints/step-1/model.safetensors": b"x", "config.json.123.0.new": b"x"}


@contextlib.contextmanager
def hub_and_folder(**options):
    with TestHub(**options) as hub, tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "model"
        for name, content in {**FILES, **HIDDEN}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        yield hub, folder
        assert not hub.errors, hub.errors


def command(folder, *arguments, name="me/model"):
    return [PUNA, "publish", str(folder), name, "--yes", *arguments]


def publish(hub, folder, *arguments, name="me/model", token="hf_valid", env={}):
    return subprocess.run(command(folder, *arguments, name=name), env=hub.environment(folder.parent, token, **env), capture_output=True, text=True, timeout=120)


def publish_well(*arguments, **options):
    result = publish(*arguments, "--json", **options)
    assert result.returncode == 0, result
    return json.loads(result.stdout)


def expect_failure(result, *words):
    assert failing_disk.FailingDisk.is_one_clear_line(result) and result.stdout == "", result
    for word in words:
        assert word in result.stderr, (word, result.stderr)


def published(hub, branch="main", name="me/model"):
    repository = hub.repositories[name]
    return {path: content for path, content in repository.commits[repository.refs[branch]].items() if path != ".gitattributes"}


def uploads(hub):
    return hub.seen("cdn", "PUT")


def a_folder_becomes_a_repository():
    for part_bytes in (0, 65_536):
        with hub_and_folder() as (hub, folder):
            hub.part_bytes = part_bytes
            result = publish(hub, folder)
            assert result.returncode == 0 and result.stdout == f"{hub.endpoint}/me/model\n", result
            assert "6 files published, 340.0 kB sent" in result.stderr, result
            assert published(hub) == FILES
            assert len(uploads(hub)) == (2 if part_bytes == 0 else 6)
            assert not any("authorization" in request.headers for request in hub.seen("cdn"))
            assert not any("authorization" in request.headers for request in hub.seen(path="complete_multipart"))
            assert hub.seen(path="objects/verify") and all(request.headers["authorization"] == "Bearer hf_valid" for request in hub.seen(path="verify"))
            [lines] = hub.commits_seen
            assert lines[0]["key"] == "header" and lines[0]["value"]["summary"] == "Upload with puna"
            assert [line["key"] for line in lines[1:]].count("lfsFile") == 2
            # Again: nothing is sent, nothing is committed.
            result = publish(hub, folder)
            assert result.returncode == 0 and "nothing is new: all 6 files are there" in result.stderr, result
            assert len(hub.commits_seen) == 1 and len(uploads(hub)) == (2 if part_bytes == 0 else 6)
            (folder / "config.json").write_bytes(b'{"new": 1}')
            report = publish_well(hub, folder, "--message", "Second")
            assert [file["path"] for file in report["files"] if file["new"]] == ["config.json"] and report["sent_bytes"] == 0, report
            assert published(hub)["config.json"] == b'{"new": 1}' and hub.commits_seen[1][0]["value"]["summary"] == "Second"
            assert hub.repositories["me/model"].refs["main"] == report["commit"]


def a_link_to_another_folder_is_not_published():
    with hub_and_folder() as (hub, folder):
        (folder.parent / "secret").write_text("s")
        (folder / "LICENSE").symlink_to(folder.parent / "secret")
        expect_failure(publish(hub, folder), "LICENSE: is a link to", "secret, which is not in the folder")
        (folder / "LICENSE").unlink()
        (folder / "LICENSE").symlink_to("config.json")
        publish_well(hub, folder)
        assert published(hub)["LICENSE"] == FILES["config.json"]


def private_repositories_and_pull_requests():
    with hub_and_folder() as (hub, folder):
        publish_well(hub, folder, "--private")
        assert hub.repositories["me/model"].private
        (folder / "config.json").write_bytes(b"[]")
        report = publish_well(hub, folder, "--pull-request")
        assert report["pull_request"] == f"{hub.endpoint}/me/model/discussions/1" == report["url"], report
        assert published(hub)["config.json"] == b"{}" and published(hub, "refs/pr/1")["config.json"] == b"[]"
        for number in range(250):
            (folder / f"extra{number}.txt").write_text(str(number))
        report = publish_well(hub, folder, "--pull-request")
        assert len(published(hub, "refs/pr/2")) == len(FILES) + 250 and "refs/pr/3" not in hub.repositories["me/model"].refs, report
        assert len(hub.commits_seen) == 2 + 3                   # of at most 100 files each


def refusals_say_what_to_do():
    with hub_and_folder() as (hub, folder):
        expect_failure(publish(hub, folder, token=None), "set HF_TOKEN", "/settings/tokens")
        assert not hub.requests
        expect_failure(publish(hub, folder, token="hf_wrong"), "does not accept this token")
        expect_failure(publish(hub, folder, name="somebody/model"), "somebody/model: the hub refuses access", "don't have the rights to create")
        expect_failure(publish(hub, folder / "missing"), "no such folder")
        hub.fault("hub", "lfs_error", message="Your storage is full")
        expect_failure(publish(hub, folder), "me/model", "model.safetensors", "Your storage is full")
        result = subprocess.run(command(folder)[:-1], env=hub.environment(folder.parent, "hf_valid"), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert result.returncode == 2 and "6 files (340.0 kB)" in result.stderr and "--yes is needed" in result.stderr, result
    with hub_and_folder() as (hub, folder):                     # another's repository, which exists
        hub.add("other/model", {"x": b"x"})
        expect_failure(publish(hub, folder, name="other/model"), "other/model", "don't have the rights to write")


def broken_uploads_are_sent_again():
    faults = [("cdn", "close", {}), ("cdn", "status", {"status": 503}), ("cdn", "expired", {}), ("cdn", "silent", {"seconds": 3}),
              ("hub", "status", {"status": 502, "path": "objects/batch"}), ("hub", "close", {"path": "preupload"}), ("hub", "status", {"status": 500, "path": "verify"})]

    def publish_with(fault, part_bytes):
        origin, kind, options = fault
        with hub_and_folder() as (hub, folder):
            hub.part_bytes = part_bytes
            hub.fault(origin, kind, times=2, **options)
            publish_well(hub, folder, env={"HF_HUB_DOWNLOAD_TIMEOUT": "1"})
            assert published(hub) == FILES, fault

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(publish_with, faults * 2, [0] * len(faults) + [100_000] * len(faults)))
    with hub_and_folder() as (hub, folder):
        hub.part_bytes = 100_000
        hub.fault("cdn", "no_part_etag", skip=1, times=1)
        expect_failure(publish(hub, folder), "does not confirm part 2")


def a_publication_that_was_cut_off_goes_on():
    with hub_and_folder() as (hub, folder):
        hub.fault("cdn", "silent", path="upload", skip=1, seconds=20)
        process = subprocess.Popen(command(folder), env=hub.environment(folder.parent, "hf_valid"))
        while len(uploads(hub)) < 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        hub.faults.clear()
        report = publish_well(hub, folder)
        assert published(hub) == FILES and report["sent_bytes"] in (len(WEIGHTS), 40_000), report       # one of the two


def a_commit_is_made_once():
    for status in (504, 500):                                   # it was made, but the answer was lost
        with hub_and_folder() as (hub, folder):
            hub.fault("hub", "lost_answer", path="/commit/", times=1, status=status)
            report = publish_well(hub, folder)
            assert published(hub) == FILES and len(hub.commits_seen) == 1
            assert report["commit"] == hub.repositories["me/model"].refs["main"]
    with hub_and_folder() as (hub, folder):                     # it was not made
        hub.fault("hub", "status", path="/commit/", times=2, status=503, body=HTML)
        publish_well(hub, folder)
        assert published(hub) == FILES and len(hub.commits_seen) == 1
    with hub_and_folder() as (hub, folder):                     # two pull requests would be one too many
        publish_well(hub, folder)
        (folder / "config.json").write_bytes(b"[]")
        hub.fault("hub", "lost_answer", path="/commit/", times=1)
        expect_failure(publish(hub, folder, "--pull-request"), "whether there is a pull request now")
        assert "refs/pr/2" not in hub.repositories["me/model"].refs


def changes_of_others_are_not_overwritten():
    with hub_and_folder() as (hub, folder):
        publish_well(hub, folder)
        (folder / "config.json").write_bytes(b"[]")
        repository = hub.repositories["me/model"]
        hub.on_request = lambda request: "/preupload/" in request.path and repository.commit({**FILES, "theirs.txt": b"x"})
        expect_failure(publish(hub, folder), "somebody else changes the repository")
        assert published(hub)["config.json"] == b"{}" and "theirs.txt" in published(hub)


def what_is_published_can_be_pulled():
    with hub_and_folder() as (hub, folder):
        publish_well(hub, folder)
        result = subprocess.run([PUNA, "pull", "me/model"], env=hub.environment(folder.parent), capture_output=True, text=True)
        snapshot = pathlib.Path(result.stdout.strip())
        assert (snapshot / "model.safetensors").read_bytes() == WEIGHTS
        assert {path.name for path in (snapshot.parent.parent / "blobs").iterdir()} >= {sha256(WEIGHTS), git_id(b"{}")}


def main():
    tests = [test for test in globals().values() if inspect.isfunction(test) and test.__module__ == "__main__" and not inspect.signature(test).parameters and test is not main]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:      # they mostly wait
        for test, result in [(test, pool.submit(test)) for test in tests if len(sys.argv) < 3 or test.__name__ == sys.argv[2]]:
            try:
                result.result()
            except BaseException:
                print(f"{test.__name__} failed", file=sys.stderr)
                raise


main()
