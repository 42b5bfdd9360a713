#!/usr/bin/python3
"""puna chat on a pseudo-terminal, with typed keys. usage: chat_test.py PUNA WRITE_MODEL STARTER"""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time

from terminal_screen import Screen

PUNA, WRITE_MODEL, STARTER = sys.argv[1:4]
TIMEOUT = 120          # seconds; no result depends on it
CTRL_C, CTRL_D, CTRL_Z, UP, LEFT, HOME, BACKSPACE = "\x03", "\x04", "\x1a", "\x1b[A", "\x1b[D", "\x01", "\x7f"
ASTRONAUT, FLAG, CHINESE = "\U0001f469\u200d\U0001f680", "\U0001f1e6\U0001f1f9", "\u4e2d\u6587"


class Terminal:
    """A program whose standard input and output are a terminal, which answers when it is asked for its cursor."""

    def __init__(self, folder, *arguments, model="model", hang_up=signal.SIG_DFL, environment=None, size=(400, 40), joins_emoji=True,
                 shell=None):
        environment = {"TERM": "xterm", **(environment or {})}
        environment = {**os.environ, "XDG_STATE_HOME": f"{folder}/state", "HOME": str(folder), "LC_ALL": "C.UTF-8", **environment}
        environment = {name: value for name, value in environment.items() if value is not None}
        command = [PUNA, "chat", f"{folder}/{model}" if model == "model" else model, "--threads", "1", "--temperature", "0", *arguments]
        command += [] if "--context" in arguments or model != "model" else ["--context", "200000"]
        ready, go = os.pipe()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.read(ready, 1)                   # until the terminal has its size
            signal.signal(signal.SIGHUP, hang_up)
            if shell:
                shell(lambda: os.execve(PUNA, command, environment))
            os.execve(PUNA, command, environment)
        self.raw, self.all, self.screen, self.seen = "", b"", "", 0
        self.display = Screen(*size, joins_emoji)
        self.set_size(*size)
        os.write(go, b"x")
        os.close(ready)
        os.close(go)

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.display.resize(columns, rows)
        self.set_size(columns, rows)

    def read(self):
        if not select.select([self.master], [], [], TIMEOUT)[0]:
            raise AssertionError(f"no output after: {self.screen[-2000:]!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:         # the other end is closed
            data = b""
        self.all += data
        self.raw += data.decode(errors="surrogateescape")
        whole = re.search(r"(\x1b(\[[0-9;?]*)?)?[\udc80-\udcff]*$", self.raw).start()        # a sequence may be split between two reads
        self.screen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw[:whole])
        self.display.feed(self.raw[:whole])
        self.raw = self.raw[whole:]
        if self.display.replies:
            replies, self.display.replies = self.display.replies, ""
            self.type(replies)
        return bool(data)

    def shows(self, *lines):
        """Waits until the terminal's last lines are these, with the cursor in the last one."""
        deadline = time.monotonic() + TIMEOUT
        while self.display.last(len(lines)) != list(lines):
            assert time.monotonic() < deadline and self.read(), (lines, self.display.text()[-2000:])

    def wait_for_answer(self):
        """Waits until an answer is being streamed; it would continue for a hundred thousand tokens."""
        self.expect(r"[a-z ]{20}", re.compile)

    def expect(self, text, pattern=lambda text: re.compile(re.escape(text))):
        """Waits for `text`, and returns the output before it since the last call."""
        while not (found := pattern(text).search(self.screen, self.seen)):
            if not self.read():
                raise AssertionError(f"the program ended before {text!r}: {self.screen[-2000:]!r}")
        before, self.seen = self.screen[self.seen:found.start()], found.end()
        return before

    def type(self, text):
        os.write(self.master, text.encode())

    def enter(self, text):
        self.type(text + "\r")

    def paste(self, text):
        self.type(f"\x1b[200~{text}\x1b[201~")

    def at_prompt(self):
        return self.expect("\n> ") if self.seen else self.expect("> ")

    def end(self):
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def saved(terminal, folder):
    """The messages of the conversation, through /save."""
    path = pathlib.Path(folder) / "saved.json"
    path.unlink(missing_ok=True)
    terminal.enter(f"/save {path}")
    terminal.expect("saved ")
    terminal.at_prompt()
    return [(message["role"], message["content"]) for message in json.loads(path.read_text())["messages"]]


