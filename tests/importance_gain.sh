#!/bin/bash
# Trains a model with a hidden size of 1024 on stories, in ten minutes on two cores, and measures what an importance matrix
# is worth when it is quantized. By hand, since it takes minutes; the results are in results/importance.csv.
#
# usage: tests/importance_gain.sh TEXT FOLDER    TEXT: ../shared/data/text/tinystories.txt; FOLDER: for the model
set -euo pipefail
case "${1:---help}" in
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
bin=$(realpath "$(dirname "$0")/../build/release/bin")
text=$(realpath "$1")
mkdir -p "$2"
cd "$2"
[ -e tokenizer ] || "$bin/puna" tokenizer train "$text" --vocabulary 2048 --output tokenizer
[ -e data ] || "$bin/puna" data pack "$text" --tokenizer tokenizer --output data
[ -e model/model.safetensors ] || "$bin/puna" train --data data --output model --dim 1024 --layers 3 --heads 16 \
    --kv-heads 4 --ffn 2816 --context 256 --length 256 --batch 8 --steps 400 --learning-rate 1e-3 --sample-every 0 \
    --keep-checkpoints 1 --no-keep-best
"$bin/importance_gain" model "$text" q4_k_m q4_k_s q4_0 iq4_xs q3_k_m q2_k
