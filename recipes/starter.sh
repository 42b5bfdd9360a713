#!/bin/bash
# Builds the starter model from its data: texts, tokenizer, three training stages, model card. Takes hours on a laptop; after
# an interruption the same command continues from the last checkpoint.
#
# usage: recipes/starter.sh DATA FOLDER    DATA: the folder that contains text/ and sft/; FOLDER: the output folder; the
#                                          model is FOLDER/starter
#
# PUNA is the path of the program (default: build/release/bin/puna). Needs python3 and zstd.
set -euo pipefail
case "${1:---help}" in
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
[ $# -eq 2 ] || { echo "recipes/starter.sh: DATA and FOLDER are missing; see --help" >&2; exit 2; }
puna=$(realpath "${PUNA:-$(dirname "$0")/../build/release/bin/puna}")
recipes=$(realpath "$(dirname "$0")")
data=$(realpath "$1")
out=$(realpath -m "$2")
[ -x "$puna" ] || { echo "recipes/starter.sh: $puna does not exist; ./start builds it" >&2; exit 1; }
mkdir -p "$out"
cd "$out"

# make TARGET COMMAND...: runs COMMAND unless TARGET exists. Targets appear only when they are complete.
make() { [ -e "$1" ] || { echo "== $1"; "${@:2}"; }; }
pack() { make "$1" "$puna" data pack "${@:2}" --tokenizer tokenizer --output "$1" --validation-share 0; }
stage() {       # NAME DATA [FROM]
    [ ! -e "$1/README.md" ] || return 0
    echo "== $1"
    if [ -e "$1/checkpoints/run.json" ]; then "$puna" train --resume "$1"; return; fi
    "$puna" train "$recipes/starter/$1.toml" --data "$2" --validation packed/choose ${3:+--from "$3"} --output "$1"
}

make text sh -c "python3 '$recipes/starter/prepare.py' '$data' text.new && mv text.new text"
stories="text/tinystories.txt text/tinystories_lowercase.txt text/children_stories.txt"
some_novels=$(ls text/novels/* | awk 'NR % 12 == 1')
make tokenizer "$puna" tokenizer train $stories $some_novels --vocabulary 4096 --output tokenizer
pack packed/choose text/choose.txt
pack packed/pretrain text/novels $stories $stories $stories $stories $stories $stories
pack packed/stories $stories $stories $stories text/novels/{Burnett_Princess_1905,Ward_Milly_1881,Burnett_Lord_1886}.txt
pack packed/talk text/conversations.jsonl

stage pretrain packed/pretrain
stage stories packed/stories pretrain
stage talk packed/talk stories

mkdir -p starter
cp talk/{config.json,generation_config.json,model.safetensors,tokenizer.json,tokenizer_config.json,chat_template.jinja} starter/
# Against loops and stories without an end: recipes/starter/lengths.py counts them.
penalties='  "frequency_penalty": 0.05,\n  "dry_multiplier": 0.8,\n  "dry_allowed_length": 3,\n'
penalties+='  "exponential_decay_length_penalty": [\n    250,\n    1.01\n  ],'
sed -i "s/^  \"top_k\": 0,$/&\n$penalties/" starter/generation_config.json
python3 "$recipes/starter/card.py" "$puna" starter text/held_out.txt "$recipes/prompts.txt" pretrain stories talk
echo "== done: the model is $out/starter"
