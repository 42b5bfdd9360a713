#!/usr/bin/python3
"""puna chat on a pseudo-terminal, with typed keys. usage: chat_test.py PUNA WRITE_MODEL"""
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

PUNA, WRITE_MODEL = sys.argv[1:3]
TIMEOUT = 120          # seconds; no result depends on it
CTRL_C, CTRL_D, UP, BACKSPACE = "\x03", "\x04", "\x1b[A", "\x7f"


class Terminal:
    """A program whose standard input and output are a terminal."""

    def __init__(self, folder, *arguments, model="model", hang_up=signal.SIG_DFL, environment=None):
        environment = {"TERM": "xterm", **(environment or {})}
        environment = {**os.environ, "XDG_STATE_HOME": f"{folder}/state", "HOME": str(folder), "LC_ALL": "C.UTF-8", **environment}
        environment = {name: value for name, value in environment.items() if value is not None}
        command = [PUNA, "chat", f"{folder}/{model}", "--threads", "1", "--temperature", "0", *arguments]
        command += [] if "--context" in arguments else ["--context", "200000"]
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGHUP, hang_up)
            os.execve(PUNA, command, environment)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 400, 0, 0))
        self.raw, self.all, self.screen, self.seen = "", b"", "", 0

    def read(self):
        if not select.select([self.master], [], [], TIMEOUT)[0]:
            raise AssertionError(f"no output after: {self.screen[-2000:]!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:         # the other end is closed
            data = b""
        self.all += data
        self.raw += data.decode(errors="replace")
        whole = re.search(r"(\x1b(\[[0-9;?]*)?)?$", self.raw).start()             # a sequence may be split between two reads
        self.screen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw[:whole])
        self.raw = self.raw[whole:]
        return bool(data)

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


def the_line_adapts_to_the_terminal_size(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 20, 0, 0))
    terminal.type("0123456789" * 5)
    terminal.expect("89")
    while terminal.screen.count("9") < 5:
        terminal.read()
    before = len(terminal.all)
    terminal.enter("\x01X")                            # Ctrl-A: to the beginning, two rows above
    terminal.expect("2 tokens")
    assert b"\x1b[A\x1b[A" in terminal.all[before:] or b"\x1b[2A" in terminal.all[before:], terminal.all[before:]
    terminal.at_prompt()
    assert saved(terminal, folder)[0][1] == "X" + "0123456789" * 5
    leave(terminal)


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
    terminal.at_prompt()
    assert saved(terminal, folder) == before
    terminal.enter("/reset")
    terminal.at_prompt()
    assert saved(terminal, folder) == before[:1]
    os.mkfifo(f"{folder}/pipe")
    (pathlib.Path(folder) / "notes").write_text("precious")
    terminal.enter(f"/load {folder}/pipe")
    terminal.expect("pipe: is not a regular file")
    terminal.at_prompt()
    terminal.enter(f"/save {folder}/notes")
    terminal.expect("notes: already exists and is not a saved conversation")
    terminal.at_prompt()
    assert (pathlib.Path(folder) / "notes").read_text() == "precious"
    terminal.enter(f"/save {path}")                   # a conversation
    terminal.expect("saved ")
    terminal.at_prompt()
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


def a_full_context_is_reported_with_the_numbers(folder):
    terminal = Terminal(folder, "--context", "120", "--max-tokens", "40")
    terminal.at_prompt()
    terminal.enter("x" * 100)
    terminal.expect("the conversation is too long: ")
    numbers = terminal.expect("shorten the message")
    prompt, asked, context = map(int, re.findall(r"\d+", numbers))
    assert prompt > 100 and asked == 40 and context == 120, numbers
    terminal.at_prompt()
    assert saved(terminal, folder) == []
    terminal.enter("short")
    terminal.expect("40 tokens")
    terminal.at_prompt()
    terminal.enter("short")
    terminal.expect("the conversation is too long")
    terminal.at_prompt()
    terminal.enter("/reset")
    terminal.at_prompt()
    terminal.enter("short")
    terminal.expect("40 tokens")
    terminal.at_prompt()
    leave(terminal)
    terminal = Terminal(folder, "--context", "120")     # without --max-tokens the answer fills the context
    terminal.at_prompt()
    terminal.enter("hi")
    terminal.expect("[stopped: the context is full")
    terminal.at_prompt()
    leave(terminal)


def commands_are_not_sent_to_the_model(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    terminal.enter("/help")
    for name in ("/system", "/reset", "/save", "/load", "/exit"):
        terminal.expect(name)
    terminal.at_prompt()
    terminal.enter("/hlep")
    terminal.expect("unknown command '/hlep'")
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
    assert b"\x1b" not in bytes_of_a_chat(NO_COLOR="1")


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


for test in (ctrl_c_stops_the_answer_but_not_the_program, ctrl_c_at_the_prompt_clears_the_line, messages_have_several_lines,
             a_pasted_text_is_one_message, lines_are_edited_and_saved_in_the_history, two_chats_share_a_history,
             the_line_adapts_to_the_terminal_size, conversations_are_saved_and_loaded, a_full_context_is_reported_with_the_numbers,
             commands_are_not_sent_to_the_model, escape_sequences_are_sent_only_to_terminals_that_support_them, ctrl_d_leaves, a_closed_terminal_ends_the_program):
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([WRITE_MODEL, f"{scratch}/model", "200000"], check=True)
        print(test.__name__.replace("_", " "), flush=True)
        test(scratch)
