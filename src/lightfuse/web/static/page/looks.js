/** Looks: the same small changes, by the same formulas, as lightfuse.looks (docs/looks.md). */

const LIFT = 0.42;
const VIVIDNESS = 0.7;
const NEARLY_GREY = 0.05;
/** Hues in degrees that are held back: centre, half-width, and what is left of the effect there. */
const HELD_BACK = [
  [22, 26, 0.3],
  [208, 26, 0.8],
  [248, 32, 0.5],
];
const HUE_STEPS = 4; // per degree
const SATURATION_STEPS = 256;

/**
 * What a look does to pixels, in place.
 * @param {"natural" | "bright" | "vivid"} name
 * @param {number} strength 0 (nothing) to 1 (all of it)
 * @param {number} [steps] to a level, of which there are 255 from black to white
 * @returns {(rgba: Uint8ClampedArray | Float32Array) => void}
 */
export function lookOf({ name, strength }, steps = 1) {
  if (name === "bright" && strength > 0) return brighter(LIFT * strength, steps);
  if (name === "vivid" && strength > 0) return moreVivid(VIVIDNESS * strength);
  return () => {};
}

/** Every pixel times f(v) / v of its largest value v, with f(v) = v + lift·v·v^¼·(1 − v). */
function brighter(lift, steps) {
  const white = 255 * steps;
  const gains = Float32Array.from({ length: white + 1 }, (_, i) => 1 + lift * (i / white) ** 0.25 * (1 - i / white));
  return (rgba) => {
    for (let i = 0; i < rgba.length; i += 4) {
      const gain = gains[Math.max(rgba[i], rgba[i + 1], rgba[i + 2]) * steps];
      rgba[i] *= gain;
      rgba[i + 1] *= gain;
      rgba[i + 2] *= gain;
    }
  };
}

/** Every value of a pixel moved away from its largest, v, to v − q·(v − value). */
function moreVivid(vividness) {
  const spreads = spreadTable(vividness);
  return (rgba) => {
    for (let i = 0; i < rgba.length; i += 4) {
      const [red, green, blue] = [rgba[i], rgba[i + 1], rgba[i + 2]];
      const largest = Math.max(red, green, blue);
      const range = largest - Math.min(red, green, blue);
      if (range === 0) continue;
      const column = Math.min((hueOf(red, green, blue, largest, range) * HUE_STEPS) | 0, 360 * HUE_STEPS - 1);
      const row = ((range * (SATURATION_STEPS - 1)) / largest + 0.5) | 0;
      const spread = spreads[row * 360 * HUE_STEPS + column];
      rgba[i] = largest - spread * (largest - red);
      rgba[i + 1] = largest - spread * (largest - green);
      rgba[i + 2] = largest - spread * (largest - blue);
    }
  };
}

/** In degrees, from 0. */
function hueOf(red, green, blue, largest, range) {
  if (largest === red) return (60 * ((green - blue) / range) + 360) % 360;
  return largest === green ? 120 + (60 * (blue - red)) / range : 240 + (60 * (red - green)) / range;
}

/** q of every saturation (rows) and hue (columns). */
function spreadTable(vividness) {
  const table = new Float32Array(SATURATION_STEPS * 360 * HUE_STEPS);
  const held = Float32Array.from({ length: 360 * HUE_STEPS }, (_, i) => vividness * holding((i + 0.5) / HUE_STEPS));
  for (let s = 0, at = 0; s < SATURATION_STEPS; s++) {
    const saturation = s / (SATURATION_STEPS - 1);
    const most = ((1 - saturation) * saturation) / (saturation + NEARLY_GREY);
    for (const hold of held) table[at++] = 1 + hold * most;
  }
  return table;
}

/** How much of the effect is left for a hue, smooth all around. */
function holding(hue) {
  let left = 1;
  for (const [centre, width, least] of HELD_BACK) {
    const away = Math.abs(((((hue - centre + 180) % 360) + 360) % 360) - 180) / width;
    if (away < 1) left -= (1 - least) * Math.cos((Math.PI / 2) * away) ** 2;
  }
  return left;
}
