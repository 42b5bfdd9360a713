"""What a terminal shows: enough of one for tests of puna chat."""
import re
import unicodedata

PATTERN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\[[0-9;?]*$|\x1b$|.", re.S)
JOINER, EMOJI_STYLE = "\u200d", "\ufe0f"


def width(character):
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """joins_emoji: sequences of emoji are one cluster of two columns; otherwise each emoji is shown by itself, as in older
    terminals. Lines above the screen are kept."""

    def __init__(self, columns, rows, joins_emoji=True):
        self.columns, self.rows, self.joins_emoji = columns, rows, joins_emoji
        self.lines, self.row, self.column = [[]], 0, 0
        self.rest, self.replies = "", ""

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        for match in PATTERN.finditer(text):
            if match[2]:
                self.apply(match[1], match[2])
            elif match[0][0] == "\x1b":
                self.rest = match[0]            # the sequence goes on in the next part
            else:
                self.put(match[0])

    def apply(self, parameters, command):
        count = int(parameters) if parameters.isdigit() else 1
        if command not in "mhl":
            self.column = min(self.column, self.columns - 1)
        if command == "A":
            self.row = max(self.row - count, self.top(), 0)
        elif command == "B":
            self.row = min(self.row + count, len(self.lines) - 1)
        elif command == "C":
            self.column = min(self.column + count, self.columns - 1)
        elif command == "D":
            self.column = max(self.column - count, 0)
        elif command in "JK":
            del self.lines[self.row][self.column:]
            if command == "J":
                del self.lines[self.row + 1:]
        elif command == "n":
            self.replies += f"\x1b[{self.row - self.top() + 1};{self.column + 1}R"
        else:
            assert command in "mhl", (parameters, command)

    def top(self):
        return max(len(self.lines) - self.rows, 0)

    def put(self, character):
        line = self.lines[self.row]
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append([])
        elif character == "\a":
            pass
        elif not self.join(line, character):
            columns = width(character)
            if self.column + columns > self.columns:
                self.column = 0
                self.put("\n")
                line = self.lines[self.row]
            line += [" "] * (self.column + columns - len(line))
            line[self.column:self.column + columns] = [character] + [""] * (columns - 1)
            self.column += columns

    def join(self, line, character):
        at = min(self.column, len(line)) - 1
        while at > 0 and not line[at]:
            at -= 1
        before = line[at] if at >= 0 else ""
        is_flag = len(before) == 1 and all("\U0001f1e6" <= c <= "\U0001f1ff" for c in before + character)
        is_sequence = self.joins_emoji and (before.endswith(JOINER) or "\U0001f3fb" <= character <= "\U0001f3ff" or is_flag)
        if at < 0 or not before or not (is_sequence or width(character) == 0):
            return width(character) == 0
        line[at] += character
        if self.joins_emoji and (character == EMOJI_STYLE or is_flag) and line[at + 1:at + 2] != [""]:
            line.insert(at + 1, "")
            self.column += 1
        return True

    def resize(self, columns, rows):
        """Wraps the lines again, as most terminals do."""
        lines, row, column = [], 0, 0
        for number, line in enumerate(self.lines):
            if number == self.row:
                row, column = len(lines) + self.column // columns, self.column % columns
            parts = max(-(-len(line) // columns), self.column // columns + 1 if number == self.row else 1)
            lines += [line[i * columns:(i + 1) * columns] for i in range(parts)]
        self.lines, self.row, self.column, self.columns, self.rows = lines, row, column, columns, rows

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip("\n")

    def last(self, count=1):
        return self.text().split("\n")[-count:]
