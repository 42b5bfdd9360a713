#!/usr/bin/python3
"""Write src/tokenizer/unicode_tables.cpp from the Unicode character database (Debian's unicode-data, 15.0).

Stored are only the classes that the splitter uses: letter (general category L*), number (N*), space (White_Space), other;
and the other word characters (regex \\w, UTS #18 annex C): alphabetic, marks, decimal digits, connectors, joiners.
"""
import pathlib

UCD = pathlib.Path("/usr/share/unicode")
OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "src/tokenizer/unicode_tables.cpp"
VERSION = "15.0.0"
BLOCK = 128
OTHER, LETTER, NUMBER, SPACE = range(4)


def read_classes():
    classes = [OTHER] * 0x110000
    first = None
    for line in (UCD / "UnicodeData.txt").read_text().splitlines():
        code, name, category = line.split(";")[:3]
        code = int(code, 16)
        if name.endswith(", First>"):
            first = code
            continue
        for point in range(first if name.endswith(", Last>") else code, code + 1):
            classes[point] = {"L": LETTER, "N": NUMBER}.get(category[0], OTHER)
    for point in read_property("PropList.txt", "White_Space"):
        classes[point] = SPACE
    return classes


def read_property(file, wanted):
    points = set()
    for line in (UCD / file).read_text().splitlines():
        fields = [field.strip() for field in line.split("#")[0].split(";")]
        if fields[-1] == wanted:
            first, _, last = fields[0].partition("..")
            points |= set(range(int(first, 16), int(last or first, 16) + 1))
    return points


def read_word_ranges(classes):
    """First and last code point of each run of word characters; letters are left out, but may lie inside a run."""
    points = read_property("DerivedCoreProperties.txt", "Alphabetic") | read_property("PropList.txt", "Join_Control")
    for line in (UCD / "UnicodeData.txt").read_text().splitlines():
        code, _, category = line.split(";")[:3]
        if category[0] == "M" or category in ("Nd", "Pc"):
            points.add(int(code, 16))
    ranges = []
    for point in sorted(point for point in points if classes[point] != LETTER):
        if ranges and all(p in points for p in range(ranges[-1] + 1, point)):
            ranges[-1] = point
        else:
            ranges += [point, point]
    return ranges


def pack(block):
    """Four classes a byte, the first in the lowest bits."""
    return [sum(block[i + j] << 2 * j for j in range(4)) for i in range(0, BLOCK, 4)]


def table(kind, name, numbers):
    lines, line = [], "   "
    for number in numbers:
        word = f" {number},"
        if len(line) + len(word) > 120:
            lines.append(line)
            line = "   "
        line += word
    return "\n".join([f"const {kind} {name}[] = {{", *lines, line, "};"])


def main():
    if VERSION not in (UCD / "PropList.txt").read_text().splitlines()[0]:
        raise SystemExit(f"{UCD} does not contain Unicode {VERSION}")
    classes = read_classes()
    end = max(point for point, kind in enumerate(classes) if kind != OTHER) // BLOCK * BLOCK + BLOCK
    blocks = {}
    index = [blocks.setdefault(tuple(classes[at:at + BLOCK]), len(blocks)) for at in range(0, end, BLOCK)]
    words = read_word_ranges(classes)
    packed = [byte for block in blocks for byte in pack(block)]
    OUTPUT.write_text("\n".join([
        f"// Made by tools/unicode_tables.py from the Unicode character database {VERSION}; see unicode.h.",
        "// clang-format off", "#include \"tokenizer/unicode.h\"", "", "namespace puna {", "",
        f"const uint32_t unicode_end = {hex(end)};", "",
        table("uint8_t", "unicode_block", index), "",
        table("uint8_t", "unicode_classes", packed), "",
        table("uint32_t", "unicode_word_ranges", words), "",
        f"const size_t unicode_word_range_count = {len(words) // 2};", "",
        "}  // namespace puna", ""]))


main()
