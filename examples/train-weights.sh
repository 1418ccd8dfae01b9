#!/usr/bin/env bash
# From folders of brackets to the weights that are shipped, in one command:
#
#   examples/train-weights.sh MODEL SICE BRACKETS VALIDATION OUT
#
# MODEL       small or base (their settings are lightfuse.training.settings.MODEL_SETTINGS), or paper
# SICE        scenes with references: SICE's own layout, or a folder a scene with reference.jpg in it
# BRACKETS    brackets without references, a folder each
# VALIDATION  brackets to watch the training by; never trained on
# OUT         a folder for the data sets and the run; the weights are OUT/run/last.safetensors
#
# Stopped, it goes on where it was when called again. About 20 minutes of one core for small, 25 for base.
set -euo pipefail
[ $# -eq 5 ] || { sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2; }
model=$1 sice=$2 brackets=$3 validation=$4 out=$5

# torch gives memory back to the system and asks for it again at every step, unless told not to.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=4294967296

prepare() { [ -e "$out/$1/dataset.json" ] || lightfuse prepare "$2" -o "$out/$1" --patch 128 --stride 128 "${@:3}"; }
mkdir -p "$out"
prepare sice "$sice" --validation 0
prepare brackets "$brackets" --validation 0 --soft-references
prepare validation "$validation" --validation 1

resume=()
[ -e "$out/run/checkpoint.pt" ] && resume=(--resume)
lightfuse train "$out/sice" "$out/brackets" "$out/validation" -o "$out/run" "model=$model" "${resume[@]}"
echo "The weights: $out/run/last.safetensors"
