#!/bin/sh
# Fuses the selected pictures, exposures of one scene, into NAME-fused.tif beside the first of them.
# Raw files are developed by ART-cli with their edits, where it is installed, and by LightFuse (extra raw) otherwise.
set -eu
first=$1
output=${first%.*}-fused.tif
number=1
while [ -e "$output" ]; do
  number=$((number + 1))
  output=${first%.*}-fused-$number.tif
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if command -v ART-cli >/dev/null; then
  ART-cli -s -t -b16 -Y -o "$folder" -c "$@"
  set -- "$folder"/*
fi
if ! message=$(lightfuse fuse --quiet --bit-depth 16 -o "$output" -- "$@" 2>&1); then
  if command -v zenity >/dev/null; then zenity --error --text="$message"; else echo "$message" >&2; fi
  exit 1
fi
