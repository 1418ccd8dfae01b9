#!/usr/bin/env bash
# From folders of brackets to the weights that are shipped, in one command:
#
#   examples/train-weights.sh MODEL SICE BRACKETS VALIDATION OUT
#
# MODEL       small or base (their settings are lightfuse.training.settings.MODEL_SETTINGS), or paper
# SICE        scenes with references: SICE's own layout, or a folder a scene with reference.jpg in it
# BRACKETS    brackets without references, a folder each
# VALIDATION  brackets to watch the training by; never trained on
# OUT         a folder for the data sets and the runs; the weights are OUT/run/last.safetensors
#
# small and base train twice: first for detail, then, from there, for detail and tone as their settings are.
# Stopped, it goes on where it was when called again. About 35 minutes of one core for small, 45 for base.
set -euo pipefail
[ $# -eq 5 ] || { sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 2; }
model=$1 sice=$2 brackets=$3 validation=$4 out=$5

# torch gives memory back to the system and asks for it again at every step, unless told not to.
export MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TRIM_THRESHOLD_=1000000000

prepare() { [ -e "$out/$1/dataset.json" ] || lightfuse prepare "$2" -o "$out/$1" --patch 128 --stride 128 "${@:3}"; }
mkdir -p "$out"
prepare sice "$sice" --validation 0
prepare brackets "$brackets" --validation 0 --soft-references
prepare validation "$validation" --validation 1

train() {
    local run=$1 resume=()
    [ -e "$run/checkpoint.pt" ] && resume=(--resume)
    lightfuse train "$out/sice" "$out/brackets" "$out/validation" -o "$run" "model=$model" "${@:2}" "${resume[@]}"
}

detail=(mse=0 tone=0 mef_ssim=6 mef_ssim_unknown=0)
further=("initial=$out/first/last.safetensors" learning_rate=0.002 warmup=50)
case $model in
    small)
        train "$out/first" "${detail[@]}" chroma=1 soft=0.6 saturation=0.6
        train "$out/run" "${further[@]}" steps=5000 validate_every=1250
        ;;
    base)
        train "$out/first" "${detail[@]}" soft=0.5 saturation=1
        train "$out/run" "${further[@]}" steps=4000
        ;;
    *)
        train "$out/run"
        ;;
esac
echo "The weights: $out/run/last.safetensors"
