/** EXIF: found in JPEG, PNG and WebP, read for how a photograph was exposed, and made ready for the fused picture. */

const NAME = [0x45, 0x78, 0x69, 0x66, 0, 0]; // "Exif\0\0"
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10];
/** The TIFF types of what is read: text, and numbers, two of them for a rational one, signed in the last. */
const [ASCII, SHORT, LONG] = [2, 3, 4];
const BYTES = { 2: 1, 3: 2, 4: 4, 5: 8, 10: 8 };
const GETTERS = { 3: "getUint16", 4: "getUint32", 5: "getUint32", 10: "getInt32" };

const [MAKE, MODEL, ORIENTATION, EXIF_IFD, TAKEN, FRACTION] = [0x010f, 0x0110, 0x0112, 0x8769, 0x9003, 0x9291];
const [EXPOSURE_TIME, F_NUMBER, ISO, BIAS, FLASH] = [0x829a, 0x829d, 0x8827, 0x9204, 0x9209];
const [COLOR_SPACE, WIDTH, HEIGHT, EXPOSURE_MODE, SERIAL] = [0xa001, 0xa002, 0xa003, 0xa402, 0xa431];
const [SOFTWARE, CUSTOM_RENDERED] = [0x0131, 0xa401];
const RENDERINGS = [1, 2, 3, 6, 7, 8]; // 4 is the original that Apple keeps beside an HDR picture.
/** Programs that make one picture of several. */
const MERGING = /^(lightfuse|photomatix|hdrmerge|luminance ?hdr|aurora ?hdr|easyhdr|sns-hdr|oloneo)/i;

/**
 * The EXIF block (TIFF header first) of a picture file.
 * @param {Uint8Array} file
 * @returns {Uint8Array | undefined} a copy; undefined where there is none, or the file is truncated before it
 */
export function findExif(file) {
  return orUndefined(() => {
    if (startsWith(file, 0, [0xff, 0xd8])) return inJpeg(file)?.slice();
    if (startsWith(file, 0, PNG_SIGNATURE)) return inChunks(file, "eXIf", 8, true)?.slice();
    if (text(file, 0, 4) !== "RIFF" || text(file, 8, 4) !== "WEBP") return undefined;
    const found = inChunks(file, "EXIF", 12, false);
    return found?.slice(startsWith(found, 0, NAME) ? NAME.length : 0);
  });
}

function inJpeg(file) {
  const view = viewOf(file);
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff && file[at + 1] !== 0xda; ) {
    const length = view.getUint16(at + 2);
    if (file[at + 1] === 0xe1 && startsWith(file, at + 4, NAME)) return file.subarray(at + 10, at + 2 + length);
    at += 2 + length;
  }
  return undefined;
}

/** Of the chunks of a PNG or WebP from a place on, the data of the first of a name. */
function inChunks(file, name, start, isPng) {
  const view = viewOf(file);
  for (let at = start, length; at + 8 <= file.length; at += isPng ? 12 + length : 8 + length + (length % 2)) {
    length = view.getUint32(isPng ? at : at + 4, !isPng);
    if (text(file, isPng ? at + 4 : at, 4) === name) return file.subarray(at + 8, at + 8 + length);
  }
  return undefined;
}

/**
 * How a photograph was exposed, each as far as EXIF says: shutter `time` in seconds, `aperture` (f-number), `iso`,
 * `bias` (exposure compensation in EV), `mode` (0 automatic, 1 manual, 2 bracketing), `flash` (whether it fired),
 * whether it was `rendered` (by a special process, such as from several exposures), `camera`, and when it was `taken`,
 * in seconds.
 */
