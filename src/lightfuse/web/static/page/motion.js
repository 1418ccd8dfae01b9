/** Where two exposures disagree once their exposures are accounted for, as lightfuse.deghost.motion finds it. */
import { BLACK, WHITE } from "./intensity.js";
import { blurred, boxMean, closed, components, extreme, grown, halved, interpolated, shrunk } from "./planes.js";
import { linearOf } from "./tones.js";

const SCALES = 3;
const REMAINING = 0.6; // of the noise, at half the size
/** Standard deviations of noise, rounding of under and difference in over that are tolerated: to detect, to extend. */
const HIGH = { sigmas: 3, rounded: 2.5 / 255, visible: 0.02 };
const LOW = { sigmas: 1.5, rounded: 0.7 / 255, visible: 0.012 };
const [CERTAIN, CERTAIN_STOPS, DARK] = [0.2, 6, 0.3];
const [FEWEST_CERTAIN, CERTAIN_PART] = [6, 0.025];
const [REACH, CLOSE, TOGETHER] = [0.06, 0.004, 0.015]; // radii, as parts of the diagonal
const CLOSE_OWN = 0.12; // of the square root of a patch's area
const [GROW, FEATHER] = [3, 1.5];

/**
 * The regions in which something moved.
 * @param {Float32Array[]} under red, green and blue of a reduced frame, in [0, 1]
 * @param {Float32Array[]} over of the brighter frame
 * @param {import("./intensity.js").IntensityMap[]} maps
 * @returns {{left: number, top: number, width: number, height: number, core: Uint8Array, soft: Float32Array,
 *   under: Float32Array[], over: Float32Array[]}[]} each a box, its pixels, their soft mask, and both frames there
 */
export function movingRegions(under, over, maps, width, height) {
  const high = disagreement(under, over, maps, width, height, HIGH);
  const seeds = seedsOf(high, over, maps, width, height);
  if (!seeds.some(Boolean)) return [];
  const low = disagreement(under, over, maps, width, height, LOW);
  const core = filled(extended(seeds, low, width, height), width, height);
  const near = grown(core, width, height, Math.max(2 * GROW + 2, Math.round(TOGETHER * Math.hypot(width, height))));
  const wide = Float32Array.from(grown(core, width, height, GROW));
  const soft = blurred(wide, width, height, FEATHER);
  const { labels, parts } = components(near, width, height, 8);
  const regions = parts.map(({ left, right, top, bottom }, i) => {
    const box = { left, top, width: right - left, height: bottom - top };
    const mine = cut(labels, width, box).map((label) => label === i + 1);
    return {
      ...box,
      core: cut(core, width, box).map((one, at) => one * mine[at]),
      soft: cut(soft, width, box).map((one, at) => (one < 1 / 255 ? 0 : one * mine[at])),
      under: under.map((plane) => cut(plane, width, box)),
      over: over.map((plane) => cut(plane, width, box)),
    };
  });
  return regions.filter((region) => !sameStructure(region, maps));
}

function cut(plane, width, box) {
  const part = new plane.constructor(box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = (box.top + y) * width + box.left;
    part.set(plane.subarray(from, from + box.width), y * box.width);
  }
  return part;
}

/** By how much the frames differ beyond noise and a shift by one pixel, the most of three scales and channels. */
function disagreement(under, over, maps, width, height, tolerance) {
  const total = new Float32Array(width * height);
  under.forEach((plane, c) => {
    const { sigmas, rounded, visible } = tolerance;
    const map = maps[c];
    let planes = [
      plane.map((value) => (value > BLACK ? map.forward(value - rounded) : 0)),
      plane.map((value) => map.forward(Math.max(value, BLACK) + rounded)),
      plane.map((value) => map.spreadAt(value) * sigmas),
      over[c],
    ];
    for (let scale = 0, [across, down] = [width, height]; scale < SCALES; scale++) {
      const found = difference(planes, across).map((value) => Math.max(0, value - visible));
      const rows = found.some(Boolean) ? height : 0;
      for (let y = 0, i = 0; y < rows; y++) {
        for (let x = 0; x < width; x++, i++) {
          const place = [((x + 0.5) * across) / width - 0.5, ((y + 0.5) * down) / height - 0.5];
          const value = scale === 0 ? found[i] : interpolated(found, across, down, ...place);
          if (value > total[i]) total[i] = value;
        }
      }
      if (Math.min(across, down) < 16) break;
      planes = planes.map((one) => halved(one, across, down));
      planes[2] = planes[2].map((margin) => margin * REMAINING);
      [across, down] = [(across + 1) >> 1, (down + 1) >> 1];
    }
  });
  return total;
}

/** The distance of over from its predicted bounds, beyond a margin, if either may be one pixel off. */
function difference([least, most, margin, over], width) {
  const [low, high] = [extreme(least, width), extreme(most, width, -1)];
  const [darkest, brightest] = [extreme(over, width), extreme(over, width, -1)];
  return over.map((value, i) => {
    const one = Math.max(low[i] - value, value - high[i]);
    return Math.min(one, Math.max(darkest[i] - most[i], least[i] - brightest[i])) - margin[i];
  });
}

