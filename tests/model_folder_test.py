#!/usr/bin/python3
"""Model folders are what others' programs expect: a base model, one that was tuned on conversations, and that one trained on
text again. usage: model_folder_test.py PUNA"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jinja2

PUNA = os.path.abspath(sys.argv[1])
TALK = {"messages": [{"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Hello!"}]}
SHAPE = ["--context", 128, "--dim", 32, "--layers", 1, "--heads", 2, "--kv-heads", 2, "--ffn", 32]


def puna(*arguments, text=""):
    result = subprocess.run([PUNA, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, (arguments, result)
    return result


def read(model, name):
    return json.loads(pathlib.Path(model, f"{name}.json").read_text())


def train(name, data, *flags):
    puna("train", "--data", data, "--output", name, "--steps", 1, "--batch", 1, "--length", 128, "--threads", 2, *flags)


def ends_of(model):
    """The names of the tokens that end its texts and answers."""
    names = {token["id"]: token["content"] for token in read(model, "tokenizer")["added_tokens"]}
    for file in ("config", "generation_config"):
        ids = read(model, file)
        assert names[ids["pad_token_id"]] == read(model, "tokenizer_config")["pad_token"] == "<|finetune_right_pad_id|>", ids
        assert names[ids["bos_token_id"]] == "<|begin_of_text|>"
    return [names[token] for token in ([ids["eos_token_id"]] if isinstance(ids["eos_token_id"], int) else ids["eos_token_id"])]


def card_of(model):
    front, text = re.match(r"---\n(.*?)---\n(.*)", pathlib.Path(model, "README.md").read_text(), re.S).groups()
    assert "library_name: transformers\n" in front
    return front, text


def a_base_model_ends_texts_and_has_no_chat_template():
    train("base", "text", *SHAPE)
    assert ends_of("base") == ["<|end_of_text|>"] and read("base", "tokenizer_config")["eos_token"] == "<|end_of_text|>"
    assert "chat_template" not in read("base", "tokenizer_config") and not pathlib.Path("base/chat_template.jinja").exists()
    front, text = card_of("base")
    assert "base_model" not in front and 'puna generate ./base "' in text and "puna chat" not in text, text
    assert "base: has no chat template, so it may never have seen conversations" in puna("chat", "base", "--max-tokens", 1, text="hi\n").stderr


def a_tuned_model_ends_turns_and_names_its_base():
    puna("data", "pack", "talk.jsonl", "--tokenizer", "base", "--output", "talk")
    train("tuned", "talk", "--from", os.path.abspath("base"))
    config = read("tuned", "tokenizer_config")
    assert ends_of("tuned") == ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"] and config["eos_token"] == "<|eot_id|>"
    prompt = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"]).from_string(config["chat_template"]).render(
        messages=TALK["messages"][:1], add_generation_prompt=True, **config)
    assert re.match(r"<\|begin_of_text\|>.*Hi!<\|eot_id\|><\|start_header_id\|>assistant<\|end_header_id\|>\n\n$", prompt, re.S), prompt
    front, text = card_of("tuned")
    assert 'base_model: "base"\n' in front and "puna chat ./tuned" in text and os.getcwd() not in front + text, front + text
    assert "no chat template" not in puna("chat", "tuned", "--max-tokens", 1, text="hi\n").stderr


def text_after_conversations_takes_nothing_away():
    train("again", "text", "--from", "tuned")
    assert ends_of("again") == ends_of("tuned")
    assert read("again", "tokenizer_config")["chat_template"] == read("tuned", "tokenizer_config")["chat_template"]
    assert "puna chat ./again" in card_of("again")[1]


source = pathlib.Path("docs/tour.md").read_text()
with tempfile.TemporaryDirectory() as scratch:
    os.chdir(scratch)
    pathlib.Path("text.txt").write_text(source)
    pathlib.Path("talk.jsonl").write_text((json.dumps(TALK) + "\n") * 4)
    puna("tokenizer", "train", "text.txt", "--vocabulary", 600, "--output", "tokenizer")
    puna("data", "pack", "text.txt", "--tokenizer", "tokenizer", "--output", "text")
    for test in (a_base_model_ends_texts_and_has_no_chat_template, a_tuned_model_ends_turns_and_names_its_base, text_after_conversations_takes_nothing_away):
        print(test.__name__.replace("_", " "), flush=True)
        test()
    os.chdir("/")
