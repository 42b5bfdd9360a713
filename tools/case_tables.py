#!/usr/bin/python3
"""Write src/chat/jinja/case_tables.cpp: what Python's str methods know of letters, so that chat templates render as with Jinja2.

The facts are those of the running Python; Debian 12's (3.11) has Unicode 14.0.
"""
import pathlib
import unicodedata

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "src/chat/jinja/case_tables.cpp"
VERSION = "14.0.0"
CODES = [code for code in range(0x110000) if not 0xd800 <= code < 0xe000]


def mapping_runs(convert):
    """([first, last, step, delta], ...) of the characters that become one other; [code, text] of those that become several."""
    runs, several = [], []
    for code in CODES:
        after = convert(chr(code))
        if len(after) > 1:
            several.append((code, after))
        if len(after) > 1 or after == chr(code):
            continue
        delta, last = ord(after) - code, runs[-1] if runs else None
        if last and last[3] == delta and code - last[1] in (1, 2) and (last[0] == last[1] or last[2] == code - last[1]):
            last[1], last[2] = code, code - last[1]
        else:
            runs.append([code, code, 1, delta])
    return runs, several


def ranges(holds):
    found = []
    for code in CODES:
        if not holds(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def is_ignorable(c):
    """Whether the rule for a final sigma passes over it."""
    return ("A\u03a3" + c).lower()[1] == "\u03c2" and ("A\u03a3" + c + "A").lower()[1] == "\u03c3"


def table(kind, name, rows):
    lines, line = [], "   "
    for row in rows:
        word = " {" + ", ".join(map(str, row)) + "},"
        if len(line) + len(word) > 120:
            lines.append(line)
            line = "   "
        line += word
    return "\n".join([f"constexpr {kind} {name}_data[] = {{", *lines, line, "};", f"const std::span<const {kind}> {name} = {name}_data;", ""])


def main():
    if unicodedata.unidata_version != VERSION:
        raise SystemExit(f"this Python has Unicode {unicodedata.unidata_version}, not {VERSION}")
    parts = []
    for name, convert in (("upper", str.upper), ("lower", str.lower), ("title", str.title)):
        runs, several = mapping_runs(convert)
        parts.append(table("CaseRun", f"{name}_runs", runs))
        parts.append(table("CaseText", f"{name}_texts", [(code, 'U"' + "".join(f"\\x{ord(c):x}" for c in text) + '"') for code, text in several]))
    parts.append(table("CodeRange", "cased_ranges", ranges(lambda c: c.isupper() or c.islower() or c.istitle())))
    parts.append(table("CodeRange", "case_ignorable_ranges", ranges(is_ignorable)))
    parts.append(table("CodeRange", "digit_ranges", ranges(str.isdigit)))
    parts.append(table("CodeRange", "unprintable_ranges", ranges(lambda c: not c.isprintable())))
    OUTPUT.write_text("\n".join([
        f"// Made by tools/case_tables.py: generated, with Python's Unicode {VERSION}; see case_tables.h.",
        "// clang-format off", "#include \"chat/jinja/case_tables.h\"", "", "namespace puna::jinja {", "", *parts, "}  // namespace puna::jinja", ""]))


main()