/** The patches that disagree beyond doubt somewhere; in over's shadows less is enough. */
function seedsOf(disagreed, over, maps, width, height) {
  const weak = Uint8Array.from(disagreed, (value) => value > 0);
  const { labels, parts } = components(shrunk(grown(weak, width, height, 1), width, height, 1), width, height, 8);
  const stops = maps.map((map) => map.stops).sort((a, b) => a - b)[1];
  const counts = new Uint32Array(parts.length + 1);
  disagreed.forEach((value, i) => {
    const level = Math.min(1, (over[0][i] + over[1][i] + over[2][i]) / 3 + value);
    if (value > CERTAIN * Math.max(1, stops / CERTAIN_STOPS) * (DARK + (1 - DARK) * level)) counts[labels[i]]++;
  });
  const kept = parts.map(({ area }, i) => counts[i + 1] >= Math.max(FEWEST_CERTAIN, CERTAIN_PART * area));
  return Uint8Array.from(labels, (label) => label > 0 && kept[label - 1]);
}

/** The seeds, and connected disagreement that is not far away (hysteresis; Canny, PAMI 1986). */
function extended(seeds, low, width, height) {
  const reach = grown(seeds, width, height, Math.max(1, Math.round(REACH * Math.hypot(width, height))), true);
  const near = Uint8Array.from(low, (value, i) => value > 0 && reach[i]);
  const opened = grown(shrunk(near, width, height, 1), width, height, 1);
  const { labels, parts } = components(opened.map((one, i) => one | seeds[i]), width, height, 4);
  const kept = new Uint8Array(parts.length + 1);
  seeds.forEach((one, i) => one && (kept[labels[i]] = 1));
  return Uint8Array.from(labels, (label) => kept[label]);
}

/** Each patch closed: the inside of an object may look like its background. */
function filled(shape, width, height) {
  const whole = closed(shape, width, height, Math.max(2, Math.round(CLOSE * Math.hypot(width, height))));
  const { labels, parts } = components(whole, width, height, 8);
  parts.forEach(({ left, right, top, bottom, area }, i) => {
    const box = { left, top, width: right - left, height: bottom - top };
    const own = Uint8Array.from(cut(labels, width, box), (label) => label === i + 1);
    closed(own, box.width, box.height, Math.max(1, Math.round(CLOSE_OWN * Math.sqrt(area)))).forEach((one, at) => {
      if (one) whole[(top + Math.floor(at / box.width)) * width + left + (at % box.width)] = 1;
    });
  });
  return whole;
}

const [FINE, COARSE, SAME] = [1, 7, 0.58]; // radii, and the correlation of what did not move
const [LEAST_UNCLIPPED, FEWEST_UNCLIPPED, LEAST_TEXTURE] = [0.3, 12, 2.5 / 255];
const [FLARE_SHARE, LARGELY_CLIPPED] = [0.7, 0.3];
const [RAISED, RAISED_SHARE] = [12 / 255, 0.9];

/** Whether a region's values disagree though nothing moved: flare, raised shadows, or the same detail in both. */
function sameStructure({ width, height, core, under, over }, maps) {
  const mapped = under.map((plane, c) => plane.map((value) => maps[c].forward(value)));
  const some = (planes, i, test) => planes.some((plane, c) => test(plane[i], c));
  let [all, raised, bothClipped, flare] = [0, 0, 0, 0];
  const unclipped = [];
  core.forEach((inside, i) => {
    if (!inside) return;
    all++;
    raised += !some(under, i, (value, c) => {
      const off = value - maps[c].backward(over[c][i]);
      return (over[c][i] < WHITE ? Math.abs(off) : -off) >= RAISED;
    });
    const clipped = some(over, i, (value) => value >= WHITE);
    const both = clipped && some(mapped, i, (value) => value >= WHITE);
    bothClipped += both;
    flare += both && !some(mapped, i, (value, c) => over[c][i] <= value - HIGH.visible);
    if (!clipped && some(under, i, (value) => value > 2 * BLACK)) unclipped.push(i);
  });
  if (raised > RAISED_SHARE * all || flare > FLARE_SHARE * all) return true;
  if (unclipped.length < Math.max(FEWEST_UNCLIPPED, LEAST_UNCLIPPED * (all - bothClipped))) return false;
  // Flare adds to linear light: there it leaves the detail as it is.
  const curve = bothClipped > LARGELY_CLIPPED * all ? [linearOf, Math.sqrt] : [(value) => value, (value) => value];
  const details = [mapped, over].map((planes) => {
    const [red, green, blue] = planes.map((plane) => plane.map(curve[0]));
    const mean = red.map((value, i) => curve[1]((value + green[i] + blue[i]) / 3));
    const [fine, coarse] = [FINE, COARSE].map((radius) => boxMean(mean, width, height, radius));
    return unclipped.map((i) => fine[i] - coarse[i]);
  });
  const meanOf = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0) / a.length;
  const [first, second] = details.map((one) => Math.sqrt(meanOf(one, one)));
  return Math.min(first, second) >= LEAST_TEXTURE && meanOf(...details) > SAME * first * second;
}
