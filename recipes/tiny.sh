#!/bin/bash
# All stages of a model in a minute or two, on data that every checkout has: the project's own documentation and sources.
# Trains a tokenizer, packs tokens, trains a model (killed and resumed on the way), generates text and chats.
#
# usage: recipes/tiny.sh [FOLDER]    FOLDER: the output folder (default: a new temporary one); it is not removed
#
# PUNA is the path of the program (default: build/release/bin/puna).
set -euo pipefail
case "${1:-}" in
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
puna=$(realpath "${PUNA:-$(dirname "$0")/../build/release/bin/puna}")
out=$(realpath -m "${1:-$(mktemp -d "${TMPDIR:-/tmp}/puna-tiny-XXXXXX")}")
[ -x "$puna" ] || { echo "recipes/tiny.sh: $puna does not exist; ./start builds it" >&2; exit 1; }
cd "$(dirname "$0")/.."
mkdir -p "$out/text"
say() { echo "== $*"; }

say "collecting the documentation and sources of this project in $out/text"
find README.md docs src \( -name '*.md' -o -name '*.h' -o -name '*.cpp' \) ! -name unicode_tables.cpp -exec cp --parents {} "$out/text" \;

say "training a tokenizer with a vocabulary of 2048"
"$puna" tokenizer train "$out/text" --vocabulary 2048 --output "$out/tokenizer"

say "packing the text into tokens; a tenth of it is held out for validation"
"$puna" data pack "$out/text" --tokenizer "$out/tokenizer" --output "$out/data"

say "training a very small model for 400 steps; the run will be killed on the way"
"$puna" train recipes/tiny.toml --data "$out/data" --output "$out/model" --steps 400 --checkpoint-every 50 &
running=$!
trap 'kill -9 $running' EXIT
steps() { if [ -e "$out/model/metrics.jsonl" ]; then wc -l <"$out/model/metrics.jsonl"; else echo 0; fi; }
until [ "$(steps)" -ge 110 ]; do
    kill -0 $running 2>/dev/null || { echo "recipes/tiny.sh: training ended before it could be killed" >&2; trap - EXIT; exit 1; }
    sleep 0.05
done
kill -9 $running
trap - EXIT
wait $running 2>/dev/null || true
say "killed after step $(steps); its last checkpoint is $(cd "$out/model/checkpoints" && echo step-*[0-9] | sed 's/.* //')"

say "resuming from that checkpoint"
"$puna" train --resume "$out/model"

say "continuing \"#include\""
"$puna" generate "$out/model" "#include" --max-tokens 80 --seed 1

say "chatting: the model was trained on source code and not on conversations, so expect no sense"
echo "Hello! What is a Tensor?" | "$puna" chat "$out/model" --max-tokens 60 --seed 1

say "done: the model is $out/model, its training curves are in $out/model/report.html"