export function shotOf(exif) {
  const tags = exif && orUndefined(() => new Tags(exif));
  if (!tags) return {};
  const positive = (tag) => (tags.number(tag) > 0 ? tags.number(tag) : undefined);
  const flash = tags.number(FLASH);
  return {
    time: positive(EXPOSURE_TIME),
    aperture: positive(F_NUMBER),
    iso: positive(ISO),
    bias: tags.number(BIAS),
    mode: tags.number(EXPOSURE_MODE),
    flash: flash === undefined ? undefined : flash % 2 === 1,
    rendered: RENDERINGS.includes(tags.number(CUSTOM_RENDERED)) || MERGING.test(tags.text(SOFTWARE)),
    camera: [MAKE, MODEL, SERIAL].map((tag) => tags.text(tag)).join("\n"),
    taken: takenAt(tags),
  };
}

function takenAt(tags) {
  const [, year, month, ...rest] = tags.text(TAKEN).match(/^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)/) ?? [];
  const fraction = Number(`0.${tags.text(FRACTION)}`) || 0;
  return year > 0 ? Date.UTC(year, month - 1, ...rest) / 1000 + fraction : undefined;
}

/**
 * The block as it belongs to the fused picture: upright, sRGB, of its size, without the thumbnail of another picture.
 * @returns {Uint8Array | undefined} a copy; undefined where the block is damaged
 */
export function exifForResult(exif, width, height) {
  return orUndefined(() => {
    const made = exif.slice();
    const tags = new Tags(made);
    tags.set(ORIENTATION, 1);
    tags.set(COLOR_SPACE, 1);
    tags.set(WIDTH, width);
    tags.set(HEIGHT, height);
    tags.endWithIfd0(); // The next describes the thumbnail.
    return made;
  });
}

/** The tags of IFD0 and of the EXIF IFD. Throws a RangeError where the block is damaged. */
class Tags {
  #exif;
  #view;
  #little;
  #entries = new Map();
  #nextIfd; // where IFD0 points to the next

  constructor(exif) {
    this.#exif = exif;
    this.#view = viewOf(exif);
    this.#little = this.#view.getUint16(0) === 0x4949;
    if (!this.#little && this.#view.getUint16(0) !== 0x4d4d) throw new RangeError("no TIFF header");
    this.#nextIfd = this.#read(this.#view.getUint32(4, this.#little));
    const shooting = this.number(EXIF_IFD);
    if (shooting !== undefined) this.#read(shooting);
  }

  /** The first value; undefined where there is none. */
  number(tag) {
    const { type, at } = this.#entries.get(tag) ?? {};
    if (!(type in GETTERS) || at + BYTES[type] > this.#view.byteLength) return undefined;
    const get = (from) => this.#view[GETTERS[type]](from, this.#little);
    const value = BYTES[type] === 8 ? get(at) / get(at + 4) : get(at);
    return Number.isFinite(value) ? value : undefined;
  }

  text(tag) {
    const { type, at, count } = this.#entries.get(tag) ?? {};
    return type === ASCII ? text(this.#exif, at, Math.min(count, 1024)).split("\0")[0].trim() : "";
  }

  /** Change a 16- or 32-bit number that is there. */
  set(tag, value) {
    const { type, at } = this.#entries.get(tag) ?? {};
    if (type === SHORT) this.#view.setUint16(at, Math.min(value, 0xffff), this.#little);
    if (type === LONG) this.#view.setUint32(at, value, this.#little);
  }

  endWithIfd0() {
    this.#view.setUint32(this.#nextIfd, 0, this.#little);
  }

  /** Read the IFD at `start`; returns where it points to the next. */
  #read(start) {
    const count = this.#view.getUint16(start, this.#little);
    for (let i = 0, at = start + 2; i < count; i++, at += 12) {
      const type = this.#view.getUint16(at + 2, this.#little);
      const values = this.#view.getUint32(at + 4, this.#little);
      const place = BYTES[type] * values <= 4 ? at + 8 : this.#view.getUint32(at + 8, this.#little);
      this.#entries.set(this.#view.getUint16(at, this.#little), { type, count: values, at: place });
    }
    return start + 2 + 12 * count;
  }
}

/** What `read` gives, or undefined where it reads beyond the end. */
function orUndefined(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function startsWith(bytes, at, wanted) {
  return wanted.every((byte, i) => bytes[at + i] === byte);
}

function text(bytes, at, length) {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
