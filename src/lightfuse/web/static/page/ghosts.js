/** Ghosts removed: frames in which something moved are made to show one moment, as lightfuse.deghost does. */
import { BLACK, WHITE, estimateMaps } from "./intensity.js";
import { movingRegions } from "./motion.js";
import { interpolated } from "./planes.js";
import { between, clamped } from "./tones.js";

const REDUCED_PIXELS = 1_000_000;
const [SMALLEST, TOO_LARGE_SHARE] = [16, 0.6];
const [BLANK, HIDDEN, CUT] = [0.25, 0.4, 0.06]; // costs of what the source does not show
const [NOISE, TOLERANCE, ROUNDED, BLIND] = [0.7 / 255, 4 / 255, 2.5 / 255, 0.15];
const [COSTLY, CLEARLY] = [0.06, 0.5];

/**
 * Make aligned frames show one moment: of two, one is predicted from the other where something moved; of three, the
 * outer ones are predicted from the middle one.
 * @param {Uint8ClampedArray[]} given RGBA, dark to bright; not written to
 * @returns the `frames`, those that were changed copied; the largest `share` of the picture that was changed; and why
 *   nothing was, where that is worth saying (`reason`)
 */
export function deghosted(given, width, height) {
  const frames = [...given];
  const [middle, last] = [frames.length >> 1, frames.length - 1];
  const ups = frames.map((_, i) => i).slice(middle, last);
  const downs = [...frames.keys()].slice(0, middle).reverse();
  let [share, reason] = [0, ""];
  for (const dark of [...ups, ...downs]) {
    const base = frames.length === 2 ? undefined : dark >= middle ? "under" : "over";
    const pair = deghostedPair(frames[dark], frames[dark + 1], width, height, base);
    [frames[dark], frames[dark + 1]] = [pair.under, pair.over];
    share = Math.max(share, pair.share);
    reason ||= pair.reason ?? "";
  }
  return { frames, share, reason };
}

function deghostedPair(under, over, width, height, base) {
  const unchanged = { under, over, share: 0 };
  const factor = Math.max(1, Math.ceil(Math.sqrt((width * height) / REDUCED_PIXELS)));
  const [across, down] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  if (Math.min(across, down) < SMALLEST) return unchanged;
  const small = [under, over].map((pixels) => reducedPlanes(pixels, width, height, factor));
  const maps = estimateMaps(...small);
  if (!maps) return { ...unchanged, reason: "The exposures share too few tones to look for ghosts." };
  const regions = movingRegions(...small, maps, across, down);
  const costs = regions.map((region) => costOf(region, maps));
  const sources = sourcesOf(costs, base);
  const found = regions.filter((region, i) => {
    region.source = sources[i];
    return costs[i].ghost > costs[i][sources[i]];
  });
  const share = found.reduce((sum, { soft }) => sum + soft.reduce((all, one) => all + one, 0), 0) / (across * down);
  if (share > TOO_LARGE_SHARE) return { ...unchanged, reason: "The exposures differ too widely to look for ghosts." };
  if (found.length === 0) return unchanged;
  const replaced = (target, source, name, predict) => {
    const regionsOf = found.filter((region) => region.source === name);
    return regionsOf.length > 0 ? replacedIn(target, source, width, height, regionsOf, predict, factor) : target;
  };
  return {
    under: replaced(under, over, "over", underFromOver(maps)),
    over: replaced(over, under, "under", overFromUnder(maps)),
    share,
  };
}

/** Red, green and blue in [0, 1], the means of cells of `factor` pixels' width and height. */
function reducedPlanes(pixels, width, height, factor) {
  const [across, down] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  return [0, 1, 2].map((c) => {
    const plane = new Float32Array(across * down);
    for (let y = 0; y < height; y++) {
      const row = Math.floor(y / factor) * across;
      for (let x = 0, i = 4 * y * width + c; x < width; x++, i += 4) plane[row + Math.floor(x / factor)] += pixels[i];
    }
    return plane.map((sum, i) => {
      const columns = Math.min(factor, width - (i % across) * factor);
      return sum / (255 * columns * Math.min(factor, height - Math.floor(i / across) * factor));
    });
  });
}

/**
 * The mean error of a region with each frame as its source, in values of over; that to be expected besides where the
 * object may be cut off at the region's edge; and that of the ghost itself.
 */
function costOf({ core, soft, under, over }, maps) {
  const sums = { under: 0, over: 0, cutUnder: 0, cutOver: 0, ghost: 0 };
  let [inside, rim] = [0, 0];
  soft.forEach((weight, i) => {
    if (weight === 0 && !core[i]) return;
    let [noise, ghost, blank, hidden, clipped] = [0, 0, 0, 0, 0];
    maps.forEach((map, c) => {
      const [u, o] = [under[c][i], over[c][i]];
      noise = Math.max(noise, map.slopeAt(u));
      ghost = Math.max(ghost, Math.abs(map.forward(u) - o));
      if (u <= BLACK && o > map.forward(BLACK + TOLERANCE) + TOLERANCE) blank = 1;
      if (o >= WHITE) [clipped, hidden] = [1, hidden || Number(u < map.whitest - TOLERANCE)];
    });
    if (core[i]) {
      inside++;
      sums.under += Math.max(Math.min(noise * NOISE, BLANK), BLANK * blank);
      sums.over += HIDDEN * hidden;
      sums.ghost += ghost;
    } else {
      rim++;
      sums.cutUnder += CUT * Math.min(1, (noise * ROUNDED) / BLIND);
      sums.cutOver += CUT * clipped;
    }
  });
  const per = (sum, count) => sum / Math.max(1, count);
  const [byUnder, byOver] = [per(sums.under, inside), per(sums.over, inside)];
  const expected = { under: byUnder + per(sums.cutUnder, rim), over: byOver + per(sums.cutOver, rim) };
  return { under: byUnder, over: byOver, expected, ghost: per(sums.ghost, inside), size: inside };
}

