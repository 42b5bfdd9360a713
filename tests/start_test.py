#!/usr/bin/python3
"""./start in a built tree opens a chat with models/starter, without a network; and the claims of that model's card hold.
usage: start_test.py"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from test_hub import TestHub

STARTER = pathlib.Path("models/starter")
PUNA = "build/release/bin/puna"


def same_kernels_as_card():
    """Sampled answers and the last digits of scores depend on the kernels; the card names those that it was made with."""
    check = json.loads(subprocess.run([PUNA, "check", "--json"], capture_output=True, text=True, check=True).stdout)
    here = check["chosen"] + (f" with {check['extensions']}" if check["extensions"] else "")
    return re.search(r"with the kernels `([^`]+)`", (STARTER / "README.md").read_text())[1] == here


def chat(*turns):
    """The greedy answers to some turns."""
    without_network = ["unshare", "-rn"] if subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0 else []
    run = subprocess.run([*without_network, "./start", "--json", "--temperature", "0"], input="\n".join(turns) + "\n", capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run
    return [json.loads(line) for line in run.stdout.splitlines()]


def the_starter_greets_tells_a_story_and_ends_its_turns():
    answers = chat("Hello!", "Tell me a story about a dog.", "Thank you!")
    assert len(answers) == 3 and all(answer["finish"] == "stop" for answer in answers), answers
    hello, story, thanks = (answer["text"] for answer in answers)
    assert re.match(r"H(ello|i)\b", hello) and len(hello) < 200, hello
    assert len(story) > 200 and "dog" in story.lower() and re.search(r"[.!?\"”]\s*$", story), story
    assert len(thanks) < 200, thanks


def in_a_terminal_a_larger_model_is_offered():
    """More of this is in hub_test.py."""
    names = re.findall(r'{"([^":]+/[^":]+-GGUF):Q4_K_M"', pathlib.Path("src/library/well_known.cpp").read_text())
    with TestHub() as hub, tempfile.TemporaryDirectory() as cache:
        for name in names:
            hub.add(name, {"x-Q4_K_M.gguf": b"GGUF"}, card={"license": "llama3.2"})
        shown = hub.in_a_terminal(["./start"], cache, "n", r"starter: \d")
        assert "y downloads it, any other key goes on with starter" in shown or not hub.requests, shown     # where none fits in the memory


def the_starter_is_small_and_its_card_complete():
    size = sum(path.stat().st_size for path in STARTER.rglob("*"))
    assert size <= 12_000_000, size
    card = (STARTER / "README.md").read_text()
    prompts = [line for line in pathlib.Path("recipes/prompts.txt").read_text().splitlines() if line]
    assert len(prompts) == 20
    for seed, prompt in enumerate(prompts, 1):
        assert f"**{seed}. {prompt}**" in card, prompt
    for part in ("1.48", "0.979", "CDLA-Sharing-1.0", "CC BY 4.0", "public domain"):
        assert part in card, part


def sampled_answers_match_the_card():
    card = (STARTER / "README.md").read_text()
    for seed, prompt in ((1, "Hello!"), (4, "Tell me a story about a dog.")):
        run = subprocess.run([PUNA, "chat", STARTER, "--seed", str(seed)], input=prompt + "\n", capture_output=True, text=True, check=True)
        printed = re.search(rf"\*\*{seed}\. {re.escape(prompt)}\*\*[^\n]*\n\n((?:>[^\n]*\n)+)", card)[1]
        assert run.stdout.strip()
        if same_kernels_as_card():
            assert re.sub(r"(?m)^> ?", "", printed).strip() == run.stdout.strip(), (printed, run.stdout)


def bits_per_byte_of_held_out_stories_match_the_card():
    data = pathlib.Path("../shared/data/text/tinystories.txt")
    if not data.exists():
        print("skipped: ../shared/data is missing")
        sys.exit(77)
    stories = [story.strip() for story in data.read_text().split("<|endoftext|>") if story.strip()][-100:]
    run = subprocess.run([PUNA, "eval", "text", STARTER, "-", "--json"], input="".join(f"{story}\n<|endoftext|>\n" for story in stories), capture_output=True,
                         text=True, check=True)
    bits = json.loads(run.stdout)["bits_per_byte"]
    assert bits <= 0.95, bits
    printed = float(re.search(r"\*\*this one\*\* \| \*\*([\d.]+)\*\*", (STARTER / "README.md").read_text())[1])
    assert abs(bits - printed) <= (0.00005001 if same_kernels_as_card() else 0.001), (bits, printed)


if not shutil.which("unshare"):
    print("unshare is missing: tested with the network")
for test in (the_starter_greets_tells_a_story_and_ends_its_turns, in_a_terminal_a_larger_model_is_offered, the_starter_is_small_and_its_card_complete, sampled_answers_match_the_card,
             bits_per_byte_of_held_out_stories_match_the_card):
    print(test.__name__.replace("_", " "), flush=True)
    test()
