#!/usr/bin/python3
"""The documentation matches the sources: links and file names exist, every module has a paragraph, and quotations in
docs/tour.md occur in the files that they name. `docs_test.py --self-test` checks that each rule catches a violation."""
import pathlib
import re
import sys
import tempfile

QUOTE = re.compile(r"^`([\w./]+)`:\n\n```cpp\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#:]+)\)")
SOURCE = re.compile(r"`((?:src|tests|docs|tools|recipes|cmake)/[\w./-]*\w|[a-z]+(?:/\w+)+\.(?:h|cpp|inl|cu|txt))`(?!, new:)")


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def check_quotes(root, page):
    text = page.read_text()
    quotes = QUOTE.findall(text)
    if len(quotes) != text.count("```cpp\n"):
        yield f"{page.name}: {text.count('```cpp')} snippets, but only {len(quotes)} follow a line that names their file"
    for name, quote in quotes:
        path = root / "src" / name
        source = squeeze(path.read_text()) if path.exists() else ""
        for part in re.split(r"^\s*\.\.\.\n", quote, flags=re.M):        # ... on a line of its own is an omission
            if squeeze(part) not in source:
                yield f"{page.name}: {name} does not have: {part.strip().splitlines()[0]} ..."


def check_names(root, page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for name in LINK.findall(text):
        if not (page.parent / name).exists():
            yield f"{page.name}: a link to {name}, which does not exist"
    for name in SOURCE.findall(text):
        placeholder = re.search(r"\b(MODULE|NAME)", name)
        if not placeholder and not (root / name).exists() and not (root / "src" / name).exists():
            yield f"{page.name}: {name} does not exist"


def check_modules(root):
    modules = {path.name for path in (root / "src").iterdir() if path.is_dir()}
    text = (root / "src/README.md").read_text()
    described, drawn = set(re.findall(r"^\*\*`(\w+)`\*\*", text, re.M)), set(" ".join(re.findall(r"^    \d  \w+(.*)$", text, re.M)).split())
    for where, names in (("paragraphs", described), ("levels", drawn)):
        if names != modules:
            yield f"src/README.md: {where} do not match the modules of src/: {', '.join(sorted(names ^ modules))}"
    allowed = dict(re.findall(r"^(\w+): *(.*)$", (root / "src/modules.txt").read_text(), re.M))
    for module, depends in re.findall(r"^\*\*`(\w+)`\*\*(?:.(?!\n\n))*?Depends on ([^;.]*)", text, re.M | re.S):
        named, real = set(re.findall(r"`(\w+)`", depends)), set(allowed.get(module, "").split()) & modules
        if named and named != real:
            yield f"src/README.md: {module} actually depends on {', '.join(sorted(real))}"


def check(root):
    problems = list(check_modules(root))
    for page in [root / "README.md", root / "src/README.md", *sorted((root / "docs").glob("*.md"))]:
        if page.name == "progress.md":          # names future files
            continue
        problems += check_names(root, page)
    return problems + list(check_quotes(root, root / "docs/tour.md"))


def self_test():
    good = {"README.md": "[tour](docs/tour.md)\n", "src/modules.txt": "core:\nnn: core net\n", "src/core/a.h": "int  a;\nint b;\nint c;\n", "src/nn/b.h": "",
            "src/README.md": "    0  base  core  nn\n\n**`core`** is.\n\n**`nn`** is more. Depends on `core`.\n",
            "docs/tour.md": "`core/a.h`:\n\n```cpp\nint a;\n...\nint c;\n```\n"}
    violations = {
        "README.md": ("[tour](docs/tower.md)\n", "tower.md, which does not exist"),
        "docs/other.md": ("see `core/gone.h`\n", "core/gone.h does not exist"),
        "docs/tour.md": ("`core/a.h`:\n\n```cpp\nint d;\n```\n", "does not have: int d;"),
        "src/attic/c.h": ("", "attic"),
        "src/README.md": (good["src/README.md"].replace("on `core`", "on `core` and `attic`"), "nn actually depends on core"),
        "docs/tour.md ": ("```cpp\nint a;\n```\n", "follow a line that names"),
    }
    for name, (text, expected) in [("", ("", None)), *violations.items()]:
        with tempfile.TemporaryDirectory() as folder:
            for path, content in {**good, **({name.strip(): text} if name else {})}.items():
                target = pathlib.Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content)
            problems = check(pathlib.Path(folder))
        caught = not problems if expected is None else any(expected in problem for problem in problems)
        assert caught, f"{name or 'the good tree'}: {problems}"


def main():
    if "--self-test" in sys.argv:
        return self_test()
    problems = check(pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(problems) or "the documentation matches the sources")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