/** One source for all regions, so that nothing shows twice; of two frames, not where it would leave a hole. */
function sourcesOf(costs, base) {
  const total = (frame) => costs.reduce((sum, cost) => sum + cost.expected[frame] * cost.size, 0);
  const first = base ?? (total("over") <= total("under") ? "over" : "under");
  const other = first === "over" ? "under" : "over";
  const leavesHole = (cost) => cost[first] > COSTLY && cost.expected[other] < cost[first] * CLEARLY;
  return costs.map((cost) => (base === undefined && leavesHole(cost) ? other : first));
}

/* ---- Pixels replaced by what the other frame predicts ------------------------------------------------------------ */

const [RAMP, CONSISTENT, AGREES] = [0.04, 3 / 255, 0.06];
const [CONTRAST, GREY, DARKEST_MEAN] = [1.6, 0.02, 1 / 255];

function replacedIn(target, source, width, height, regions, predict, factor) {
  const changed = target.slice();
  const [own, shown, predicted] = [0, 1, 2].map(() => new Float64Array(3));
  for (const region of regions) {
    const [left, top] = [region.left * factor, region.top * factor];
    const right = Math.min(width, left + region.width * factor);
    const bottom = Math.min(height, top + region.height * factor);
    for (let y = top; y < bottom; y++) {
      const row = (y + 0.5) / factor - 0.5 - region.top;
      for (let x = left; x < right; x++) {
        const column = (x + 0.5) / factor - 0.5 - region.left;
        const soft = interpolated(region.soft, region.width, region.height, column, row);
        if (soft === 0) continue;
        const i = 4 * (y * width + x);
        for (let c = 0; c < 3; c++) [own[c], shown[c]] = [target[i + c] / 255, source[i + c] / 255];
        predict(predicted, shown, own);
        boundColour(predicted, shown, own);
        for (let c = 0; c < 3; c++) changed[i + c] = 255 * (own[c] + (predicted[c] - own[c]) * soft);
      }
    }
  }
  return changed;
}

/** Channels, relative to their mean, deviate from grey hardly further than in one of the frames. */
function boundColour(predicted, ...frames) {
  const meanOf = ([red, green, blue]) => (red + green + blue) / 3;
  const mean = meanOf(predicted);
  const means = frames.map((frame) => Math.max(meanOf(frame), DARKEST_MEAN));
  for (let c = 0; c < 3; c++) {
    const deviations = frames.map((frame, k) => frame[c] / means[k] - 1);
    const least = Math.min(...deviations, 0) * CONTRAST - GREY;
    const most = Math.max(...deviations, 0) * CONTRAST + GREY;
    predicted[c] = clamped(predicted[c], mean * (1 + least), mean * (1 + most));
  }
}

/** How far a value is clipped. */
const clippedBy = (value) => clamped((value - (WHITE - RAMP)) / RAMP);

/** Where under is black, the mapping is an upper bound only: over's own shadows may stay. */
function overFromUnder(maps) {
  const likely = maps.map((map) => map.over.map((value) => Math.max(value, Math.min(map.black, map.darkest))));
  return (predicted, shown, own) => {
    let dark = 1;
    for (let c = 0; c < 3; c++) dark = Math.min(dark, clamped((maps[c].darkest - own[c]) / CONSISTENT + 1));
    for (let c = 0; c < 3; c++) {
      const mapped = between(likely[c], Math.sqrt(shown[c]));
      predicted[c] = mapped + (own[c] - mapped) * clamped(2 - shown[c] / BLACK) * dark;
    }
  };
}

/** Where over is clipped, under's own values stay as far as they are bright enough and its others agree with over. */
function underFromOver(maps) {
  const tables = maps.map((map) => Float64Array.from({ length: 256 }, (_, i) => map.backward(i / 255)));
  return (predicted, shown, own) => {
    let apart = 0;
    for (let c = 0; c < 3; c++) {
      predicted[c] = tables[c][Math.round(255 * shown[c])];
      apart = Math.max(apart, Math.abs(own[c] - predicted[c]) * (1 - clippedBy(shown[c])));
    }
    const agrees = clamped(2 - apart / AGREES);
    for (let c = 0; c < 3; c++) {
      const least = maps[c].whitest;
      const bright = least + (Math.max(own[c], least) - least) * agrees;
      predicted[c] += (bright - predicted[c]) * clippedBy(shown[c]);
    }
  };
}
