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

/**
 * What a look does to pixels, in place.
 * @param {"natural" | "bright" | "vivid"} name
 * @param {number} strength 0 (nothing) to 1 (all of it)
 * @returns {(rgba: Uint8ClampedArray | Float32Array) => void} of levels from 0 to 255
 */
export function lookOf({ name, strength }) {
  if (name === "bright" && strength > 0) return brighter(LIFT * strength);
  if (name === "vivid" && strength > 0) return moreVivid(VIVIDNESS * strength);
  return () => {};
}

/** Every pixel times f(v) / v of its largest value v, with f(v) = v + lift·v·v^¼·(1 − v). */
function brighter(lift) {
  return (rgba) => {
    for (let i = 0; i < rgba.length; i += 4) {
      const largest = Math.max(rgba[i], rgba[i + 1], rgba[i + 2]) / 255;
      const gain = 1 + lift * Math.sqrt(Math.sqrt(largest)) * (1 - largest);
      rgba[i] *= gain;
      rgba[i + 1] *= gain;
      rgba[i + 2] *= gain;
    }
  };
}

/** Every value of a pixel moved away from its largest, v, to v − q·(v − value). */
function moreVivid(vividness) {
  const held = Float32Array.from({ length: 360 * HUE_STEPS }, (_, i) => vividness * holding((i + 0.5) / HUE_STEPS));
  return (rgba) => {
    for (let i = 0; i < rgba.length; i += 4) {
      const [red, green, blue] = [rgba[i], rgba[i + 1], rgba[i + 2]];
      const largest = Math.max(red, green, blue);
      const range = largest - Math.min(red, green, blue);
      if (range === 0) continue;
      const hold = held[Math.min((hueOf(red, green, blue, largest, range) * HUE_STEPS) | 0, held.length - 1)];
      const saturation = range / largest;
      const spread = 1 + (hold * (1 - saturation) * saturation) / (saturation + NEARLY_GREY);
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

/** How much of the effect is left for a hue, smooth all around. */
function holding(hue) {
  let left = 1;
  for (const [centre, width, least] of HELD_BACK) {
    const away = Math.abs(((((hue - centre + 180) % 360) + 360) % 360) - 180) / width;
    if (away < 1) left -= (1 - least) * Math.cos((Math.PI / 2) * away) ** 2;
  }
  return left;
}
