#!/usr/bin/python3
"""AtomicFile with every call failing or killed in turn, and on a full disk: the old file or the complete new one remains,
and a failure is reported in one line. usage: disk_test.py WRITE_FILE_PROGRAM"""
import errno
import os
import pathlib
import sys
import tempfile

import failing_disk

SIZE = 1_000_000        # of a piece: each of the three is a call of write
PROGRAM = sys.argv[1]


def fresh(folder):
    path = pathlib.Path(folder) / "x"
    path.write_text("old")
    return path, [PROGRAM, str(path), str(SIZE)]


def state(path):
    content = path.read_text()
    return "old" if content == "old" else "new" if content == "n" * (3 * SIZE) else "broken"


def has_unnamed_files(folder):
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
        return True
    except OSError:
        return False


def any_call_may_fail(folder):
    path, command = fresh(folder)
    disk = failing_disk.FailingDisk(folder)
    calls = {call: disk.count(command, call) for call in ("write", "fsync", "link", "rename", "close")}
    links = 1 if has_unnamed_files(folder) else 0
    assert calls == {"write": 3, "fsync": 2, "link": links, "rename": 1, "close": 2}, calls
    for call, count in calls.items():
        for n in range(1, count + 1):
            path, command = fresh(folder)
            result = disk.run(command, call, n)
            last = call in ("fsync", "close") and n == 2       # on the folder: the rename is done
            assert state(path) == ("new" if last else "old"), (call, n, state(path))
            assert [entry.name for entry in path.parent.iterdir()] == ["x"], "temporary files remain"
            if (call, n) == ("close", 2):                      # on a folder opened for reading: no data is lost
                assert result.returncode == 0
                continue
            assert disk.is_one_clear_line(result), (call, n, result.returncode, result.stderr)
            assert "Input/output error" in result.stderr and folder in result.stderr, result.stderr


def file_systems_without_folder_fsync_are_supported(folder):
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
    result = disk.run(command, "fsync", 1, env={"PUNA_DISK_ERROR": str(errno.EINVAL)})     # on the file itself
    assert disk.is_one_clear_line(result) and state(path) == "old", result


def what_was_written_vanishes_with_the_program(folder):
    if not has_unnamed_files(folder):
        return
    disk = failing_disk.FailingDisk(folder)
    for call, n in (("write", 1), ("write", 3), ("fsync", 1), ("link", 1)):
        path, command = fresh(folder)
        assert disk.run(command, call, n, how="kill").returncode == -9
        assert state(path) == "old" and [entry.name for entry in path.parent.iterdir()] == ["x"], (call, n)


def the_program_may_be_killed_at_any_call(folder):
    disk = failing_disk.FailingDisk(folder)
    path, command = fresh(folder)
    for n in range(1, disk.count(command, "any") + 1):
        path, command = fresh(folder)
        assert disk.run(command, "any", n, how="kill").returncode == -9
        assert state(path) in ("old", "new"), n
        for entry in path.parent.iterdir():
            entry.unlink()


def a_full_disk_is_reported(folder):
    command = [PROGRAM, f"{folder}/x", str(SIZE)]
    result = failing_disk.on_a_full_disk(command, 1 << 20, folder)
    if result is None:
        return
    assert failing_disk.FailingDisk.is_one_clear_line(result), result
    assert "No space left on device" in result.stderr, result.stderr


for test in (any_call_may_fail, file_systems_without_folder_fsync_are_supported,
             what_was_written_vanishes_with_the_program, the_program_may_be_killed_at_any_call, a_full_disk_is_reported):
    with tempfile.TemporaryDirectory() as scratch:
        test(scratch)
failing_disk.exit_with_skips()
