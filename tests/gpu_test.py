#!/usr/bin/python3
"""tools/gpu says what a machine lacks, and writes its results whatever happens to a stage. usage: gpu_test.py

The stages run in a copy of tools/ with stand-ins for the programs that it calls: what is tested is their order, their limits
and the report; the builds, tests and benchmarks themselves need a GPU."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

NO_GPU = "#!/bin/sh\necho 'NVIDIA-SMI has failed because it could not communicate with the driver.'\nexit 9\n"
ONE_GPU = "#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 550.54, 81559 MiB'\n"
NVCC = "#!/bin/sh\necho 'Cuda compilation tools, release 12.4, V12.4.131'\n"
BENCH_ROW = {"bench": "decode", "value": 1.5, "unit": "tokens/s"}


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def link_other_programs(folder):
    """All programs of this machine but NVIDIA's."""
    for place in os.get_exec_path():
        for file in os.scandir(place) if os.path.isdir(place) else []:
            if file.name not in ("nvidia-smi", "nvcc") and not (folder / file.name).is_symlink():
                os.symlink(file.path, folder / file.name)


def machine(folder, **programs):
    """A copy of tools/, and a folder with these programs, which comes before the others in the PATH."""
    shutil.copytree("tools", folder / "tools")
    for name, text in programs.items():
        program(folder / "bin" / name.replace("_", "-"), text)


def gpu(folder, *arguments):
    path = f"{folder / 'bin'}:{OTHERS.name}"
    return subprocess.run([folder / "tools/gpu", *arguments], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60)


def what_is_missing_is_named_in_one_line(folder):
    machine(folder)
    result = gpu(folder)
    lines = result.stderr.splitlines()
    assert result.returncode == 1 and len(lines) == 1 and lines[0].startswith("tools/gpu: ") and "nvidia-smi is missing" in lines[0], result
    assert ("nvcc is missing" in lines[0]) != os.path.exists("/usr/local/cuda/bin/nvcc"), result
    assert not (folder / "results").exists()


def a_driver_without_a_gpu_is_reported_in_its_words(folder):
    machine(folder, nvidia_smi=NO_GPU, nvcc=NVCC)
    result = gpu(folder)
    assert (result.returncode, result.stderr) == (1, "tools/gpu: cannot measure here: nvidia-smi finds no GPU: NVIDIA-SMI has failed because "
                                                  "it could not communicate with the driver.\n"), result


# Stand-ins for what cmake would build: kernels_test, bench_test and puna.
def built(tests="exit 0", tables="avx2; scalar", bench="exit 0"):
    puna = f"""#!/bin/sh
case $1 in
    check) echo 'available: {tables}' ;;
    bench) [ "$PUNA_KERNELS" = cuda ] || exit 5; {bench} ;;
esac
"""
    write = "".join(f"cat >build/cuda/bin/{name} <<'END'\n{text}END\n" for name, text in
                    {"kernels_test": f"#!/bin/sh\n{tests}\n", "bench_test": "#!/bin/sh\n", "puna": puna}.items())
    return f"#!/bin/sh\nmkdir -p build/cuda/bin\n[ $1 = --preset ] && exit\n{write}chmod +x build/cuda/bin/*\n"


def results(folder, cmake, code, *arguments):
    machine(folder, nvidia_smi=ONE_GPU, nvcc=NVCC, cmake=cmake)
    result = gpu(folder, *arguments)
    assert result.returncode == code, result
    report = json.loads(result.stdout if "-" in arguments else (folder / "results/gpu.json").read_text())
    return {stage["stage"]: stage["result"] for stage in report["stages"]}, report


def all_stages_pass(folder):
    stages, report = results(folder, built(tables="cuda; scalar", bench=f"echo '{json.dumps(BENCH_ROW)}'"), 0)
    assert set(stages.values()) == {"passed"} and {"cuda", "golden", "bench decode"} < set(stages), stages
    assert report["gpus"] == [{"gpu": "NVIDIA H100 80GB HBM3", "driver": "550.54", "memory": "81559 MiB"}], report
    assert report["cuda"] == "12.4" and report["bench"] == [BENCH_ROW] * 6 and report["seconds"] < 60, report


def an_incomplete_table_is_not_benchmarked(folder):
    stages, report = results(folder, built(), 0, "--out", "-")
    assert stages["golden"] == "passed" and stages["bench decode"] == "skipped" and not report["bench"], stages


def a_failed_stage_is_recorded_with_its_last_lines(folder):
    stages, report = results(folder, built(tests="echo 'Cuda.X: 1 is not 2'; exit 3"), 1)
    assert stages["cuda"] == stages["kernels"] == "failed" and stages["golden"] == "passed", stages
    assert any(stage.get("reason") == "exit code 3: Cuda.X: 1 is not 2" for stage in report["stages"]), report


def a_failed_build_skips_what_needs_it(folder):
    stages, _ = results(folder, "#!/bin/sh\n[ $1 = --preset ]\n", 1)
    assert (stages.pop("configure"), stages.pop("build")) == ("passed", "failed") and set(stages.values()) == {"skipped"}, stages


def a_stage_without_end_is_stopped(folder):
    stages, report = results(folder, "#!/bin/sh\nsleep 1000\n", 1, "--seconds", "3")
    assert stages.pop("configure") == "timed out" and set(stages.values()) == {"skipped"} and report["seconds"] < 20, report


OTHERS = tempfile.TemporaryDirectory()
link_other_programs(pathlib.Path(OTHERS.name))
for test in (what_is_missing_is_named_in_one_line, a_driver_without_a_gpu_is_reported_in_its_words, all_stages_pass, an_incomplete_table_is_not_benchmarked,
             a_failed_stage_is_recorded_with_its_last_lines, a_failed_build_skips_what_needs_it, a_stage_without_end_is_stopped):
    with tempfile.TemporaryDirectory() as temporary:
        test(pathlib.Path(temporary))
