/**
 * Exposure selection: which frames of a bracket are fused, and in which order.
 *
 * A selection is two or three positions, dark to bright. Two are fused; of three, dark with middle and middle with
 * bright first, then the two results. The command tries selections on thumbnails; this rule looks at tones alone and
 * comes nearly as far (docs/web.md).
 */

export const THUMBNAIL_PIXELS = 192 * 128;
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
 * @param {ImageData[]} thumbnails dark to bright, of one size
 * @returns {number[]}
 */
export function selectExposures(thumbnails) {
  const levels = thumbnails.map(levelsOf);
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
    let [least, most, best] = [255, 0, 0];
    for (const { [i]: level } of own) {
      [least, most] = [Math.min(least, level), Math.max(most, level)];
      best = Math.max(best, Math.min(1, (level - LOWEST) / SOFTNESS, (HIGHEST - level) / SOFTNESS));
    }
    kept += best;
    if (held[i] && least > WHITE) white++;
    if (held[i] && most < BLACK) black++;
  }
  return { kept: kept / held.length, clipped: Math.max(white, black) / held.length };
}

/** The mean of the channels of each pixel. */
function levelsOf({ data }) {
  const level = (i) => (data[i] + data[i + 1] + data[i + 2]) / 3;
  return Float32Array.from({ length: data.length / 4 }, (_, i) => level(4 * i));
}
