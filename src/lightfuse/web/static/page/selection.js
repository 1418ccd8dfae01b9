/**
 * Exposure selection: which frames of a bracket are fused, and in which order.
 *
 * A selection is two or three positions, dark to bright. Two are fused; of three, dark with middle and middle with
 * bright first, then the two results. The rule is the command's (`lightfuse.brackets.selection`).
 */

const SAMPLES = 24_000; // of each picture, about
const [BLACK, WHITE] = [8, 247]; // levels: clipped below the first and above the second
const [DARKEST, BRIGHTEST] = [12, 243]; // levels between which a frame holds a tone beyond doubt
const MAX_CLIPPED = 5e-4; // fraction of the scene that may be clipped in all selected frames but not in another
const RUN = 16; // neighbouring samples whose differences are one local contrast
const NOISE = 4; // levels added to the difference of two neighbours: contrast far below this counts little
const THIRD = 0.035; // what a third frame has to gain: it takes two more fusions

/** The pictures of a selection fused by `fuse`, which joins two, may be asynchronous, and is told if these are the last. */
export async function fuseSelection(pictures, fuse) {
  if (pictures.length === 2) return fuse(...pictures, true);
  const [dark, middle, bright] = pictures;
  return fuse(await fuse(dark, middle, false), await fuse(middle, bright, false), true);
}

/**
 * The selection that keeps most of the local contrast that any picture shows; never one without the only picture to
 * hold a highlight or a shadow.
 * @param {{data: Uint8ClampedArray}[]} pictures small, RGBA, dark to bright, of one size
 * @returns {number[]}
 */
export function selectExposures(pictures) {
  const frames = sampled(pictures);
  if (!frames[0].means.length) return [0, frames.length - 1];
  const isHeld = (level) => level >= DARKEST && level <= BRIGHTEST;
  const held = frames[0].means.map((_, i) => ({
    shadow: frames.some(({ means }) => isHeld(means[i])),
    light: frames.some(({ largest }) => isHeld(largest[i])),
  }));
  const contrasts = relativeContrasts(frames);
  const [extremes, ...others] = selectionsOf(frames.length).map((selection) => {
    const contrast = contrasts[0].map((_, run) => Math.max(...selection.map((position) => contrasts[position][run])));
    const kept = contrast.reduce((sum, one) => sum + one, 0) / contrast.length;
    return { selection, score: kept - THIRD * (selection.length - 2) };
  });
  const clipped = ({ selection }) => clippedBy(selection.map((position) => frames[position]), held);
  const limit = clipped(extremes) + MAX_CLIPPED;
  return others.sort((a, b) => b.score - a.score).find((one) => clipped(one) <= limit).selection;
}

/** The darkest and the brightest of so many exposures, then every two, then every three. */
function selectionsOf(count) {
  const positions = [...Array(count).keys()];
  const pairs = positions.flatMap((dark) => positions.slice(dark + 1).map((bright) => [dark, bright]));
  const triples = pairs.flatMap((pair) => positions.slice(pair[1] + 1).map((bright) => [...pair, bright]));
  return [[0, count - 1], ...pairs, ...triples];
}

/** For each frame, the local contrast of each run of samples, as a fraction of the largest that any frame has there. */
function relativeContrasts(frames) {
  const contrasts = frames.map(({ means }) => {
    const sums = Array(Math.ceil(means.length / RUN)).fill(0);
    means.forEach((mean, i) => (sums[Math.floor(i / RUN)] += NOISE + Math.abs((means[i + 1] ?? mean) - mean)));
    return sums;
  });
  const largest = contrasts[0].map((_, run) => Math.max(...contrasts.map((sums) => sums[run])));
  return contrasts.map((sums) => sums.map((sum, run) => sum / largest[run]));
}

/** The larger of two fractions: held by some frame of the bracket, but white, or black, in all of these. */
function clippedBy(frames, held) {
  let [white, black] = [0, 0];
  for (let i = 0; i < held.length; i++) {
    if (held[i].light && frames.every(({ largest }) => largest[i] > WHITE)) white++;
    if (held[i].shadow && frames.every(({ means }) => means[i] < BLACK)) black++;
  }
  return Math.max(white, black) / held.length;
}

/** The mean and the largest channel of some pixels of each picture, without those that are black, or white, in all. */
function sampled(pictures) {
  const step = 4 * Math.max(1, Math.floor(pictures[0].data.length / 4 / SAMPLES));
  const frames = pictures.map(() => ({ means: [], largest: [] }));
  for (let i = 0; i < pictures[0].data.length; i += step) {
    const colours = pictures.map(({ data }) => [data[i], data[i + 1], data[i + 2]]);
    const means = colours.map(([red, green, blue]) => (red + green + blue) / 3);
    if (means.every((mean) => mean < BLACK) || means.every((mean) => mean > WHITE)) continue;
    frames.forEach((frame, k) => {
      frame.means.push(means[k]);
      frame.largest.push(Math.max(...colours[k]));
    });
  }
  return frames;
}
