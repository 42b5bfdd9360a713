#!/usr/bin/python3
"""Writes a source file that compiles the code examples in the opening comments of a module's headers: the lines indented by
three blanks or more. usage: header_examples.py MODULE OUTPUT; run from the repository's root

Names that an example does not declare itself come from tests/header_examples.txt, below the header's name in brackets:
lines beginning with # are placed before the example, lines beginning with `using` at its beginning, `namespace` puts the
example outside a function, every other line declares a parameter of the function around it. Lines of only ... are omitted.
"""
import pathlib
import re
import sys

CONTEXT = pathlib.Path("tests/header_examples.txt")


def example_of(header):
    """(line number of the first line, code lines) of the opening comment."""
    first, code = 0, []
    for number, line in enumerate(header.read_text().splitlines(), 1):
        if not line.startswith("//"):
            break
        match = re.match(r"//   +(\S.*)", line)
        if match and match[1] != "...":
            first = first or number
        code.append(line[2:] if match and match[1] != "..." else "")
    return first, code[first - 1:]


def read_context():
    context, lines = {}, []
    for line in CONTEXT.read_text().splitlines():
        if match := re.fullmatch(r"\[(.+)\]", line):
            lines = context.setdefault(match[1], [])
        elif line and not line.startswith("// "):
            lines.append(line)
    return context


def source_of(module, context):
    includes, examples = [], []
    for header in sorted(pathlib.Path("src", module).rglob("*.h")):
        name = str(header.relative_to("src"))
        first, code = example_of(header)
        if not first:
            continue
        lines = context.pop(name, [])
        includes += [f'#include "{name}"', *(line for line in lines if line.startswith("#"))]
        parameters = [line for line in lines if not line.startswith(("#", "using ")) and line != "namespace"]
        body = [*(line for line in lines if line.startswith("using ")), f'#line {first} "src/{name}"', *code]
        if "namespace" in lines:
            examples += [f"namespace example{len(examples)} {{", *body, "}"]
        else:
            examples += [f"[[maybe_unused]] void example{len(examples)}({', '.join(parameters)}) {{", *body, "}"]
    return "\n".join([*dict.fromkeys(includes), "namespace puna {", "namespace {", *examples, "}", "}", ""])


def main():
    module, output = sys.argv[1], pathlib.Path(sys.argv[2])
    context = read_context()
    for name in context:
        if not pathlib.Path("src", name).exists():
            sys.exit(f"{CONTEXT}: [{name}]: no such header")
    output.write_text(source_of(module, {name: lines for name, lines in context.items() if name.split("/")[0] == module}))


main()
