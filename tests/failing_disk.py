"""Run a program whose n-th disk call fails, or that is killed there. For tests; see failing_disk.cpp.

    disk = FailingDisk(folder)                              # only calls on files below `folder` count
    for n in range(1, disk.count(command, "fsync") + 1):
        result = disk.run(command, "fsync", n)              # or how="kill", how="once"
        assert disk.is_one_clear_line(result)
"""
import os
import pathlib
import subprocess
import sys
import tempfile

skipped = []                # reasons of parts of the test that did not run


class FailingDisk:
    def __init__(self, folder, library=None):
        self.folder = os.path.realpath(folder)
        self.library = library or os.environ["PUNA_FAILING_DISK"]

    def run(self, command, call, at, how="error", **options):
        """The finished process, with stdout and stderr as text."""
        settings = {"LD_PRELOAD": self.library, "PUNA_DISK_FOLDER": self.folder, "PUNA_DISK_CALL": call,
                    "PUNA_DISK_AT": str(at), "PUNA_DISK_HOW": how}
        return subprocess.run(command, env={**os.environ, **settings, **options.pop("env", {})}, capture_output=True,
                              text=True, errors="replace", timeout=600, **options)

    def count(self, command, call, **options):
        """The number of such calls when nothing fails."""
        with tempfile.NamedTemporaryFile("r") as file:
            environment = {**options.pop("env", {}), "PUNA_DISK_COUNT": file.name}
            result = self.run(command, call, 0, env=environment, **options)
            assert result.returncode == 0, f"{command}: {result.stderr}"
            return int(pathlib.Path(file.name).read_text())

    @staticmethod
    def is_one_clear_line(result):
        """Exit code 1 and one line on standard error, as for every failure."""
        return result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1


def on_a_full_disk(command, size, folder):
    """Runs the command with a disk of `size` bytes mounted on `folder`, in a mount namespace of its own (unprivileged or as
    root). None if the system allows neither, as in a chroot; exit_with_skips() then reports the test as skipped."""
    for space in (["unshare", "-rm"], ["unshare", "-m"]):
        if subprocess.run([*space, "mount", "-t", "tmpfs", "none", folder], capture_output=True).returncode == 0:
            break
    else:
        skipped.append("this system does not allow mounting a full disk; the other parts passed")
        return None
    script = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && "$@"'
    return subprocess.run([*space, "sh", "-c", script, "sh", str(size), folder, *command], capture_output=True, text=True, timeout=600)


def exit_with_skips():
    """The last line of a test that has passed: reported as skipped if a part of it could not run."""
    for reason in skipped:
        print(f"skipped: {reason}")
        sys.exit(77)
