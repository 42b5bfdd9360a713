"""puna report: one run rewrites its own page, several share one; nothing else is overwritten.

usage: report_test.py PUNA
"""
import fcntl
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

PUNA = str(pathlib.Path(sys.argv[1]).resolve())


def puna(folder, *arguments, code=0):
    result = subprocess.run([PUNA, "report", *map(str, arguments)], capture_output=True, text=True, cwd=folder, timeout=120)
    assert result.returncode == code, (arguments, result)
    return result


def write_run(folder, steps=30):
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints/lock").touch()
    lines = [{"step": step, "loss": 2 + 1 / step, "learning_rate": 0.001, "gradient_norm": 1.0, "trained": 64} for step in range(1, steps + 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def data_of(page):
    return json.loads(re.search(r'id="run">(.*?)</script', page.read_text(), re.DOTALL)[1])


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "timeout"
        time.sleep(0.05)


def one_run_rewrites_its_own_page(folder):
    write_run(folder / "a")
    assert puna(folder, "a").stderr == "a/report.html: 1 run; open it in a browser\n"
    assert data_of(folder / "a/report.html")["runs"][0]["summary"]["steps"] == 30
    write_run(folder / "a", 40)
    line = json.loads(puna(folder, "a", "--json").stdout)
    assert line["output"] == "a/report.html" and line["runs"][0]["steps"] == 40 and line["runs"][0]["phase"] == "interrupted", line
    assert data_of(folder / "a/report.html")["runs"][0]["summary"]["steps"] == 40


def several_runs_share_a_page(folder):
    write_run(folder / "a")
    write_run(folder / "b", 20)
    assert puna(folder, "a", "b").stderr == "report.html: 2 runs; open it in a browser\n"
    assert [run["name"] for run in data_of(folder / "report.html")["runs"]] == ["a", "b"]
    puna(folder, "a", "b", "--output", "other.html")
    assert data_of(folder / "other.html")["next"] == 0


def mistakes_are_named_and_nothing_is_overwritten(folder):
    write_run(folder / "a")
    write_run(folder / "b")
    (folder / "empty").mkdir()
    (folder / "notes.html").write_text("mine")
    for arguments, message in {("a", "nowhere"): "puna: nowhere: no such folder",
                               ("empty",): "puna: empty: contains no metrics.jsonl, so it is not the folder of a training run",
                               ("a", "b", "--output", "notes.html"): "puna: notes.html: already exists and is not a report; remove it, or choose another output"}.items():
        assert puna(folder, *arguments, code=1).stderr == message + "\n"
    puna(folder, "a", "b")
    write_run(folder / "b", 20)
    assert puna(folder, "a", "b", code=1).stderr == "puna: report.html: already exists; choose another name, or pass --force to overwrite it\n"
    assert data_of(folder / "report.html")["runs"][1]["summary"]["steps"] == 30
    puna(folder, "a", "b", "--force")
    assert data_of(folder / "report.html")["runs"][1]["summary"]["steps"] == 20
    assert puna(folder, "a", "b", "./a", code=2).stderr == "puna report: ./a is given twice\n"
    assert puna(folder, code=2).stderr.startswith("puna report: RUN is missing")
    assert (folder / "notes.html").read_text() == "mine" and not (folder / "empty/report.html").exists()


def a_watched_page_follows_its_runs(folder):
    write_run(folder / "a")
    write_run(folder / "b")
    page = folder / "report.html"
    with open(folder / "b/checkpoints/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)                # as a trainer does
        watch = subprocess.Popen([PUNA, "report", "a", "b", "--watch"], cwd=folder, stderr=subprocess.PIPE, text=True)
        wait_for(page.exists)
        data = data_of(page)
        assert data["next"] > 0 and [run["phase"] for run in data["runs"]] == ["interrupted", "running"], data
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(60) == 0, watch.stderr.read()
        assert data_of(page)["next"] == 0, "nobody writes it again"
    puna(folder, "a", "b", "--watch", "--force")        # ends by itself: nothing is running
    assert [run["phase"] for run in data_of(page)["runs"]] == ["interrupted", "interrupted"]


for test in (one_run_rewrites_its_own_page, several_runs_share_a_page, mistakes_are_named_and_nothing_is_overwritten, a_watched_page_follows_its_runs):
    with tempfile.TemporaryDirectory() as scratch:
        test(pathlib.Path(scratch))
