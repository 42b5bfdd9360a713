#!/usr/bin/python3
"""Write src/tokenizer/unicode_tables.cpp from the Unicode character database (Debian's unicode-data, 15.0).

Only the class that the splitter asks for is kept: letter (general category L*), number (N*), space (White_Space), other.
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
    for line in (UCD / "PropList.txt").read_text().splitlines():
        fields = [field.strip() for field in line.split("#")[0].split(";")]
        if fields[-1] == "White_Space":
            first, _, last = fields[0].partition("..")
            for point in range(int(first, 16), int(last or first, 16) + 1):
                classes[point] = SPACE
    return classes


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
        raise SystemExit(f"{UCD} is not of version {VERSION}")
    classes = read_classes()
    end = max(point for point, kind in enumerate(classes) if kind != OTHER) // BLOCK * BLOCK + BLOCK
    blocks = {}
    index = [blocks.setdefault(tuple(classes[at:at + BLOCK]), len(blocks)) for at in range(0, end, BLOCK)]
    packed = [byte for block in blocks for byte in pack(block)]
    OUTPUT.write_text("\n".join([
        f"// Made by tools/unicode_tables.py from the Unicode character database {VERSION}; see unicode.h.",
        "// clang-format off", "#include \"tokenizer/unicode.h\"", "", "namespace puna {", "",
        f"const uint32_t unicode_end = {hex(end)};", "",
        table("uint8_t", "unicode_block", index), "",
        table("uint8_t", "unicode_classes", packed), "",
        "}  // namespace puna", ""]))


main()
