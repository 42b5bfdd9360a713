#!/usr/bin/python3
"""tools/install: a line of a package list may name alternatives; one that is installed is enough. usage: install_test.py"""
import os
import subprocess
import tempfile


def install(text, **options):
    with tempfile.NamedTemporaryFile("w") as file, open("tools/install") as script:
        file.write(text)
        file.flush()
        os.chmod(file.name, 0o644)
        return subprocess.run(["sh", "-s", file.name], stdin=script, capture_output=True, text=True, timeout=60, **options)


def one_installed_alternative_is_enough():
    for line in ("cmake", "no-such-package | cmake   # a comment", "cmake|no-such-package", "  # nothing but a comment\n\nninja-build"):
        result = install(line + "\n")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", ""), (line, result)


def what_is_missing_is_named():
    """Asked as a user who cannot install anything: neither root nor with sudo."""
    nobody = {"user": 65534, "cwd": "/"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as programs:
        os.chmod(programs, 0o755)
        for program in {file.name: file for place in os.get_exec_path() if os.path.isdir(place) for file in os.scandir(place)}.values():
            if program.name != "sudo":
                os.symlink(program.path, os.path.join(programs, program.name))
        result = install("no-such-package | none-of-this\ncmake\n", env={"PATH": programs}, **nobody)
    assert result.returncode == 1 and "no-such-package" in result.stderr and "cmake" not in result.stderr, result


one_installed_alternative_is_enough()
what_is_missing_is_named()
