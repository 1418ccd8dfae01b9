/** What was done, in a line or two. */

const NEARLY_EQUAL = 0.03;

/**
 * @param {object[]} frames as the worker tells of them
 * @param {object} done the worker's answer to fusing
 */
export function summaryOf(frames, { recipe, moves, milliseconds }) {
  const [dark, bright] = [frames[recipe[0]], frames[recipe.at(-1)]];
  const sentences = [`${dark.width} × ${dark.height} pixels, fused in ${seconds(milliseconds.fuse)}.`];
  if (moves.length > 0) sentences.push(alignmentOf(moves, milliseconds.align));
  if (bright.brightness - dark.brightness < NEARLY_EQUAL) {
    sentences.push("The exposures are almost equally bright, so there is little to gain.");
  }
  return sentences.join(" ");
}

/** Which frames were moved how far (the corner that moves most), and which stay although that may not be right. */
function alignmentOf(moves, milliseconds) {
  const moved = moves.filter(({ pixels }) => pixels > 0).map(({ name, pixels }) => `${name} by ${pixels.toFixed(1)} px`);
  const stays = moves.filter(({ reason }) => reason).map(({ name, reason }) => `${name} stays where it is: ${reason}.`);
  if (moved.length > 0) stays.unshift(`Aligned in ${seconds(milliseconds)}: moved ${new Intl.ListFormat("en").format(moved)}.`);
  return stays.join(" ") || `Nothing had to be moved (looked for ${seconds(milliseconds)}).`;
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
