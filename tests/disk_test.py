#!/usr/bin/python3
"""AtomicFile on a disk that fails or a machine that dies at every single call, and on a full one: the old file or the
whole new one is there, and a failure is one clear line. usage: disk_test.py WRITE_FILE_PROGRAM"""
import errno
import pathlib
import sys
import tempfile

import failing_disk

SIZE = 3_000_000        # three writes
PROGRAM = sys.argv[1]


def fresh(folder):
    path = pathlib.Path(folder) / "x"
    path.write_text("old")
    return path, [PROGRAM, str(path), str(SIZE)]


def state(path):
    content = path.read_text()
    return "old" if content == "old" else "new" if content == "n" * SIZE else "broken"


def every_failing_call(folder):
    path, command = fresh(folder)
    disk = failing_disk.FailingDisk(folder)
    calls = {call: disk.count(command, call) for call in ("write", "fsync", "rename", "close")}
    assert calls == {"write": 3, "fsync": 2, "rename": 1, "close": 2}, calls
    for call, count in calls.items():
        for n in range(1, count + 1):
            path, command = fresh(folder)
            result = disk.run(command, call, n)
            last = call in ("fsync", "close") and n == 2       # of the folder: the new file is in place already
            assert state(path) == ("new" if last else "old"), (call, n, state(path))
            assert [entry.name for entry in path.parent.iterdir()] == ["x"], "something is left"
            if (call, n) == ("close", 2):                      # of a folder that was only read: nothing is lost
                assert result.returncode == 0
                continue
            assert disk.is_one_clear_line(result), (call, n, result.returncode, result.stderr)
            assert "Input/output error" in result.stderr and folder in result.stderr, result.stderr


def a_file_system_that_cannot_sync_folders(folder):
    disk = failing_disk.FailingDisk(folder)
    for reason in (errno.EINVAL, errno.ENOTSUP):
        path, command = fresh(folder)
        result = disk.run(command, "fsync_folder", 1, env={"PUNA_DISK_ERROR": str(reason)})
        assert result.returncode == 0 and state(path) == "new", result
    for reason in (errno.EIO, errno.ENOSPC):
        path, command = fresh(folder)
        result = disk.run(command, "fsync_folder", 1, env={"PUNA_DISK_ERROR": str(reason)})
        assert disk.is_one_clear_line(result) and "cannot write the folder to disk" in result.stderr, result
    path, command = fresh(folder)
    result = disk.run(command, "fsync", 1, env={"PUNA_DISK_ERROR": str(errno.EINVAL)})     # of the file itself
    assert disk.is_one_clear_line(result) and state(path) == "old", result


def every_sudden_death(folder):
    disk = failing_disk.FailingDisk(folder)
    path, command = fresh(folder)
    for n in range(1, disk.count(command, "any") + 1):
        path, command = fresh(folder)
        assert disk.run(command, "any", n, how="kill").returncode == -9
        assert state(path) in ("old", "new"), n
        for entry in path.parent.iterdir():
            entry.unlink()


def a_full_disk(folder):
    command = [PROGRAM, f"{folder}/x", str(SIZE)]
    result = failing_disk.on_a_full_disk(command, 1 << 20, folder)
    if result is None:
        print("a full disk could not be made here: unshare -rm is forbidden")
        return
    assert failing_disk.FailingDisk.is_one_clear_line(result), result
    assert "No space left on device" in result.stderr, result.stderr


for test in (every_failing_call, a_file_system_that_cannot_sync_folders, every_sudden_death, a_full_disk):
    with tempfile.TemporaryDirectory() as scratch:
        test(scratch)
