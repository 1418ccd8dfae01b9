#!/usr/bin/env bash
# Fuses the scans of a roll of film, two exposures of every frame, all in the tone of one frame:
#
#   examples/film-scans.sh SCANS OUT DARK LIGHT
#
# SCANS  a folder of the roll's scans, the two of a frame one after the other by name: 01a.tif, 01b.tif, 02a.tif ...
# OUT    a folder for the results, TIFFs with as many bits as the scans
# DARK   the two scans of the frame
# LIGHT  whose tone all others take; a well exposed one
#
# Scan as positives, with the same two exposure times for the whole roll and without the scanner's automatic levels.
# Stopped, it goes on where it was when called again.
set -euo pipefail
[ $# -eq 4 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
scans=$1 out=$2 dark=$3 light=$4

# Nothing moves on film, but a scanner's carriage does not stop twice at the same place: aligned, not deghosted.
mkdir -p "$out"
[ -e "$out/tone.tif" ] || lightfuse fuse "$dark" "$light" -o "$out/tone.tif" --deghost off
lightfuse batch "$scans" -o "$out" --count 2 --format tif --deghost off --like "$out/tone.tif"
