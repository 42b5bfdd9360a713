#!/usr/bin/python3
"""Checks the rules of src/: dependencies between modules and their folders, sizes of files and functions, no heavy
libraries in headers, CUDA only in its folder. `modules_test.py --self-test` checks that each rule catches a violation."""
import pathlib
import re
import sys
import tempfile

MAX_FILE, MAX_FUNCTION, MAX_KERNEL = 600, 80, 120
HEAVY = re.compile(r'#include\s*[<"](nlohmann/(?!json_fwd)|spdlog/|CLI/|boost/|gtest/)')
CUDA = re.compile(r"#\s*(el)?if.*(__CUDA|PUNA_CUDA|__NVCC__)")
SUFFIXES = {".h", ".cpp", ".inl", ".cu", ".cuh"}


def read_modules(src):
    """{module: modules that it may include}, and an error for each dependency on a module that is not listed above it."""
    modules, problems = {}, []
    for number, line in enumerate((src / "modules.txt").read_text().splitlines(), 1):
        module, _, rest = line.partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        named = list(modules) if rest.split() == ["*"] else rest.split()
        problems += [f"modules.txt:{number}: {module} depends on {other}, which is not above it" for other in named if other not in modules]
        modules[module] = {module, *named}
    return modules, problems


def module_of(name, modules):
    """The module of a file or include; a folder of a module is one of its own if modules.txt has a line for it."""
    folder = "/".join(name.split("/")[:2])
    return folder if folder in modules else name.split("/")[0]


def check_includes(name, lines, modules):
    module = module_of(name.as_posix(), modules)
    for number, line in enumerate(lines, 1):
        include = re.match(r'\s*#\s*include\s*"([^"]+/[^"]+)"', line)
        included = module_of(include[1], modules) if include else module
        if included in modules and included not in modules[module]:
            yield f"{name}:{number}: {module} may not include {included}"
        if re.match(r'\s*#\s*include\s*"(\.\.?/|[^/"]+")', line):
            yield f"{name}:{number}: write our includes from src/: \"module/file.h\""
        if name.suffix == ".h" and HEAVY.search(line):
            yield f"{name}:{number}: a header of ours includes a heavy library"
        if CUDA.match(line) and "cuda" not in name.parts:
            yield f"{name}:{number}: CUDA belongs in kernels/cuda only"


def blank_text(source):
    """The source with comments, strings and characters replaced by blanks; line numbers are preserved."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), source, flags=re.S)


def functions(source):
    """(first line, lines) of each function body: the outermost braces that follow a parameter list."""
    source = blank_text(re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", " ", source))       # 1'000 is not a character literal
    depth_of_function, stack, begin = None, [], 0
    line, statement = 1, ""
    for char in source:
        if char == "\n":
            line += 1
        if char == "{":
            is_scope = re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$", statement) or statement.rstrip().endswith("=")
            if depth_of_function is None and ")" in statement and not is_scope:
                depth_of_function, begin = len(stack), line
            stack.append(char)
            statement = ""
        elif char == "}":
            if stack:
                stack.pop()
            if depth_of_function == len(stack):
                yield begin, line - begin + 1
                depth_of_function = None
            statement = ""
        elif char == ";":
            statement = ""
        else:
            statement += char


def check_sizes(name, text):
    lines = text.count("\n")
    if lines > MAX_FILE:
        yield f"{name}: {lines} lines, more than {MAX_FILE}: split it by the ideas in it"
    limit = MAX_KERNEL if name.parts[0] == "kernels" else MAX_FUNCTION
    for first, length in functions(text):
        if length > limit:
            yield f"{name}:{first}: a function of {length} lines, more than {limit}: split it by what it does"


def check(src):
    modules, problems = read_modules(src)
    for folder in sorted(path for path in src.iterdir() if path.is_dir()):
        if folder.name not in modules:
            problems.append(f"{folder.name}/: is not in modules.txt")
            continue
        for path in sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES):
            name, text = path.relative_to(src), path.read_text()
            generated = "generated" in text[:200]       # generated tables say so in their first line
            problems += check_includes(name, text.splitlines(), modules)
            problems += [] if generated else check_sizes(name, text)
    return problems


MAX_EXCEPTIONS = 10


def check_exceptions(text):
    """Every line of tests/exceptions.txt has a reason, and there are at most MAX_EXCEPTIONS."""
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    for line in lines:
        if not re.fullmatch(r"\S+: \S.+", line):
            yield f"tests/exceptions.txt: a name, a colon and a reason are expected, not: {line}"
    if len(lines) > MAX_EXCEPTIONS:
        yield f"tests/exceptions.txt: {len(lines)} exceptions, more than {MAX_EXCEPTIONS}"


def self_test():
    """Checks a small tree without violations, and one with a violation of each rule."""
    good = {"modules.txt": "core:\nfiles/zip: core\nfiles: core files/zip\n", "core/a.h": "#pragma once\n",
            "files/zip/c.h": '#include "core/a.h"\n', "files/d.h": '#include "files/zip/c.h"\n',
            "files/b.cpp": '#include "core/a.h"\n#include <nlohmann/json.hpp>\nvoid f() {\n' + "    int x;\n" * 78 + "}\n"}
    violations = {
        "core/up.cpp": ('#include "files/b.h"\n', "core may not include files"),
        "files/zip/up.h": ('#include "files/d.h"\n', "files/zip may not include files"),
        "attic/c.cpp": ("", "attic/: is not in modules.txt"),
        "files/plain.cpp": ('#include "b.h"\n', "write our includes from src/"),
        "files/heavy.h": ("#include <nlohmann/json.hpp>\n", "heavy library"),
        "files/cuda.cpp": ("#ifdef __CUDACC__\n", "CUDA belongs"),
        "files/long.cpp": ("//\n" * 601, "601 lines"),
        "files/function.cpp": ("struct S {\n    void f(int a) const {\n" + "        g('{', \"}\"); // }\n" * 79 + "    }\n};\n",
                               "function.cpp:2: a function of 81 lines"),
        "core/up.inl": ('#include "files/b.h"\n', "core may not include files"),
        "modules.txt": ("files: core\ncore:\n", "depends on core, which is not above it"),
    }
    for name, (text, expected) in [("", ("", None)), *violations.items()]:
        with tempfile.TemporaryDirectory() as folder:
            for path, content in {**good, **({name: text} if name else {})}.items():
                target = pathlib.Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content)
            problems = check(pathlib.Path(folder))
        caught = not problems if expected is None else any(expected in problem for problem in problems)
        assert caught, f"{name or 'the good tree'}: {problems}"
    assert not list(check_exceptions("# why\n[tables]\nA\\.: slow\n"))
    assert "a reason" in "".join(check_exceptions("[tables]\nA\\.\n"))
    assert "11 exceptions" in "".join(check_exceptions("A: slow\n" * 11))


def main():
    if "--self-test" in sys.argv:
        return self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    problems = check(root / "src") + list(check_exceptions((root / "tests/exceptions.txt").read_text()))
    print("\n".join(problems) or "all rules hold")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