def leave(terminal):
    terminal.enter("/exit")
    assert terminal.end() == 0


def ctrl_c_stops_the_answer_but_not_the_program(folder):
    terminal = Terminal(folder)
    terminal.at_prompt()
    terminal.enter("hi")
    terminal.wait_for_answer()
    terminal.type(CTRL_C)
    terminal.expect("[stopped: Ctrl-C]")
    terminal.expect("tokens/s")
    terminal.at_prompt()
    messages = saved(terminal, folder)
    assert [role for role, _ in messages] == ["user", "assistant"] and messages[0][1] == "hi", messages
    assert len(messages[1][1]) >= 20, messages      # the partial answer stays
    terminal.enter("again")
    terminal.wait_for_answer()
    terminal.type(CTRL_C)
    terminal.at_prompt()
    assert len(saved(terminal, folder)) == 4
    leave(terminal)


def ctrl_c_at_the_prompt_clears_the_line(folder):
    terminal = Terminal(folder, "--max-tokens", "5")
    terminal.at_prompt()
    terminal.type("never sent" + CTRL_C)
    terminal.at_prompt()
    terminal.enter('"""a block')
    terminal.expect("\n. ")
    terminal.type("of lines" + CTRL_C)
    terminal.at_prompt()
    terminal.enter("sent")
    terminal.expect("5 tokens")
    terminal.at_prompt()
    assert saved(terminal, folder)[0] == ("user", "sent")
    leave(terminal)


def messages_have_several_lines(folder):
    terminal = Terminal(folder, "--max-tokens", "3")
    terminal.at_prompt()
    terminal.enter('"""')
    terminal.expect("\n. ")
    terminal.enter("/help is not a command here")
    terminal.expect("\n. ")
    terminal.enter('  second"""')
    terminal.expect("3 tokens")
    terminal.at_prompt()
    terminal.enter("one\\")
    terminal.expect("\n. ")
    terminal.enter("two")
    terminal.expect("3 tokens")
    terminal.at_prompt()
    sent = [content for role, content in saved(terminal, folder) if role == "user"]
    assert sent == ["/help is not a command here\n  second", "one\ntwo"], sent
    leave(terminal)


def a_pasted_text_is_one_message(folder):
    terminal = Terminal(folder, "--max-tokens", "3")
    terminal.at_prompt()
    for pasted, typed, sent in (("one\rtwo\n\r  grün\tthree\r", "", "one\ntwo\n\n  grün\tthree"), ("/help\nis sent", " and more", "/help\nis sent and more"),
                                ("\n".join(f"line {i} of many" for i in range(300)), "", "\n".join(f"line {i} of many" for i in range(300)))):
        terminal.paste(pasted)
        terminal.enter(typed)
        terminal.expect("3 tokens")
        terminal.at_prompt()
        assert saved(terminal, folder)[-2] == ("user", sent), saved(terminal, folder)
    terminal.type("a typed ")
    terminal.paste("line" + CTRL_C)
    terminal.type(CTRL_C)                               # a pasted Ctrl-C is not a key
    terminal.at_prompt()
    terminal.paste("/help\r")
    terminal.enter("")
    terminal.expect("/save")
    terminal.at_prompt()
    terminal.enter("/reset")
    terminal.at_prompt()
    terminal.enter(UP + UP + UP + UP)                     # past /reset, /help and /save
    terminal.expect("3 tokens")
    terminal.at_prompt()
    assert saved(terminal, folder)[0][1].startswith("line 0 of many\nline 1"), saved(terminal, folder)
    leave(terminal)


