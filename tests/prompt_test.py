#!/usr/bin/python3
"""`puna prompt` prints what a model sees: the text that Jinja2 renders, with its ids, segments and loss mask.
usage: prompt_test.py PUNA"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from jinja_environment import environment

PUNA = os.path.abspath(sys.argv[1])
STARTER = pathlib.Path("models/starter").resolve()
CHATML = pathlib.Path("tests/templates/chatml.jinja").resolve()
CASES = pathlib.Path("../shared/derivatives/jinja_cases.jsonl").resolve()
HOSTILE = pathlib.Path("../shared/hostile").resolve()
NOW = "2024-07-26T13:05:09"
TALK = [{"role": "user", "content": "Hi <|eot_id|> there"}, {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "A story"}]


def run(*arguments, text="", code=0):
    result = subprocess.run([PUNA, *map(str, arguments)], input=text.encode(), capture_output=True, timeout=300)
    assert result.returncode == code, (arguments, result)
    return result.stdout.decode(), result.stderr.decode()


def prompt(*arguments, **variables):
    return run("prompt", *arguments, "-", text=json.dumps(variables))[0]


def rendered(template, **variables):
    return environment(NOW).from_string(template).render(**variables)


def the_text_is_that_of_jinja2_and_ids_are_those_of_the_text(work):
    template = (STARTER / "chat_template.jinja").read_text()
    tokens = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
    for add in (True, False):
        expected = rendered(template, messages=TALK, add_generation_prompt=add, **tokens)
        assert prompt(STARTER, messages=TALK, add_generation_prompt=add) == expected
        found = json.loads(prompt(STARTER, "--json", messages=TALK, add_generation_prompt=add))
        assert sorted(found) == ["ids", "loss_mask", "segments", "text"], found
        assert found["text"] == expected == "".join(segment["text"] for segment in found["segments"])
        assert run("tokenizer", "decode", STARTER, "-", text=json.dumps(found["ids"]))[0] == expected
        controls = [int(id) for id in run("tokenizer", "encode", STARTER, "--special", text="<|eot_id|>")[0].split()]
        assert found["ids"].count(controls[0]) == 3, "the template's own, not the user's"
        literal = [segment["text"] for segment in found["segments"] if segment["literal"]]
        assert literal == ["Hi <|eot_id|> there", "Hello!", "A story"], literal
        in_loss = "".join(segment["text"] for segment in found["segments"] if segment["in_loss"])
        assert in_loss == "Hello!<|eot_id|>", in_loss
        assert len(found["loss_mask"]) == len(found["ids"])
        answer = [id for id, inside in zip(found["ids"], found["loss_mask"]) if inside]
        assert run("tokenizer", "decode", STARTER, "-", text=json.dumps(answer))[0] == in_loss


def every_key_is_a_variable_in_its_order(work):
    template = work / "x.jinja"
    template.write_text("{{ name }} {{ deep | tojson }} {{ messages[0] | tojson }} {{ tools is none }} {{ add_generation_prompt }} {{ bos_token is defined }}\n")
    variables = {"messages": [{"z": 1, "role": "critic", "content": None, "a": [True]}], "name": "Ada", "deep": {"b": 1.0, "a": 10**30}}
    expected = 'Ada {"b": 1.0, "a": 1000000000000000000000000000000} {"z": 1, "role": "critic", "content": null, "a": [true]} True False False'
    assert prompt(template, **variables) == expected
    (work / "input.json").write_text(json.dumps(variables))
    assert run("prompt", template, work / "input.json")[0] == expected
    assert json.loads(run("prompt", template, work / "input.json", "--json")[0]) == {"text": expected}
    template.write_text("{{ strftime_now('%Y-%m-%d %H:%M') }} {{ date_string }}")
    assert prompt(template, "--date", NOW) == "2024-07-26 13:05 "
    assert prompt(template, "--date", "26 Jul 2024") == "2024-07-26 00:00 26 Jul 2024"
    assert prompt(template, "--date", "26 Jul 2024", date_string="today").endswith(" today")


def without_input_it_is_a_sample_conversation(work):
    text = run("prompt", STARTER)[0]
    assert text.startswith("<|begin_of_text|>") and text.count("<|start_header_id|>user") == 2 and text.endswith("assistant<|end_header_id|>\n\n"), text
    assert "<|im_start|>user\n" in run("prompt", CHATML)[0]
    shutil.copy(STARTER / "tokenizer.json", work / "tokenizer.json")
    text, log = run("prompt", work)
    assert "Today Date: 26 Jul 2024" in text and "has no chat template: Llama 3.1's chat template is used" in log, log


def llamas_own_templates_have_names(work):
    for name, part in {"llama2": "<bos_token>[INST] Hello! [/INST] Hello! How", "llama3": "<bos_token><|start_header_id|>user", "llama3.1": "Today Date: 26 Jul 2024",
                       "llama3.2": "Today Date: 26 Jul 2024", "llama3.3": "Today Date: 26 Jul 2024"}.items():
        assert part in run("prompt", name, "--date", NOW)[0], name
    (work / "own.jinja").write_text(run("prompt", "llama3.1", "--source")[0])
    assert run("prompt", work / "own.jinja")[0] == run("prompt", "llama3.1")[0]


def failures_are_one_line_with_their_place(work):
    template = work / "x.jinja"
    for source, problem in {"{% if messages %}\n{{ raise_exception('only one\\nmessage, please') }}{% endif %}": "x.jinja:2: only one\\x0amessage, please",
                            "{{ messages | nosuch }}": "x.jinja:1: unknown or unsupported filter 'nosuch'",
                            "a\n{{ messages[0].name.first }}": "x.jinja:2: 'name' is undefined",
                            "{% for m in messages %}": "x.jinja:1: expected {% endfor %}, found the end of the template"}.items():
        template.write_text(source)
        for flags in ([], ["--json"]):
            stdout, stderr = run("prompt", template, *flags, "-", text=json.dumps({"messages": TALK}), code=1)
            assert stdout == "" and stderr == f"puna: {work}/{problem}\n", (source, stderr)
    template.write_text("{{ messages }}")
    for text, problem in {"{": "standard input: not valid JSON", "[]": "standard input: not a JSON object", '{"messages": 3}': "standard input: 'messages' must be a list",
                          '{"messages": [3]}': "standard input: 'messages[0]' must be an object", '{"add_generation_prompt": 1}': "'add_generation_prompt' must be true or false",
                          '{"messages": [{"role": "user", "role": "x"}]}': "role", '{"x": 1e999}': "standard input: x: is out of range"}.items():
        stderr = run("prompt", template, "-", text=text, code=1)[1]
        assert problem in stderr and stderr.count("\n") == 1, (text, stderr)
    template.write_bytes(b"\xff\xfe{")
    assert "x.jinja: not UTF-8 text" in run("prompt", template, code=1)[1]
    assert "--date 'x' is no date" in run("prompt", CHATML, "--date", "x", code=2)[1]
    assert "nosuch: no such file or folder" in run("prompt", "nosuch", code=1)[1]


def a_note_tells_where_training_is_not_as_answering(work):
    shutil.copy(STARTER / "tokenizer.json", work / "tokenizer.json")
    (work / "chat_template.jinja").write_text("{% for m in messages %}{{ m.role + m.content }}{% endfor %}{% if add_generation_prompt %}assistant<think>{% endif %}")
    found = json.loads(prompt(work, "--json", messages=TALK))
    assert "message 2: the text before it is not what the template's prompts end with" in found["loss_mask_note"], found
    assert [segment["text"] for segment in found["segments"] if segment["in_loss"]] == ["Hello!"], found
    (work / "chat_template.jinja").write_text("{% for m in messages %}{{ m.role + m.content }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}assistant")
    found = json.loads(prompt(work, "--json", messages=TALK))
    assert found["loss_mask"] is None and "writes the words of an answer in two places" in found["loss_mask_note"] and found["ids"], found


def the_shared_cases_are_equal(work):
    for line in CASES.read_text().rstrip("\n").split("\n"):
        case = json.loads(line)
        (work / "x.jinja").write_bytes(case["template"].encode())
        (work / "input.json").write_text(json.dumps(case["input"]))
        error = case.get("error")
        stdout, stderr = run("prompt", work / "x.jinja", work / "input.json", "--date", case["now"], code=1 if error else 0)
        assert error or stdout == case["output"], (case["name"], stdout)
        assert not (error and error["compare_message"]) or error["message"] in stderr, (case["name"], stderr)


def hostile_templates_are_refused(work):
    subprocess.run(["tar", "x", "--zstd", "-f", HOSTILE / "files.tar.zst", "-C", work], check=True)
    limits = ["--memory", "0", "--seconds", "100"] if b"__asan_init" in pathlib.Path(PUNA).read_bytes() else []
    judged = subprocess.run([sys.executable, HOSTILE / "run_hostile.py", PUNA, work, "--kinds", "template", "--command", "prompt {path}", *limits],
                            capture_output=True, text=True, timeout=300)
    assert judged.stdout.splitlines()[-1] == "7 right of 7, 0 crashes or hangs, 0 silent acceptances, 0 soft misses", judged


tests = [the_text_is_that_of_jinja2_and_ids_are_those_of_the_text, every_key_is_a_variable_in_its_order, without_input_it_is_a_sample_conversation,
         llamas_own_templates_have_names, failures_are_one_line_with_their_place, a_note_tells_where_training_is_not_as_answering]
missing = [str(path) for path in (CASES.parent, HOSTILE) if not path.exists()]
if CASES.exists():
    tests.append(the_shared_cases_are_equal)
if HOSTILE.exists():
    tests.append(hostile_templates_are_refused)
for test in tests:
    print(test.__name__.replace("_", " "), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        test(pathlib.Path(folder))
if missing:
    print("skipped: ../shared/" + missing[0].split("/shared/")[-1] + " is missing")
    sys.exit(77)
