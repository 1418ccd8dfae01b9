/** How photographs were exposed, in words; their order; and the one that the others follow. */

const MIDDLE = 0.5;
const SAME_STOPS = 0.05; // EXIF rounds shutter times: 1/125 s and 1/128 s are one exposure.
const DARKER = 2 / 255; // By so much an exposure said to be brighter may be darker before EXIF is not believed.
const PLAINLY_DIFFERENT = 5 / 255; // So far apart two exposures cannot have been one.

/** Such as "1/250 s · f/8 · ISO 100", or "" where EXIF does not say. */
export function inWords({ time, aperture, iso }) {
  const parts = [time && `${shutter(time)} s`, aperture && `f/${+aperture.toFixed(1)}`, iso && `ISO ${iso}`];
  return parts.filter(Boolean).join(" · ");
}

/**
 * Positions of frames from dark to bright: by what EXIF says, unless their brightness contradicts it, else by that.
 * @param {{brightness: number, shot: object}[]} frames
 * @returns {number[]}
 */
export function darkToBright(frames) {
  const positions = frames.map((_, i) => i);
  const brightness = (i) => frames[i].brightness;
  const byBrightness = [...positions].sort((a, b) => brightness(a) - brightness(b));
  const light = lightTaken(frames.map((frame) => frame.shot));
  if (!light) return byBrightness;
  const byExif = [...positions].sort((a, b) => light[a] - light[b] || brightness(a) - brightness(b));
  const contradicted = byExif.slice(1).some((brighter, i) => {
    const darker = byExif[i];
    const rise = brightness(brighter) - brightness(darker);
    return rise < -DARKER || (light[brighter] - light[darker] < SAME_STOPS && rise > PLAINLY_DIFFERENT);
  });
  return contradicted ? byBrightness : byExif;
}

/** Position of the exposure whose brightness is nearest the middle: its metadata stands for the picture. */
export function baseExposure(frames) {
  const off = frames.map((frame) => Math.abs(frame.brightness - MIDDLE));
  return off.indexOf(Math.min(...off));
}

/** The light each exposure took in, log2(time · ISO / N²); undefined where EXIF does not say it of all. */
function lightTaken(shots) {
  const isos = givenByAllOrNone(shots.map(({ iso }) => iso));
  const apertures = givenByAllOrNone(shots.map(({ aperture }) => aperture));
  if (!isos || !apertures || !shots.every(({ time }) => time)) return undefined;
  return shots.map(({ time }, i) => Math.log2((time * isos[i]) / apertures[i] ** 2));
}

/** What no shot gives (a lens without contacts, a phone) was one and the same. */
function givenByAllOrNone(values) {
  if (!values.some(Boolean)) return values.map(() => 1);
  return values.every(Boolean) ? values : undefined;
}

function shutter(seconds) {
  return seconds < 0.4 ? `1/${Math.round(1 / seconds)}` : `${+seconds.toFixed(1)}`;
}
