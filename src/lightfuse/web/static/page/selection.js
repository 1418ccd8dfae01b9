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
const [LOWEST, HIGHEST, SOFTNESS] = [4, 251, 64]; // not exposed up to the first and from the second; then fading
const [DIFFERENCE, THIRD] = [0.1, 0.02]; // what a difference in mean brightness, in white, and a third frame count

/** The pictures of a selection fused by `fuse`, which joins two and may be asynchronous; the last two by `fuseLast`. */
export async function fuseSelection(pictures, fuse, fuseLast = fuse) {
  if (pictures.length === 2) return fuseLast(...pictures);
  const [dark, middle, bright] = pictures;
  return fuseLast(await fuse(dark, middle), await fuse(middle, bright));
}

/**
 * The selection that shows the scene best exposed, by frames of similar brightness; never one without the only frame to
 * hold a highlight or a shadow.
 * @param {{data: Uint8ClampedArray}[]} pictures small, RGBA, dark to bright, of one size
 * @returns {number[]}
 */
export function selectExposures(pictures) {
  const frames = sampled(pictures);
  const isHeld = (level) => level >= DARKEST && level <= BRIGHTEST;
  const held = frames[0].means.map((_, i) => ({
    shadow: frames.some(({ means }) => isHeld(means[i])),
    light: frames.some(({ largest }) => isHeld(largest[i])),
  }));
  const [extremes, ...others] = selectionsOf(frames.length).map((selection) => {
    return { selection, ...tonesOf(selection.map((position) => frames[position]), held) };
  });
  const holding = others.filter(({ clipped }) => clipped <= extremes.clipped + MAX_CLIPPED);
  return holding.reduce((best, one) => (one.score > best.score ? one : best), extremes).selection;
}

/** The darkest and the brightest of so many exposures, then every other two, then every three. */
function selectionsOf(count) {
  const positions = [...Array(count).keys()];
  const pairs = positions.flatMap((dark) => positions.slice(dark + 1).map((bright) => [dark, bright]));
  const triples = pairs.flatMap((pair) => positions.slice(pair[1] + 1).map((bright) => [...pair, bright]));
  return [[0, count - 1], ...pairs, ...triples];
}

/**
 * How well the best exposed of some frames shows each pixel, from 0 to 1 on average, less what the frames' difference
 * and a third one count (`score`); and the larger of two fractions: held by some frame of the bracket, but white, or
 * black, in all of these (`clipped`).
 */
function tonesOf(frames, held) {
  let [exposed, white, black] = [0, 0, 0];
  for (let i = 0; i < held.length; i++) {
    let least = 255;
    let most = 0;
    let best = 0;
    for (const { means, largest } of frames) {
      least = Math.min(least, largest[i]);
      most = Math.max(most, means[i]);
      best = Math.max(best, Math.min(SOFTNESS, means[i] - LOWEST, HIGHEST - means[i]));
    }
    exposed += best / SOFTNESS;
    if (held[i].light && least > WHITE) white++;
    if (held[i].shadow && most < BLACK) black++;
  }
  const brightness = ({ means }) => means.reduce((sum, mean) => sum + mean, 0) / 255;
  const difference = brightness(frames.at(-1)) - brightness(frames[0]);
  const score = (exposed - DIFFERENCE * difference) / held.length - THIRD * (frames.length - 2);
  return { score, clipped: Math.max(white, black) / held.length };
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