def lines_are_edited_and_saved_in_the_history(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    terminal.enter("grüsx" + BACKSPACE + "se")
    terminal.expect("2 tokens")
    terminal.at_prompt()
    terminal.enter(UP)
    terminal.expect("2 tokens")
    terminal.at_prompt()
    assert [content for role, content in saved(terminal, folder) if role == "user"] == ["grüsse", "grüsse"]
    leave(terminal)
    history = pathlib.Path(folder) / "state/puna/history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    terminal.enter(UP + UP + UP)                      # past /exit and /save
    terminal.expect("2 tokens")
    terminal.at_prompt()
    assert saved(terminal, folder)[0] == ("user", "grüsse")
    leave(terminal)


def two_chats_share_a_history(folder):
    chats = [Terminal(folder, "--max-tokens", "2") for _ in range(2)]
    for number, terminal in enumerate(chats):
        terminal.at_prompt()
        terminal.enter(f"typed in {number}")
        terminal.expect("2 tokens")
        terminal.at_prompt()
    for terminal in chats:
        leave(terminal)
    history = (pathlib.Path(folder) / "state/puna/history").read_text()
    assert "typed\\040in\\0400" in history and "typed\\040in\\0401" in history, history


def conversations_are_saved_and_loaded(folder):
    terminal = Terminal(folder, "--max-tokens", "4", "--seed", "9")
    terminal.at_prompt()
    terminal.enter("/system be brief")
    terminal.at_prompt()
    terminal.enter("hi")
    terminal.expect("4 tokens")
    terminal.at_prompt()
    before = saved(terminal, folder)
    assert [role for role, _ in before] == ["system", "user", "assistant"], before
    leave(terminal)
    path = pathlib.Path(folder) / "loaded.json"
    (pathlib.Path(folder) / "saved.json").rename(path)
    assert json.loads(path.read_text())["options"]["seed"] == 9

    terminal = Terminal(folder, "--max-tokens", "4")
    terminal.at_prompt()
    terminal.enter(f"/load {path}")
    terminal.expect("loaded 3 messages")
    terminal.expect("> hi")
    terminal.expect(before[2][1])
    terminal.at_prompt()
    assert saved(terminal, folder) == before
    terminal.enter("/reset")
    terminal.at_prompt()
    assert saved(terminal, folder) == before[:1]
    lines = pathlib.Path(folder) / "lines.jsonl"
    record = '{"messages": [{"role": "user", "content": "precious"}, {"role": "assistant", "content": "yes"}]}\n'
    for records in (1, 2):
        lines.write_text(record * records)
        name = f"{lines}:1" if records > 1 else f"{lines}"
        terminal.enter(f"/load {name}")
        terminal.expect("loaded 2 messages")
        terminal.at_prompt()
        terminal.enter(f"/save {name}")
        terminal.expect(".json" if records == 1 else "is one of several")
        terminal.at_prompt()
        assert lines.read_text() == record * records and not pathlib.Path(f"{lines}:1").exists()
    kept = pathlib.Path(folder) / "state/puna/conversation.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    terminal.enter("/load")
    terminal.expect("loaded 3 messages")
    terminal.at_prompt()
    assert saved(terminal, folder) == before
    terminal.enter("/reset")
    terminal.at_prompt()
    os.mkfifo(f"{folder}/pipe")
    (pathlib.Path(folder) / "notes").write_text("precious")
    terminal.enter(f"/load {folder}/pipe")
    terminal.expect("pipe: is not a regular file")
    terminal.at_prompt()
    terminal.enter(f"/save {folder}/notes")
    terminal.expect("notes: already exists and is not a conversation")
    terminal.at_prompt()
    assert (pathlib.Path(folder) / "notes").read_text() == "precious"
    terminal.enter(f"/save {path}")                   # a conversation of this chat
    terminal.expect("saved ")
    terminal.at_prompt()
    other = pathlib.Path(folder) / "other.json"
    other.write_text('{"messages": [{"role": "user", "content": "precious"}]}')
    terminal.enter(f"/save {other}")
    terminal.expect("other.json: already exists; choose another file, or /save --force ")
    terminal.at_prompt()
    assert "precious" in other.read_text()
    terminal.enter("/save --force")
    terminal.expect("/save needs a file")
    terminal.at_prompt()
    terminal.type(f"/save --force {folder}/oth\t")
    terminal.expect("other.json")
    terminal.enter("")
    terminal.expect("saved ")
    terminal.at_prompt()
    assert "precious" not in other.read_text()
    blanks = pathlib.Path(folder) / "blanks.json"
    blanks.write_text('{"messages": []}')
    terminal.enter(f"/save   --force   {blanks}")
    terminal.expect("saved ")
    terminal.at_prompt()
    assert "options" in blanks.read_text()
    for name, content, problem in [("none.json", None, "none.json"), ("broken.json", '{"messages": [{', "not valid JSON"),
                                   ("role.json", '{"messages": [{"role": "king", "content": "x"}]}', "king")]:
        if content:
            (pathlib.Path(folder) / name).write_text(content)
        terminal.enter(f"/load {folder}/{name}")
        terminal.expect("puna: ")
        terminal.expect(problem)
        terminal.at_prompt()
    terminal.enter("/save /nowhere/file")
    terminal.expect("puna: /nowhere/file")
    terminal.at_prompt()
    assert saved(terminal, folder) == before[:1]
    leave(terminal)


def a_full_context_is_told_with_what_helps(folder):
    terminal = Terminal(folder, "--context", "160", "--max-tokens", "40")
    terminal.at_prompt()
    terminal.enter("x" * 150)
    terminal.expect("the message is too long: ")
    prompt, context = map(int, re.findall(r"\d+", terminal.expect("; shorten it")))
    assert prompt > 150 and context == 160, (prompt, context)
    terminal.expect("--context (this model allows 200,000 tokens)")
    terminal.at_prompt()
    assert saved(terminal, folder) == []
    for number in range(2):
        terminal.enter("short")
        terminal.expect("40 tokens")
    left = int(terminal.expect(" of 160 tokens left; /trim removes the oldest turns").rsplit(" ", 1)[-1])
    assert 0 < left < 40, left
    terminal.at_prompt()
    terminal.enter("y" * 50)
    terminal.expect("the conversation is too long: ")
    terminal.expect("; /trim removes the oldest turns")
    terminal.at_prompt()
    terminal.enter("/trim")
    terminal.expect('removed "short" and its answer')
    terminal.expect("of 160 tokens are free")
    terminal.at_prompt()
    assert len(saved(terminal, folder)) == 2
    terminal.enter("y" * 50)                                # what was advised helps; the answer takes what is left
    terminal.expect("[stopped: the context of 160 tokens is full; /trim removes the oldest turns, then /retry answers again]")
    terminal.at_prompt()
    terminal.enter("/trim")
    terminal.at_prompt()
    terminal.enter("/retry")
    terminal.expect("again: ")
    terminal.expect("40 tokens")
    terminal.at_prompt()
    leave(terminal)
    terminal = Terminal(folder, "--context", "120")     # without --max-tokens the answer fills the context
    terminal.at_prompt()
    terminal.enter("hi")
    terminal.expect("[stopped: the context of 120 tokens is full; /reset starts a new conversation, or start again with a larger --context")
    terminal.at_prompt()
    terminal.enter("more")
    terminal.expect("the conversation is too long: ")
    terminal.expect("; /reset starts a new one")
    terminal.at_prompt()
    leave(terminal)


def the_model_is_introduced(folder):
    terminal = Terminal(folder)
    assert re.fullmatch(r"model: [\d.]+ k parameters, context of 200,000 tokens \(puna [\d.]+\)\r\n/help lists the commands\r\n\r\n", terminal.at_prompt())
    terminal.type(CTRL_C)
    terminal.expect("Ctrl-D or /exit leaves")
    terminal.at_prompt()
    leave(terminal)


def turns_are_repeated_and_removed(folder):
    terminal = Terminal(folder, "--max-tokens", "4", "--temperature", "5", "--seed", "3")
    terminal.at_prompt()
    for message in ("one", "two", "two"):
        terminal.enter(message if message != "two" or len(saved(terminal, folder)) < 4 else "/retry")
        terminal.expect("4 tokens")
        terminal.at_prompt()
    first = saved(terminal, folder)
    assert [content for role, content in first if role == "user"] == ["one", "two"], first
    terminal.enter("/retry")
    terminal.expect('again: "two"')
    terminal.expect("4 tokens")
    terminal.at_prompt()
    second = saved(terminal, folder)
    assert second[:3] == first[:3] and second[3] != first[3], (first, second)       # with another seed
    terminal.enter(f"/set seed {2**63 - 1}")
    terminal.at_prompt()
    terminal.enter("/retry")
    terminal.expect('again: "two"')
    terminal.expect("4 tokens")                       # after the largest seed comes 0
    terminal.at_prompt()
    terminal.enter("/undo")
    terminal.expect('removed "two" and its answer')
    terminal.at_prompt()
    assert saved(terminal, folder) == first[:2]
    terminal.enter("/undo")
    terminal.at_prompt()
    for command in ("/undo", "/retry"):
        terminal.enter(command)
        terminal.expect("there is no message")
        terminal.at_prompt()
    leave(terminal)


def options_are_shown_and_set(folder):
    terminal = Terminal(folder, "--max-tokens", "4")
    terminal.at_prompt()
    terminal.enter("/set")
    for name, value in (("temperature", "0"), ("top_k", "off"), ("seed", "from the clock"), ("max_tokens", "4"), ("stop", "none")):
        terminal.expect(name)
        assert terminal.expect(value).isspace(), name
    terminal.at_prompt()
    terminal.enter("/set max-tokens 7")
    terminal.expect("max_tokens 7")
    terminal.at_prompt()
    terminal.enter("hi")
    terminal.expect("7 tokens")
    terminal.at_prompt()
    for setting, answer in (("temperature hot", "temperature must be a number, not 'hot'"), ("top_p 0.5", "top_p: has no effect"),
                            ("temprature 1", "unknown option 'temprature'. Did you mean 'temperature'?"), ("max_tokens 300000", "; use a smaller one"),
                            ("stop a\\n", "stop a\\x0a"), ("stop default", "stop none"), ("max_tokens default", "max_tokens 4"), ("seed", "seed from the clock")):
        terminal.enter(f"/set {setting}")
        terminal.expect(answer)
        terminal.at_prompt()
    terminal.enter("/system")
    terminal.expect("no system message")
    terminal.at_prompt()
    terminal.enter("/system be brief")
    terminal.expect("system message: be brief")
    terminal.at_prompt()
    terminal.enter("/system")
    terminal.expect("system message: be brief")
    terminal.at_prompt()
    terminal.enter("/info")
    for part in ("parameters", "chat_template.jinja", "of 200,000 tokens used by 3 messages", "max_tokens             4"):
        terminal.expect(part)
    terminal.at_prompt()
    terminal.enter("/system -")
    terminal.expect("no system message")
    terminal.at_prompt()
    leave(terminal)


def tab_completes(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    terminal.type("/und\t")
    terminal.shows("> /undo")
    terminal.type("\x15/set te\t")
    terminal.shows("> /set temperature")
    terminal.type("0.5\r")
    terminal.expect("temperature 0.5")
    terminal.at_prompt()
    (pathlib.Path(folder) / "talk one.json").write_text('{"messages": []}')
    terminal.type(f"/load {folder}/ta\t\r")
    terminal.expect("loaded 0 messages")
    terminal.at_prompt()
    terminal.type("/s\t")
    terminal.shows("/save     /set      /system", "> /s")
    terminal.type("\x15not a command\t")
    terminal.shows("> not a command")
    terminal.type(CTRL_C)
    terminal.at_prompt()
    leave(terminal)


def words_are_not_broken(folder):
    terminal = Terminal(folder, model=STARTER, size=(30, 40))
    terminal.at_prompt()
    terminal.enter("Tell me a story.")
    terminal.expect("tokens/s")
    terminal.at_prompt()
    lines = terminal.display.text().split("\n")
    answer = lines[lines.index("> Tell me a story.") + 1:-3]
    assert len(answer) > 5 and all(len(line) <= 30 for line in answer), answer
    assert " ".join(answer).split() == saved(terminal, folder)[1][1].split(), answer
    for line, following in zip(answer, answer[1:]):
        if following and line:
            assert len(line) + 1 + len(following.split()[0]) > 30 or line.endswith((".", '"')), (line, following)
    leave(terminal)


def keys_typed_during_an_answer_wait_for_the_prompt(folder):
    terminal = Terminal(folder, "--max-tokens", "3000")
    terminal.at_prompt()
    terminal.enter("hi")
    terminal.wait_for_answer()
    terminal.type("/system ahead\r/sys")
    answer = terminal.expect("tokens/s")
    assert "ahead" not in answer and "^" not in answer, answer[-200:]
    terminal.expect("> /system ahead")
    terminal.expect("system message: ahead")
    terminal.shows("> /sys")
    terminal.type("\x15")
    terminal.enter("/set max_tokens 100000")
    terminal.at_prompt()
    terminal.enter("hi")
    terminal.wait_for_answer()
    terminal.type("never sent\r")
    terminal.type(CTRL_C)                                   # stops what was typed ahead, too
    assert "^C" not in terminal.expect("[stopped: Ctrl-C]")
    terminal.at_prompt()
    messages = [content for role, content in saved(terminal, folder) if role == "user"]
    assert messages == ["hi", "hi"], messages
    leave(terminal)


def emoji_and_wide_characters_are_edited_by_character(folder):
    for joins_emoji in (True, False):
        terminal = Terminal(folder, "--max-tokens", "2", size=(40, 20), joins_emoji=joins_emoji)
        terminal.at_prompt()
        terminal.type(f"a{ASTRONAUT}{FLAG}{CHINESE}b" + LEFT * 4 + "X" + LEFT + BACKSPACE)
        terminal.shows(f"> aX{FLAG}{CHINESE}b")
        terminal.type(HOME + "\x1b[C" * 3 + "Y")
        terminal.shows(f"> aX{FLAG}Y{CHINESE}b")
        terminal.enter("")
        terminal.expect("2 tokens")
        terminal.at_prompt()
        terminal.paste(f"{CHINESE * 9}\n{ASTRONAUT * 3}")
        terminal.type(UP + HOME + "x" * 25)
        width = 6 if joins_emoji else 12
        terminal.shows("> " + "x" * 25 + CHINESE * 3, CHINESE * 6, f"  {ASTRONAUT * 3}")
        terminal.type("\x1b[B" + BACKSPACE)
        terminal.shows(f"  {ASTRONAUT * 2}")
        assert terminal.display.column == 2 + width * 2 // 3
        terminal.enter("")
        terminal.expect("2 tokens")
        terminal.at_prompt()
        sent = [content for role, content in saved(terminal, folder) if role == "user"]
        assert sent == [f"aX{FLAG}Y{CHINESE}b", "x" * 25 + CHINESE * 9 + f"\n{ASTRONAUT * 2}"], sent
        leave(terminal)


def a_terminal_that_does_not_answer_is_not_waited_for(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.display.apply = lambda parameters, command: command == "n" or Screen.apply(terminal.display, parameters, command)
    terminal.at_prompt()
    terminal.enter(f"a{ASTRONAUT}b")
    terminal.expect("2 tokens")
    terminal.at_prompt()
    terminal.type(f"{FLAG}c" + LEFT + "d")
    terminal.shows(f"> {FLAG}dc")
    terminal.type(CTRL_C)
    terminal.at_prompt()
    leave(terminal)


def ctrl_c_in_a_pasted_text_leaves_it_as_it_was(folder):
    terminal = Terminal(folder, "--max-tokens", "2", size=(40, 20))
    terminal.at_prompt()
    terminal.paste("one\ntwo\nthree")
    terminal.type(UP + UP + CTRL_C)
    terminal.shows("> one", "  two", "  three", ">")
    leave(terminal)


def a_resized_terminal_shows_the_text_once(folder):
    terminal = Terminal(folder, "--max-tokens", "2", size=(60, 20))
    terminal.at_prompt()
    terminal.type("0123456789" * 7)
    terminal.shows("> " + ("0123456789" * 6)[:58], "89" + "0123456789")
    for columns in (45, 20, 33, 100):
        terminal.resize(columns, 20)
        text = "> " + "0123456789" * 7
        terminal.shows("", *(text[i:i + columns] for i in range(0, len(text), columns)))
        assert terminal.display.text().count("> 01") == 1, terminal.display.text()
    terminal.type(CTRL_C)
    terminal.at_prompt()
    leave(terminal)


def a_stopped_chat_gives_the_terminal_back(folder):
    def shell(run):
        """Runs the program in the foreground; when it stops, tells whether keys are shown, and continues it."""
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpgrp())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            run()
        while True:
            _, status = os.waitpid(child, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                os._exit(os.waitstatus_to_exitcode(status))
            os.tcsetpgrp(0, os.getpgrp())
            shown = termios.tcgetattr(0)[3] & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON
            os.write(1, b"[stopped, keys are %s]\n" % (b"shown" if shown else b"hidden"))
            os.tcsetpgrp(0, child)
            os.kill(child, signal.SIGCONT)
    terminal = Terminal(folder, shell=shell)
    terminal.at_prompt()
    terminal.type("typed" + LEFT + CTRL_Z)
    terminal.expect("[stopped, keys are shown]")
    terminal.shows("> typed")
    terminal.type("X")
    terminal.shows("> typeXd")
    terminal.enter("")
    terminal.wait_for_answer()
    terminal.type(CTRL_Z)
    terminal.expect("[stopped, keys are shown]")
    terminal.wait_for_answer()                          # goes on
    terminal.type("hidden" + CTRL_C)
    assert "hidden" not in terminal.expect("[stopped: Ctrl-C]")
    terminal.at_prompt()
    assert saved(terminal, folder)[0] == ("user", "typeXd")
    leave(terminal)


def commands_are_not_sent_to_the_model(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    terminal.enter("/help")
    for name in ("/retry", "/undo", "/trim", "/reset", "/system", "/set", "/info", "/save", "/load", "/exit", "state/puna/history"):
        terminal.expect(name)
    terminal.at_prompt()
    terminal.enter("/hlep")
    terminal.expect("unknown command '/hlep'. Did you mean '/help'?")
    terminal.at_prompt()
    terminal.enter("/?")
    terminal.expect("/help")
    terminal.at_prompt()
    terminal.enter("/save")
    terminal.expect("/save needs a file")
    terminal.at_prompt()
    assert saved(terminal, folder) == []
    leave(terminal)


def escape_sequences_are_sent_only_to_terminals_that_support_them(folder):
    def bytes_of_a_chat(**environment):
        terminal = Terminal(folder, "--max-tokens", "4", environment=environment)
        terminal.at_prompt()
        terminal.enter("hi")
        terminal.expect("4 tokens")
        terminal.at_prompt()
        terminal.enter("/help")
        terminal.expect("Ctrl-C")
        terminal.at_prompt()
        leave(terminal)
        return terminal.all
    color = re.compile(rb"\x1b\[[0-9;]*m")
    assert color.search(bytes_of_a_chat(NO_COLOR=None))
    for term in ("dumb", "", None, "vt52", "emacs", "unknown", "no-such-terminal"):
        seen = bytes_of_a_chat(TERM=term, COLORTERM="truecolor")
        assert b"\x1b" not in seen, (term, seen)
    assert not color.search(bytes_of_a_chat(NO_COLOR="1"))


def ctrl_d_leaves(folder):
    terminal = Terminal(folder)
    terminal.at_prompt()
    terminal.type(CTRL_D)
    assert terminal.end() == 0


def a_closed_terminal_ends_the_program(folder):
    close_during_an_answer(Terminal(folder), (-signal.SIGHUP, 0))                 # by the signal, unless a write fails first
    close_during_an_answer(Terminal(folder, hang_up=signal.SIG_IGN), (0,))        # as under nohup


def close_during_an_answer(terminal, expected):
    terminal.at_prompt()
    terminal.enter("hi")
    terminal.wait_for_answer()
    os.close(terminal.master)
    deadline = time.monotonic() + TIMEOUT
    while not (gone := os.waitpid(terminal.pid, os.WNOHANG))[0]:
        assert time.monotonic() < deadline, "still running"
        time.sleep(0.05)
    assert os.waitstatus_to_exitcode(gone[1]) in expected, (gone, expected)


chosen = sys.argv[4:]           # names of tests; none: all
for test in (the_model_is_introduced, ctrl_c_stops_the_answer_but_not_the_program, ctrl_c_at_the_prompt_clears_the_line,
             keys_typed_during_an_answer_wait_for_the_prompt, messages_have_several_lines, a_pasted_text_is_one_message,
             emoji_and_wide_characters_are_edited_by_character, a_terminal_that_does_not_answer_is_not_waited_for,
             ctrl_c_in_a_pasted_text_leaves_it_as_it_was, a_resized_terminal_shows_the_text_once, a_stopped_chat_gives_the_terminal_back,
             lines_are_edited_and_saved_in_the_history, two_chats_share_a_history, tab_completes, conversations_are_saved_and_loaded,
             words_are_not_broken, a_full_context_is_told_with_what_helps, turns_are_repeated_and_removed, options_are_shown_and_set,
             commands_are_not_sent_to_the_model, escape_sequences_are_sent_only_to_terminals_that_support_them, ctrl_d_leaves,
             a_closed_terminal_ends_the_program):
    if chosen and test.__name__ not in chosen:
        continue
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([WRITE_MODEL, f"{scratch}/model", "200000"], check=True)
        print(test.__name__.replace("_", " "), flush=True)
        test(scratch)
