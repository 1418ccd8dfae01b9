#!/usr/bin/env bash
# From folders of brackets to the weights that are shipped, in one command:
#
#   examples/train-weights.sh MODEL SICE BRACKETS VALIDATION OUT [SETTING=VALUE...]
#
# MODEL       small or base (their settings are in lightfuse.training.settings), or paper
# SICE        scenes with references: SICE's own layout, or a folder a scene with reference.jpg in it
# BRACKETS    brackets without references, a folder each
# VALIDATION  brackets to watch the training by; never trained on
# OUT         a folder for the data sets and the runs; the weights are OUT/MODEL.safetensors
# SETTING     of every run, where it is to differ from the model's (fields of TrainSettings)
#
# TONE_TEACHER, a variable of the environment, names weights whose tone soft references take by day.
# The script is run from a checkout: some of its steps are tools of the project.
#
# Stopped, it goes on where it was when called again.
set -euo pipefail
[ $# -ge 5 ] || { sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 2; }
model=$1 sice=$2 brackets=$3 validation=$4 out=$5
shift 5

# torch gives memory back to the system and asks for it again at every step, unless told not to.
export MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TRIM_THRESHOLD_=1000000000

prepare() { [ -e "$out/$1/dataset.json" ] || lightfuse prepare "$2" -o "$out/$1" --patch 128 --stride 128 "${@:3}"; }
mkdir -p "$out"
prepare sice "$sice" --validation 0
prepare brackets "$brackets" --validation 0
export PYTHONPATH=$(dirname "$0")/..${PYTHONPATH:+:$PYTHONPATH}
[ -z "${TONE_TEACHER:-}" ] || python -m tools.tone_teacher "$out/brackets" "$TONE_TEACHER"
prepare validation "$validation" --validation 1

previous=
# train RUN [SETTING=VALUE...]: a run from random weights, or a shorter one from those of the run before.
train() {
    local run=$out/$1 start=()
    [ -e "$run/checkpoint.pt" ] && start=(--resume)
    [ -n "$previous" ] && start+=("initial=$out/$previous/last.safetensors" learning_rate=0.002 warmup=50)
    lightfuse train "$out/sice" "$out/brackets" "$out/validation" -o "$run" "model=$model" "${start[@]}" "${@:2}" "${settings[@]}"
    previous=$1
}

# A long first run learns tone; later ones ask for each model's own detail, for highlights and for hue as the whole
# bracket knows it, on dim scenes, with borders, bars, round masks and night skies; the last ones also for its colours
# where over fades to white. A context model trains with more channels than it is shipped with; then those that are
# hardly ever above 0 are taken out.
settings=("$@")
hard=(dim=0.3 border=0.35)
prune() {
    python -m tools.prune -o "$out/$model.safetensors" "$@" "$out/run/last.safetensors" \
        "$out/sice" "$out/brackets" "${hard[@]}" "${settings[@]}"
}
case $model in
    small)
        settings=(architecture.hidden=8,6 "$@")
        own=("${hard[@]}" mef_ssim=14 mef_ssim_labelled=0.6 saturation=3 highlights=16 hue=6)
        train first steps=10000 "${hard[@]}"
        train second steps=9000 "${own[@]}" mef_ssim=8 mef_ssim_labelled=0.4 saturation=1.6 highlights=8 hue=1
        train third steps=9000 "${own[@]}"
        train run steps=6000 "${own[@]}" highlight_colour=6
        prune --hidden 6,6 --chroma 0.99
        ;;
    base)
        settings=(architecture.hidden=8,8 "$@")
        own=("${hard[@]}" ssim=0.9 chroma=2 shrink_labelled=0.25 mef_ssim=60 mef_ssim_labelled=1.6 saturation=3 highlights=26 hue=26)
        train first steps=14000 "${hard[@]}"
        train second steps=20000 "${own[@]}" mef_ssim=42 mef_ssim_labelled=1.3 saturation=2.8 highlights=20 hue=5
        train third steps=10000 "${own[@]}"
        train fourth steps=7000 "${own[@]}" highlight_colour=10
        train run steps=2500 "${own[@]}" mef_ssim=78 mef_ssim_labelled=2 saturation=4 highlight_colour=10
        prune --hidden 7,6
        ;;
    *)
        train run
        cp "$out/run/last.safetensors" "$out/$model.safetensors"
        ;;
esac
echo "The weights: $out/$model.safetensors"
