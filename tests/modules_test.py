#!/usr/bin/python3
"""Checks the rules of src/: dependencies between modules and their folders, sizes of files and functions, no heavy
libraries in headers, CUDA only in its folder, one choice of the kernels, flags in cli only, kinds of errors that are passed
on, short names; and that fuzz targets have corpora. `modules_test.py --self-test` checks that each rule catches a violation."""
import pathlib
import re
import sys
import tempfile

MAX_FILE, MAX_FUNCTION, MAX_KERNEL = 600, 80, 120
HEAVY = re.compile(r'#include\s*[<"](nlohmann/(?!json_fwd)|spdlog/|CLI/|boost/|gtest/)')
CUDA = re.compile(r"#\s*(el)?if.*(__CUDA|PUNA_CUDA|__NVCC__)")
CHOOSES_KERNELS = {"cli", "bench", "library", "kernels"}       # modules; others are given a table
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OTHER_PROGRAMS_FLAGS = {"--long", "--patch-from"}      # zstd's, in messages about its files
# All modules share one namespace: a type with a short name belongs to one of them, or to none; others add a word.
OWNERS = {"Request": "infer", "Scheduler": "infer", "Engine": "infer", "Event": "infer", "Step": "infer", "Message": "chat",
          "Batch": "nn", "Value": "nn", "Stream": "kernels", "Group": "comm", "Page": None, "Response": None, "Channel": None}
TYPE = re.compile(r"^(?:struct|class|enum class|using) (\w+)(?= *[:{=])|^enum class (\w+)", re.M)
STRING = r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''        # or a comment
TEST_FILE = re.compile(r"_test\.cpp$|^test_.*\.h$|^fake_.*\.h$")
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
    return re.sub(STRING, lambda match: re.sub(r"[^\n]", " ", match[0]), source, flags=re.S)


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


def check_kernels(name, text):
    if name.parts[0] in CHOOSES_KERNELS or TEST_FILE.search(name.name):
        return
    for match in re.finditer(r"\bchoose_kernels\(", blank_text(text)):
        yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}: takes its kernels from the caller instead of choosing them"


def check_flags(name, text):
    """A message below cli names a field, in words of every front end; only cli spells it as a flag."""
    if name.parts[0] == "cli" or TEST_FILE.search(name.name):
        return
    for match in re.finditer(STRING, text, flags=re.S):
        for flag in FLAG.findall(match[0]) if match[0][0] in 'R"' else []:
            if flag not in OTHER_PROGRAMS_FLAGS:
                yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}: names the flag {flag}, which only cli knows: name the field"


def check_kinds(name, text):
    """An error whose message goes into another one keeps its kind."""
    if TEST_FILE.search(name.name):
        return
    blank = blank_text(text)
    for match in re.finditer(r"\bfail\(\s*,[^;]*\.what\(\)", blank):      # its first argument is the text
        yield f"{name}:{blank.count(chr(10), 0, match.start()) + 1}: loses the kind of an error: use rethrow_with, or fail(problem.kind, ...)"


def check_names(name, text):
    if name.suffix != ".h" or TEST_FILE.search(name.name) or "\nnamespace puna {" not in "\n" + text:
        return
    for match in TYPE.finditer(blank_text(text)):
        word = match[1] or match[2]
        owner = OWNERS.get(word, name.parts[0])
        if owner != name.parts[0]:
            line = text.count(chr(10), 0, match.start()) + 1
            yield f"{name}:{line}: {word} is {f'a type of {owner}' if owner else 'too short'}: add a word, as in HttpRequest, ChannelMessage, KvPage"


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
            problems += check_kernels(name, text)
            problems += check_flags(name, text)
            problems += check_kinds(name, text)
            problems += check_names(name, text)
    return problems + list(check_definitions(src))


def named_types(text):
    """(line, qualified name) of the types that are defined in named namespaces: those that other files could mean too."""
    scopes = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"(?:inline )?namespace ?([\w:]*) ?\{", line):
            scopes.append(match[1])
        elif line.startswith("}  // namespace"):
            scopes = scopes[:-1]
        elif scopes and all(scopes) and (match := re.match(r"(?:struct|class|union|enum class|enum) (?:\w+\(.*?\) )?(\w+)(?: final)?(?: :(?!:)[^;]*| )\{", line)):
            yield number, "::".join([*scopes, match[1]])


