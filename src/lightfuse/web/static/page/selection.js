/**
 * Exposure selection: which frames of a bracket are fused, and in which order.
 *
 * A selection is two or three positions, dark to bright. Two are fused; of three, dark with middle and middle with
 * bright first, then the two results. The command tries selections on thumbnails; this rule looks at tones alone and
 * comes nearly as far (docs/web.md).
 */

const SAMPLES = 24_000; // of each picture, about
const [BLACK, WHITE] = [8, 247]; // levels: clipped below the first and above the second
const [DARKEST, BRIGHTEST] = [12, 243]; // levels between which a frame holds a tone beyond doubt
const MAX_CLIPPED = 5e-4; // fraction of the picture that may be clipped in all selected frames but not in another
const [LOWEST, HIGHEST, SOFTNESS] = [4, 251, 64]; // not exposed well up to the first and from the second; then fading
const MAX_LOST = 0.03; // fraction of the picture that may be well exposed in the best selection alone

/** The pictures of a selection fused by `fuse`, which joins two and may be asynchronous; the last two by `fuseLast`. */
export async function fuseSelection(pictures, fuse, fuseLast = fuse) {
  if (pictures.length === 2) return fuseLast(...pictures);
  const [dark, middle, bright] = pictures;
  return fuseLast(await fuse(dark, middle), await fuse(middle, bright));
}

/**
 * Of the selections in which nearly all that any holds is well exposed, the one of most similar exposures; never one
 * without the only frame to hold a highlight or a shadow.
 * @param {{data: Uint8ClampedArray}[]} pictures small, RGBA, dark to bright, of one size
 * @returns {number[]}
 */
export function selectExposures(pictures) {
  const levels = pictures.map(levelsOf);
  const held = levels[0].map((_, i) => levels.some((frame) => frame[i] >= DARKEST && frame[i] <= BRIGHTEST));
  const found = selectionsOf(levels.length).map((selection) => ({ selection, ...tonesOf(selection, levels, held) }));
  const extremes = found.find(({ selection: [dark, bright] }) => dark === 0 && bright === levels.length - 1);
  const holding = found.filter(({ clipped }) => clipped <= extremes.clipped + MAX_CLIPPED);
  const least = Math.max(...holding.map(({ kept }) => kept)) - MAX_LOST;
  const brightness = levels.map((frame) => frame.reduce((sum, level) => sum + level, 0) / frame.length);
  const range = ({ selection }) => brightness[selection.at(-1)] - brightness[selection[0]];
  const good = holding.filter(({ kept }) => kept >= least);
  return good.reduce((best, one) => (range(one) < range(best) ? one : best)).selection;
}

/** Every two of so many exposures, followed by the same two with one between them. */
function selectionsOf(count) {
  const positions = [...Array(count).keys()];
  const between = (dark, bright) => positions.slice(dark + 1, bright).map((middle) => [dark, middle, bright]);
  return positions.flatMap((bright) => {
    return positions.slice(0, bright).flatMap((dark) => [[dark, bright], ...between(dark, bright)]);
  });
}

/**
 * How well the better exposed of the selected frames shows each pixel, from 0 to 1 on average (`kept`); and the larger
 * of two fractions: pixels held by some frame that are white, or black, in all of the selection (`clipped`).
 */
function tonesOf(selection, levels, held) {
  const own = selection.map((position) => levels[position]);
  let [kept, white, black] = [0, 0, 0];
  for (let i = 0; i < held.length; i++) {
    let least = 255;
    let most = 0;
    let best = 0;
    for (let k = 0; k < own.length; k++) {
      const level = own[k][i];
      least = Math.min(least, level);
      most = Math.max(most, level);
      best = Math.max(best, Math.min(SOFTNESS, level - LOWEST, HIGHEST - level));
    }
    kept += best;
    if (held[i] && least > WHITE) white++;
    if (held[i] && most < BLACK) black++;
  }
  return { kept: kept / SOFTNESS / held.length, clipped: Math.max(white, black) / held.length };
}

/** The mean of the channels of some pixels. */
function levelsOf({ data }) {
  const step = 4 * Math.max(1, Math.floor(data.length / 4 / SAMPLES));
  const level = (i) => (data[i] + data[i + 1] + data[i + 2]) / 3;
  return Float32Array.from({ length: Math.ceil(data.length / step) }, (_, i) => level(step * i));
}
