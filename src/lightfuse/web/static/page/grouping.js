/**
 * The photographs of several scenes grouped into brackets by EXIF: a new bracket begins after a long pause, with another
 * camera, and where an exposure comes back. lightfuse.brackets.exif_groups knows more of irregular series.
 */
import { relativeExposure } from "./frames.js";

const [AUTOMATIC, BRACKETING] = [0, 2]; // EXIF ExposureMode
const SAME_EV = 0.2; // less than the third of a stop cameras step by, more than the rounding of 1/60 s
const NOISE_REDUCTION = 1; // seconds: from this exposure on, a camera may take a dark frame as long after it
const MAX_GAP = 30; // seconds between two shots that always end a bracket
const BURST_GAP = 2; // seconds between shots of a burst, as seen through time stamps of whole seconds
const GAP_FACTOR = 5; // A gap this many times the usual one ends a bracket.
const MIN_EV_RANGE = 0.6; // from darkest to brightest: three exposures a third of a stop apart
const METERED_RANGE = 1.5; // EV, more than metering changes by within a burst
const MOST_TOGETHER = 3; // So few photographs are always one bracket.
const MOST_IN_A_BRACKET = 20; // More without EXIF are hardly one bracket.

/**
 * Group photographs that were opened together.
 * @param {{name: string, shot: object}[]} photographs
 * @returns {{brackets: object[][], leftOut: object[]}} brackets undefined where EXIF does not tell them
 */
export function grouped(photographs) {
  const natural = new Intl.Collator("en", { numeric: true });
  const sorted = photographs.toSorted((a, b) => natural.compare(a.name, b.name));
  if (sorted.length <= MOST_TOGETHER) return { brackets: [sorted], leftOut: [] };
  const brackets = groupByExif(sorted);
  const isOne = brackets.length === 1 && brackets[0].length === sorted.filter(hasExposure).length;
  if (brackets.length === 0 || isOne) {
    return { brackets: sorted.length <= MOST_IN_A_BRACKET ? [sorted] : undefined, leftOut: [] };
  }
  return { brackets, leftOut: sorted.filter((one) => !brackets.some((bracket) => bracket.includes(one))) };
}

/**
 * The brackets among photographs in natural name order, two exposures or more each, by camera, flash, time, bracketing
 * tags and exposure.
 */
export function groupByExif(photographs) {
  const seriesOf = ({ shot }) => `${shot.camera} ${Boolean(shot.flash)}`;
  const taken = new Set(photographs.filter(({ shot }) => !shot.rendered).map(({ shot }) => shot.camera));
  const exposed = photographs.filter((one) => hasExposure(one) && !(one.shot.rendered && taken.has(one.shot.camera)));
  const brackets = [...new Set(exposed.map(seriesOf))].flatMap((series) => {
    return clusters(exposed.filter((one) => seriesOf(one) === series)).flatMap(bracketsIn);
  });
  return brackets.sort(([a], [b]) => byTime(a, b) || photographs.indexOf(a) - photographs.indexOf(b));
}

function hasExposure({ shot }) {
  return relativeExposure(shot) !== undefined || isNumber(shot.bias);
}

function isNumber(value) {
  return typeof value === "number";
}

/** Photographs without a time come last. */
function byTime({ shot: a }, { shot: b }) {
  return (a.taken ?? Number.MAX_VALUE) - (b.taken ?? Number.MAX_VALUE);
}

/* ---- Clusters in time -------------------------------------------------------------------------------------------- */

/** Runs of photographs without a long gap, either all or none of them tagged as auto exposure bracketing. */
function clusters(photographs) {
  const timed = photographs.filter(({ shot }) => isNumber(shot.taken)).sort(byTime);
  const untimed = photographs.filter(({ shot }) => !isNumber(shot.taken));
  const limit = longestGapWithin(timed.slice(1).map((one, i) => gap(timed[i], one)));
  const isBracketing = ({ shot }) => shot.mode === BRACKETING;
  const goesOn = (a, b) => gap(a, b) <= limit && isBracketing(a) === isBracketing(b);
  return [timed, untimed].flatMap((run) => divided(run, (cluster, one) => !goesOn(cluster.at(-1), one)));
}

/** Consecutive items divided wherever `startsNew` says so of the group until there and the next item. */
function divided(items, startsNew) {
  const groups = [];
  for (const item of items) {
    if (groups.length === 0 || startsNew(groups.at(-1), item)) groups.push([item]);
    else groups.at(-1).push(item);
  }
  return groups;
}

/**
 * Seconds from the end of one exposure to the start of the next; 0 where a time is missing. After a long exposure, the
 * dark frame of long-exposure noise reduction may be part of it.
 */
function gap({ shot: before }, { shot: after }) {
  if (!isNumber(before.taken) || !isNumber(after.taken)) return 0;
  const exposure = before.time ?? 0;
  return Math.max(0, after.taken - before.taken - (exposure >= NOISE_REDUCTION ? 2 : 1) * exposure);
}

/** The longest gap that may still lie within a bracket: a multiple of the lower quartile of all gaps. */
function longestGapWithin(gaps) {
  const short = gaps.filter((one) => one <= MAX_GAP).sort((a, b) => a - b);
  if (short.length === 0) return MAX_GAP;
  return Math.min(MAX_GAP, Math.max(BURST_GAP, GAP_FACTOR * short[(short.length - 1) >> 2]));
}

/* ---- Brackets in a cluster --------------------------------------------------------------------------------------- */

function bracketsIn(cluster) {
  const evs = exposureSteps(cluster);
  const comesBack = (group, i) => group.some((j) => Math.abs(evs[j] - evs[i]) < SAME_EV);
  return divided([...evs.keys()], comesBack).flatMap((positions) => {
    const own = positions.map((i) => evs[i]);
    const range = Math.max(...own) - Math.min(...own);
    const photographs = positions.map((i) => cluster[i]);
    return range >= MIN_EV_RANGE && !isMeteredAnew(photographs, range) ? [photographs] : [];
  });
}

/** Exposure compensation in EV where it varies, otherwise relative exposure, which may follow the light. */
function exposureSteps(cluster) {
  const biases = cluster.map(({ shot }) => shot.bias);
  const evs = cluster.map(({ shot }) => relativeExposure(shot));
  const vary = biases.every(isNumber) && Math.max(...biases) - Math.min(...biases) > SAME_EV;
  return vary || evs.includes(undefined) ? biases.map((bias) => bias ?? 0) : evs;
}

/** Whether the exposures differ only because the camera metered each of some separate pictures, or of a burst. */
function isMeteredAnew(photographs, range) {
  const isAutomatic = photographs.every(({ shot }) => shot.mode === AUTOMATIC);
  const biases = new Set(photographs.map(({ shot }) => shot.bias ?? 0));
  const isSlow = photographs.some((one, i) => i > 0 && gap(photographs[i - 1], one) > BURST_GAP);
  return isAutomatic && biases.size === 1 && (isSlow || range < METERED_RANGE);
}