def check_definitions(src):
    """Two definitions of one type would be merged silently by the linker, and break the one-definition rule."""
    places = {}
    for path in sorted(path for path in src.rglob("*") if path.suffix in SUFFIXES):
        for line, name in named_types(path.read_text()):
            place = f"{path.relative_to(src)}:{line}"
            if places.setdefault(name, place) != place:
                yield f"{place}: {name} is also defined in {places[name]}: rename one, or put it into an anonymous namespace"


MAX_EXCEPTIONS = 10


def check_exceptions(text):
    """Every line of tests/exceptions.txt has a reason, and there are at most MAX_EXCEPTIONS."""
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    for line in lines:
        if not re.fullmatch(r"\S+: \S.+", line):
            yield f"tests/exceptions.txt: a name, a colon and a reason are expected, not: {line}"
    if len(lines) > MAX_EXCEPTIONS:
        yield f"tests/exceptions.txt: {len(lines)} exceptions, more than {MAX_EXCEPTIONS}"


def check_corpora(root):
    """Every fuzz target has a corpus of its name, and every corpus a target: tools/fuzz would notice it an hour later."""
    targets = {path.name.removesuffix("_fuzz.cpp") for path in root.glob("src/**/*_fuzz.cpp")}
    corpora = {path.parent.name for path in root.glob("tests/corpus/*/*")}
    for name in sorted(targets - corpora):
        yield f"tests/corpus/{name}: has no files, but there is a target {name}_fuzz.cpp"
    for name in sorted(corpora - targets):
        yield f"tests/corpus/{name}: is the corpus of no target {name}_fuzz.cpp"


def self_test():
    """Checks a small tree without violations, and one with a violation of each rule."""
    good = {"modules.txt": "core:\nfiles/zip: core\nfiles: core files/zip\n", "core/a.h": "#pragma once\n",
            "files/zip/c.h": '#include "core/a.h"\nnamespace puna {\nstruct Message;\nstruct ZipPage {};\n}  // namespace puna\n',
            "files/a.cpp": "namespace puna {\nnamespace {\nstruct ZipPage {};\n}  // namespace\nstruct ZipFile;\n}  // namespace puna\n",
            "files/e.h": "namespace puna::zip {\nclass Value {};\n}\n", "files/d.h": '#include "files/zip/c.h"\n',
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
        "files/chooses.cpp": ("// choose_kernels()\nauto& k = choose_kernels();\n", "chooses.cpp:2: takes its kernels"),
        "core/kind.cpp": ("f(p.what());\nfail(p.kind, \"{}\", p.what());\nfail(\n    \"{}: {}\", path,\n    p.what());\n", "kind.cpp:3: loses the kind"),
        "core/flag.cpp": ("// --resume\nauto f = -- x;\nauto s = \"pass --resume, not zstd --long\";\n", "flag.cpp:3: names the flag --resume"),
        "files/name.h": ("namespace puna {\nstruct HttpRequest {};\nstruct Request {\n};\n", "name.h:3: Request is a type of infer: add a word"),
        "files/short.h": ("namespace puna {\n// struct Response {\nclass Page : Base {};\n", "short.h:3: Page is too short: add a word"),
        "files/twice.cpp": ("namespace puna {\nvoid f() {\n}\nnamespace {\n}  // namespace\nclass ZipPage final : Page {};\n", "files/zip/c.h:4: puna::ZipPage is also defined in files/twice.cpp:6"),
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
    with tempfile.TemporaryDirectory() as folder:
        for path in ("src/files/zip_fuzz.cpp", "src/chat/jinja/jinja_fuzz.cpp", "tests/corpus/jinja/loop", "tests/corpus/old/a"):
            (pathlib.Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (pathlib.Path(folder) / path).touch()
        problems = list(check_corpora(pathlib.Path(folder)))
    assert len(problems) == 2 and "corpus/zip: has no files" in problems[0] and "corpus/old: is the corpus of no" in problems[1], problems


def main():
    if "--self-test" in sys.argv:
        return self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    problems = [*check(root / "src"), *check_exceptions((root / "tests/exceptions.txt").read_text()), *check_corpora(root)]
    print("\n".join(problems) or "all rules hold")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
