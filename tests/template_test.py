#!/usr/bin/python3
"""Our prompts have the token ids of Jinja2's output for the chat templates published for Llama 3.1, 3.2 and 3.3, and for
our own templates, which are saved in tokenizer_config.json and give the same ids as the published ones.
usage: template_test.py PUNA ENCODE_CHAT"""
import json
import os
import pathlib
import subprocess
import sys

from jinja_environment import environment

PUNA, ENCODE_CHAT = map(os.path.abspath, sys.argv[1:3])
LLAMA3 = pathlib.Path("../shared/data/tokenizer/llama3")
BEGIN_OF_TEXT = 128000
PUBLISHED = {"llama3.1": "Llama-3.1-8B-Instruct.jinja", "llama3.2": "Llama-3.2-3B-Instruct.jinja", "llama3.3": "Llama-3.3-70B-Instruct.jinja"}

WEATHER = {"type": "function", "function": {"name": "weather", "description": "The weather \"now\" in a city – anywhere",
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 3}, "exact": {"enum": [1.5, None, True, []]}},
                          "required": ["city"]}}}
CLOCK = {"name": "clock", "parameters": {}}
SYSTEM = {"role": "system", "content": "  You are a careful assistant.\nBe brief. \n"}
USER = {"role": "user", "content": "\n\tHello, how are you?  "}
ASSISTANT = {"role": "assistant", "content": " I'm doing great.\n\nHow can I help you today?\n"}
MORE = {"role": "user", "content": "Wie groß ist 東京? 🙂 12345 it's\r\n\r\nx"}


def called(name, **arguments):
    return {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}]}


def answered(content, role="tool"):
    return {"role": role, "content": content}


CALLS = [USER, called("weather", city="Zürich", days=2, exact=1e5), answered({"sky": None, "degrees": [21.0, -3, {}], "ö": "\n\"\\/"}), ASSISTANT, MORE,
         called("clock"), answered("half past \"ten\"\n ", "ipython"), answered([]), answered([{"a": "<b>&'"}]), called("weather", city=""), answered("")]
SEARCHES = [SYSTEM, USER, called("brave_search", query="weather in Vienna", count="3"), answered("sunny"), ASSISTANT, MORE, called("clock"), answered("ten"),
            called("code_interpreter", code="print(1)\n")]
CONVERSATIONS = [
    {"messages": [USER], "add_generation_prompt": True},
    {"messages": [USER]},
    {"messages": [SYSTEM, USER, ASSISTANT, MORE], "add_generation_prompt": True},
    {"messages": [USER, ASSISTANT, MORE, ASSISTANT]},
    {"messages": [{"role": "system", "content": ""}, {"role": "user", "content": ""}, {"role": "assistant", "content": " \n"}]},
    {"messages": [SYSTEM, MORE], "date_string": "05 Nov 2026", "add_generation_prompt": True},
    {"messages": [SYSTEM, USER], "tools": [WEATHER], "add_generation_prompt": True},
    {"messages": [USER, ASSISTANT, MORE], "tools": [WEATHER, CLOCK], "add_generation_prompt": True},
    {"messages": [SYSTEM, USER], "tools": [WEATHER, CLOCK], "tools_in_user_message": False, "date_string": "1 Jan 2025", "add_generation_prompt": True},
    {"messages": CALLS, "tools": [WEATHER, CLOCK], "add_generation_prompt": True},
    {"messages": [SYSTEM, *CALLS], "tools": [CLOCK], "tools_in_user_message": False},
    {"messages": CALLS},
]
BUILTIN = [
    {"messages": SEARCHES, "builtin_tools": ["brave_search", "code_interpreter"], "add_generation_prompt": True},
    {"messages": SEARCHES, "builtin_tools": ["code_interpreter", "brave_search", "wolfram_alpha"], "tools": [CLOCK]},
]


def run(*command, text=""):
    result = subprocess.run([*map(str, command)], input=text.encode(), capture_output=True, timeout=300)
    assert result.returncode == 0, (command, result.stderr)
    return result.stdout.decode()


def ids_of(texts):
    """The ids of each text. All are encoded in one call: each begins with <|begin_of_text|>."""
    lists = []
    for line in run(PUNA, "tokenizer", "encode", "--special", LLAMA3 / "tokenizer.model", text="".join(texts)).split():
        if int(line) == BEGIN_OF_TEXT:
            lists.append([])
        lists[-1].append(int(line))
    return lists


def compare(format, template, conversations):
    """Compares our prompts of this format, and of this template, with those rendered by Jinja2."""
    compiled = environment(None).from_string(template)
    render_all = lambda: [compiled.render(bos_token="<|begin_of_text|>", **conversation) for conversation in conversations]
    rendered = ids_of(render_all())
    for chosen in ({"format": format}, {"template": template}):
        lines = run(ENCODE_CHAT, LLAMA3 / "tokenizer.model", text="".join(json.dumps({**chosen, **c}) + "\n" for c in conversations)).splitlines()
        ours = [[int(id) for id in line.split()] for line in lines]
        if format == "llama3.2" and ours != rendered:
            rendered = ids_of(render_all())             # midnight may have passed
        assert len(ours) == len(rendered) == len(conversations), format
        for conversation, our, theirs in zip(conversations, ours, rendered):
            assert our == theirs, (chosen, conversation, our, theirs)


if not LLAMA3.exists():
    print("skipped: ../shared/data/tokenizer/llama3 is missing")
    sys.exit(77)
for format in ("llama3", *PUBLISHED):
    conversations = CONVERSATIONS + (BUILTIN if format in ("llama3.1", "llama3.3") else [])
    compare(format, run(ENCODE_CHAT, "--template", format), conversations)
    if format in PUBLISHED:
        compare(format, (LLAMA3 / "templates" / PUBLISHED[format]).read_text(), conversations)
