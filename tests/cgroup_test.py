#!/usr/bin/python3
"""In a cgroup with a CPU quota the default number of threads follows the quota, and a thread pool with more threads than
that sleeps instead of spinning. usage: cgroup_test.py PUNA POOL_LOAD"""
import json
import os
import pathlib
import re
import subprocess
import sys

PUNA, POOL_LOAD = map(os.path.abspath, sys.argv[1:3])
PERIOD = 100_000        # microseconds


def cpu_groups():
    """The mount point of the cgroup hierarchy with the cpu controller, and its version."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        point, (kind, _, options) = pathlib.Path(fields.split()[4]), kind.split()[:3]
        if kind == "cgroup" and "cpu" in options.split(","):
            return point, 1
        if kind == "cgroup2" and "cpu" in (point / "cgroup.controllers").read_text().split():
            return point, 2
    return None, 0


class Group:
    """A cgroup with a CPU quota, given in processors, to run commands in."""

    def __init__(self, processors):
        point, version = cpu_groups()
        if not point:
            raise OSError("no cgroup hierarchy with a cpu controller is mounted")
        self.path = point / f"puna-test-{os.getpid()}"
        self.path.mkdir()
        if version == 2:
            if "cpu" not in (point / "cgroup.subtree_control").read_text().split():
                self.path.rmdir()
                raise OSError("the root cgroup does not delegate the cpu controller")
            (self.path / "cpu.max").write_text(f"{int(processors * PERIOD)} {PERIOD}")
        else:
            (self.path / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self.path / "cpu.cfs_quota_us").write_text(str(int(processors * PERIOD)))

    def run(self, *command):
        enter = lambda: (self.path / "cgroup.procs").write_text(str(os.getpid()))
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, preexec_fn=enter).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.path.rmdir()


def threads_follow_the_quota():
    cores = len({pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text() for cpu in os.sched_getaffinity(0)})
    for processors, expected in ((0.5, 1), (1, 1), (1.6, 2), (64, cores)):
        with Group(processors) as group:
            threads = json.loads(group.run(PUNA, "check", "--json"))["threads"]
        assert threads == min(expected, cores), (processors, threads, cores)


def a_pool_with_more_threads_than_its_quota_sleeps():
    """With as many threads as processors, only the quota tells that waiting threads must not spin."""
    processors = len(os.sched_getaffinity(0))
    with Group(processors / 2) as group:
        load = float(group.run(POOL_LOAD, str(processors)))
    assert load < 0.3, f"{load} processors were spent on waiting"


try:
    Group(1).__exit__()
except OSError as problem:
    print(f"skipped: this system does not allow a cgroup with a quota: {problem}")
    sys.exit(77)
for test in (threads_follow_the_quota, a_pool_with_more_threads_than_its_quota_sleeps):
    print(test.__name__.replace("_", " "), flush=True)
    test()
