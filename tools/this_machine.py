"""What identifies a measurement: the processor and the commit. Imported by tools/results and tools/gpu."""
import pathlib
import subprocess


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else "unknown"


def commit(folder):
    git = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=folder)
    return git.stdout.strip() or "unknown"
