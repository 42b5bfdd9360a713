#!/usr/bin/python3
"""puna chat on a pseudo-terminal, as a person uses it. usage: chat_test.py PUNA WRITE_MODEL"""
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
PATIENCE = 120          # seconds until a test gives up waiting: no result depends on it
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
        if not select.select([self.master], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing came after: {self.screen[-2000:]!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:         # the other end is gone
            data = b""
        self.all += data
        self.raw += data.decode(errors="replace")
        whole = re.search(r"(\x1b(\[[0-9;?]*)?)?$", self.raw).start()             # a sequence may come in two halves
        self.screen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw[:whole])
        self.raw = self.raw[whole:]
        return bool(data)

    def babble(self):
        """Waits until an answer is being made: it would go on for a hundred thousand tokens."""
        self.expect(r"[a-z ]{20}", re.compile)

    def expect(self, text, pattern=lambda text: re.compile(re.escape(text))):
        """Waits until `text` has come, and returns what came before it since the last call."""
        while not (found := pattern(text).search(self.screen, self.seen)):
            if not self.read():
                raise AssertionError(f"the program ended before {text!r}: {self.screen[-2000:]!r}")
        before, self.seen = self.screen[self.seen:found.start()], found.end()
        return before

    def type(self, text):
        os.write(self.master, text.encode())

    def say(self, text):
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
    terminal.say(f"/save {path}")
    terminal.expect("saved ")
    terminal.at_prompt()
    return [(message["role"], message["content"]) for message in json.loads(path.read_text())["messages"]]


def leave(terminal):
    terminal.say("/exit")
    assert terminal.end() == 0


def ctrl_c_stops_the_answer_and_not_the_program(folder):
    terminal = Terminal(folder)
    terminal.at_prompt()
    terminal.say("hi")
    terminal.babble()
    terminal.type(CTRL_C)
    terminal.expect("[stopped: Ctrl-C]")
    terminal.expect("tokens/s")
    terminal.at_prompt()
    messages = saved(terminal, folder)
    assert [role for role, _ in messages] == ["user", "assistant"] and messages[0][1] == "hi", messages
    assert len(messages[1][1]) >= 20, messages      # what was said stays
    terminal.say("again")
    terminal.babble()
    terminal.type(CTRL_C)
    terminal.at_prompt()
    assert len(saved(terminal, folder)) == 4
    leave(terminal)


def ctrl_c_at_the_prompt_gives_up_the_line(folder):
    terminal = Terminal(folder, "--max-tokens", "5")
    terminal.at_prompt()
    terminal.type("never said" + CTRL_C)
    terminal.at_prompt()
    terminal.say('"""a block')
    terminal.expect("\n. ")
    terminal.type("of lines" + CTRL_C)
    terminal.at_prompt()
    terminal.say("said")
    terminal.expect("5 tokens")
    terminal.at_prompt()
    assert saved(terminal, folder)[0] == ("user", "said")
    leave(terminal)


def messages_have_several_lines(folder):
    terminal = Terminal(folder, "--max-tokens", "3")
    terminal.at_prompt()
    terminal.say('"""')
    terminal.expect("\n. ")
    terminal.say("/help is no command here")
    terminal.expect("\n. ")
    terminal.say('  second"""')
    terminal.expect("3 tokens")
    terminal.at_prompt()
    terminal.say("one\\")
    terminal.expect("\n. ")
    terminal.say("two")
    terminal.expect("3 tokens")
    terminal.at_prompt()
    said = [content for role, content in saved(terminal, folder) if role == "user"]
    assert said == ["/help is no command here\n  second", "one\ntwo"], said
    leave(terminal)


def a_pasted_text_is_one_message(folder):
    terminal = Terminal(folder, "--max-tokens", "3")
    terminal.at_prompt()
    for pasted, typed, said in (("one\rtwo\n\r  grün\tthree\r", "", "one\ntwo\n\n  grün\tthree"), ("/help\nis said", " and more", "/help\nis said and more"),
                                ("\n".join(f"line {i} of many" for i in range(300)), "", "\n".join(f"line {i} of many" for i in range(300)))):
        terminal.paste(pasted)
        terminal.say(typed)
        terminal.expect("3 tokens")
        terminal.at_prompt()
        assert saved(terminal, folder)[-2] == ("user", said), saved(terminal, folder)
    terminal.type("a typed ")
    terminal.paste("line" + CTRL_C)
    terminal.type(CTRL_C)                               # one that was pasted is no key
    terminal.at_prompt()
    terminal.paste("/help\r")
    terminal.say("")
    terminal.expect("/save")
    terminal.at_prompt()
    terminal.say("/reset")
    terminal.at_prompt()
    terminal.say(UP + UP + UP + UP)                     # over /reset, /help and /save
    terminal.expect("3 tokens")
    terminal.at_prompt()
    assert saved(terminal, folder)[0][1].startswith("line 0 of many\nline 1"), saved(terminal, folder)
    leave(terminal)


def lines_are_edited_and_remembered(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    terminal.say("grüsx" + BACKSPACE + "se")
    terminal.expect("2 tokens")
    terminal.at_prompt()
    terminal.say(UP)
    terminal.expect("2 tokens")
    terminal.at_prompt()
    assert [content for role, content in saved(terminal, folder) if role == "user"] == ["grüsse", "grüsse"]
    leave(terminal)
    history = pathlib.Path(folder) / "state/puna/history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    terminal.say(UP + UP + UP)                      # over /exit and /save
    terminal.expect("2 tokens")
    terminal.at_prompt()
    assert saved(terminal, folder)[0] == ("user", "grüsse")
    leave(terminal)


def two_chats_share_a_history(folder):
    chats = [Terminal(folder, "--max-tokens", "2") for _ in range(2)]
    for number, terminal in enumerate(chats):
        terminal.at_prompt()
        terminal.say(f"said in {number}")
        terminal.expect("2 tokens")
        terminal.at_prompt()
    for terminal in chats:
        leave(terminal)
    history = (pathlib.Path(folder) / "state/puna/history").read_text()
    assert "said\\040in\\0400" in history and "said\\040in\\0401" in history, history


def the_line_follows_the_size_of_the_terminal(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 20, 0, 0))
    terminal.type("0123456789" * 5)
    terminal.expect("89")
    while terminal.screen.count("9") < 5:
        terminal.read()
    before = len(terminal.all)
    terminal.say("\x01X")                            # Ctrl-A: to the beginning, two rows above
    terminal.expect("2 tokens")
    assert b"\x1b[A\x1b[A" in terminal.all[before:] or b"\x1b[2A" in terminal.all[before:], terminal.all[before:]
    terminal.at_prompt()
    assert saved(terminal, folder)[0][1] == "X" + "0123456789" * 5
    leave(terminal)


def conversations_are_saved_and_loaded(folder):
    terminal = Terminal(folder, "--max-tokens", "4", "--seed", "9")
    terminal.at_prompt()
    terminal.say("/system be brief")
    terminal.at_prompt()
    terminal.say("hi")
    terminal.expect("4 tokens")
    terminal.at_prompt()
    before = saved(terminal, folder)
    assert [role for role, _ in before] == ["system", "user", "assistant"], before
    leave(terminal)
    path = pathlib.Path(folder) / "kept.json"
    (pathlib.Path(folder) / "saved.json").rename(path)
    assert json.loads(path.read_text())["options"]["seed"] == 9

    terminal = Terminal(folder, "--max-tokens", "4")
    terminal.at_prompt()
    terminal.say(f"/load {path}")
    terminal.expect("loaded 3 messages")
    terminal.at_prompt()
    assert saved(terminal, folder) == before
    terminal.say("/reset")
    terminal.at_prompt()
    assert saved(terminal, folder) == before[:1]
    os.mkfifo(f"{folder}/pipe")
    (pathlib.Path(folder) / "notes").write_text("precious")
    terminal.say(f"/load {folder}/pipe")
    terminal.expect("pipe: is not a regular file")
    terminal.at_prompt()
    terminal.say(f"/save {folder}/notes")
    terminal.expect("notes: already exists and is not a saved conversation")
    terminal.at_prompt()
    assert (pathlib.Path(folder) / "notes").read_text() == "precious"
    terminal.say(f"/save {path}")                   # a conversation
    terminal.expect("saved ")
    terminal.at_prompt()
    for name, content, problem in [("none.json", None, "none.json"), ("broken.json", '{"messages": [{', "not valid JSON"),
                                   ("role.json", '{"messages": [{"role": "king", "content": "x"}]}', "king")]:
        if content:
            (pathlib.Path(folder) / name).write_text(content)
        terminal.say(f"/load {folder}/{name}")
        terminal.expect("puna: ")
        terminal.expect(problem)
        terminal.at_prompt()
    terminal.say("/save /nowhere/file")
    terminal.expect("puna: /nowhere/file")
    terminal.at_prompt()
    assert saved(terminal, folder) == before[:1]
    leave(terminal)


def a_full_context_is_told_with_the_numbers(folder):
    terminal = Terminal(folder, "--context", "120", "--max-tokens", "40")
    terminal.at_prompt()
    terminal.say("x" * 100)
    terminal.expect("the context is full: the prompt has ")
    numbers = terminal.expect("nothing was dropped")
    prompt, asked, context = map(int, re.findall(r"\d+", numbers))
    assert prompt > 100 and asked == 40 and context == 120, numbers
    terminal.at_prompt()
    assert saved(terminal, folder) == []
    terminal.say("short")
    terminal.expect("40 tokens")
    terminal.at_prompt()
    terminal.say("short")
    terminal.expect("the context is full")
    terminal.at_prompt()
    terminal.say("/reset")
    terminal.at_prompt()
    terminal.say("short")
    terminal.expect("40 tokens")
    terminal.at_prompt()
    leave(terminal)
    terminal = Terminal(folder, "--context", "120")     # no number asked for: the answer runs into the end
    terminal.at_prompt()
    terminal.say("hi")
    terminal.expect("[stopped: the context is full")
    terminal.at_prompt()
    leave(terminal)


def commands_help_and_are_not_said_to_the_model(folder):
    terminal = Terminal(folder, "--max-tokens", "2")
    terminal.at_prompt()
    terminal.say("/help")
    for name in ("/system", "/reset", "/save", "/load", "/exit"):
        terminal.expect(name)
    terminal.at_prompt()
    terminal.say("/hlep")
    terminal.expect("unknown command '/hlep'")
    terminal.at_prompt()
    terminal.say("/save")
    terminal.expect("name a file")
    terminal.at_prompt()
    assert saved(terminal, folder) == []
    leave(terminal)


def escape_sequences_are_for_terminals_that_understand_them(folder):
    def bytes_of_a_chat(**environment):
        terminal = Terminal(folder, "--max-tokens", "4", environment=environment)
        terminal.at_prompt()
        terminal.say("hi")
        terminal.expect("4 tokens")
        terminal.at_prompt()
        terminal.say("/help")
        terminal.expect("Ctrl-C")
        terminal.at_prompt()
        leave(terminal)
        return terminal.all
    color = re.compile(rb"\x1b\[[0-9;]*m")
    assert color.search(bytes_of_a_chat(NO_COLOR=None))
    for term in ("dumb", "", None):
        seen = bytes_of_a_chat(TERM=term, COLORTERM="truecolor")
        assert b"\x1b" not in seen, (term, seen)
    assert not color.search(bytes_of_a_chat(NO_COLOR="1"))


def ctrl_d_leaves(folder):
    terminal = Terminal(folder)
    terminal.at_prompt()
    terminal.type(CTRL_D)
    assert terminal.end() == 0


def a_closed_terminal_ends_the_program(folder):
    close_while_it_talks(Terminal(folder), (-signal.SIGHUP, 0))                 # by the signal, unless a write meets the end before it
    close_while_it_talks(Terminal(folder, hang_up=signal.SIG_IGN), (0,))        # as under nohup


def close_while_it_talks(terminal, expected):
    terminal.at_prompt()
    terminal.say("hi")
    terminal.babble()
    os.close(terminal.master)
    deadline = time.monotonic() + PATIENCE
    while not (gone := os.waitpid(terminal.pid, os.WNOHANG))[0]:
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.05)
    assert os.waitstatus_to_exitcode(gone[1]) in expected, (gone, expected)


for test in (ctrl_c_stops_the_answer_and_not_the_program, ctrl_c_at_the_prompt_gives_up_the_line, messages_have_several_lines,
             a_pasted_text_is_one_message, lines_are_edited_and_remembered, two_chats_share_a_history,
             the_line_follows_the_size_of_the_terminal, conversations_are_saved_and_loaded, a_full_context_is_told_with_the_numbers,
             commands_help_and_are_not_said_to_the_model, escape_sequences_are_for_terminals_that_understand_them, ctrl_d_leaves, a_closed_terminal_ends_the_program):
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([WRITE_MODEL, f"{scratch}/model", "200000"], check=True)
        print(test.__name__.replace("_", " "), flush=True)
        test(scratch)
