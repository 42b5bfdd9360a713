#!/usr/bin/python3
"""Write src/tokenizer/unicode_tables.cpp from the Unicode character database (Debian's unicode-data, 15.0).

Stored are only the classes that the splitters use: letter (general category L*), number (N*), space (White_Space), other;
the other word characters (regex \\w, UTS #18 annex C): alphabetic, marks, decimal digits, connectors, joiners; and
punctuation (P*).
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


def read_categories(wanted):
    lines = [line.split(";") for line in (UCD / "UnicodeData.txt").read_text().splitlines()]
    return {int(line[0], 16) for line in lines if line[2] in wanted or line[2][0] in wanted}


def read_words():
    """With most letters."""
    points = read_property("DerivedCoreProperties.txt", "Alphabetic") | read_property("PropList.txt", "Join_Control")
    return points | read_categories(("M", "Nd", "Pc"))


def ranges_of(points, left_out=()):
    """First and last of each run of points; those that are left out may lie inside a run."""
    ranges = []
    for point in sorted(points.difference(left_out)):
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
    words = ranges_of(read_words(), {point for point in range(end) if classes[point] == LETTER})
    punctuation = ranges_of(read_categories("P"))
    packed = [byte for block in blocks for byte in pack(block)]
    OUTPUT.write_text("\n".join([
        f"// Made by tools/unicode_tables.py from the Unicode character database {VERSION}; see unicode.h.",
        "// clang-format off", "#include \"tokenizer/unicode.h\"", "", "namespace puna {", "",
        f"const uint32_t unicode_end = {hex(end)};", "",
        table("uint8_t", "unicode_block", index), "",
        table("uint8_t", "unicode_classes", packed), "",
        table("uint32_t", "unicode_word_ranges", words), "",
        f"const size_t unicode_word_range_count = {len(words) // 2};", "",
        table("uint32_t", "unicode_punctuation_ranges", punctuation), "",
        f"const size_t unicode_punctuation_range_count = {len(punctuation) // 2};", "",
        "}  // namespace puna", ""]))


main()
