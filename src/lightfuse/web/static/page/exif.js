/** EXIF: found in JPEG, PNG and WebP, read for how a photograph was exposed, and made ready for the fused picture. */

const JPEG_EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0]; // "Exif\0\0"
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10];
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];

const ORIENTATION = 0x0112;
const THUMBNAIL_OFFSET = 0x0201;
const THUMBNAIL_LENGTH = 0x0202;
const EXPOSURE_TIME = 0x829a;
const F_NUMBER = 0x829d;
const EXIF_IFD = 0x8769;
const ISO = 0x8827;
const COLOR_SPACE = 0xa001;
const WIDTH = 0xa002;
const HEIGHT = 0xa003;

/**
 * The EXIF block (TIFF header first) of a picture file.
 * @param {Uint8Array} file
 * @returns {Uint8Array | undefined} a copy
 */
export function findExif(file) {
  try {
    const found = startsWith(file, 0, [0xff, 0xd8])
      ? inJpeg(file)
      : startsWith(file, 0, PNG_SIGNATURE)
        ? inPng(file)
        : text(file, 0, 4) === "RIFF" && text(file, 8, 4) === "WEBP"
          ? inWebp(file)
          : undefined;
    return found?.slice();
  } catch (error) {
    if (error instanceof RangeError) return undefined; // A file cut short has none.
    throw error;
  }
}

function inJpeg(file) {
  const view = viewOf(file);
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff && file[at + 1] !== 0xda; ) {
    const length = view.getUint16(at + 2);
    if (file[at + 1] === 0xe1 && startsWith(file, at + 4, JPEG_EXIF)) return file.subarray(at + 10, at + 2 + length);
    at += 2 + length;
  }
  return undefined;
}

function inPng(file) {
  const view = viewOf(file);
  for (let at = 8; at + 12 <= file.length; ) {
    const length = view.getUint32(at);
    if (text(file, at + 4, 4) === "eXIf") return file.subarray(at + 8, at + 8 + length);
    at += 12 + length;
  }
  return undefined;
}

function inWebp(file) {
  const view = viewOf(file);
  for (let at = 12; at + 8 <= file.length; ) {
    const length = view.getUint32(at + 4, true);
    if (text(file, at, 4) === "EXIF") {
      const start = at + 8 + (startsWith(file, at + 8, JPEG_EXIF) ? JPEG_EXIF.length : 0);
      return file.subarray(start, at + 8 + length);
    }
    at += 8 + length + (length % 2);
  }
  return undefined;
}

/**
 * How a photograph was exposed: shutter time in seconds, f-number and ISO, each as far as EXIF says.
 * @returns {{time?: number, aperture?: number, iso?: number}}
 */
export function shotOf(exif) {
  const entries = exif && readEntries(exif);
  if (!entries) return {};
  return { time: rational(entries, EXPOSURE_TIME), aperture: rational(entries, F_NUMBER), iso: whole(entries, ISO) };
}

/**
 * The block as it belongs to the fused picture: upright, sRGB, of its size, without the thumbnail of another picture.
 * @returns {Uint8Array | undefined} a copy; undefined where the block is damaged
 */
export function exifForResult(exif, width, height) {
  const made = exif.slice();
  const entries = readEntries(made);
  if (!entries) return undefined;
  const set = (tag, value) => entries.get(tag) && setWhole(entries.view, entries.get(tag), value, entries.little);
  set(ORIENTATION, 1);
  set(COLOR_SPACE, 1);
  set(WIDTH, width);
  set(HEIGHT, height);
  dropThumbnail(made, entries);
  return made;
}

/** Entries of IFD0 and of the EXIF IFD by tag, with `view`, `little` and where IFD0 points to the next. */
function readEntries(exif) {
  try {
    const view = viewOf(exif);
    const little = view.getUint16(0) === 0x4949;
    if (!little && view.getUint16(0) !== 0x4d4d) return undefined;
    const entries = new Map();
    Object.assign(entries, { view, little });
    entries.next = readIfd(entries, view.getUint32(4, little), entries);
    const deeper = entries.get(EXIF_IFD);
    if (deeper) readIfd(entries, view.getUint32(deeper.at, little), entries);
    return entries;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Read one IFD into a map; returns where it points to the next. */
function readIfd({ view, little }, start, into) {
  const count = view.getUint16(start, little);
  for (let i = 0, at = start + 2; i < count; i++, at += 12) {
    const type = view.getUint16(at + 2, little);
    const values = view.getUint32(at + 4, little);
    const inPlace = (TYPE_BYTES[type] ?? 1) * values <= 4;
    into.set(view.getUint16(at, little), { type, at: inPlace ? at + 8 : view.getUint32(at + 8, little) });
  }
  return start + 2 + 12 * count;
}

function dropThumbnail(exif, entries) {
  const { view, little, next } = entries;
  if (next + 4 > exif.length) return;
  const second = view.getUint32(next, little);
  view.setUint32(next, 0, little);
  if (second === 0) return;
  const thumbnail = new Map();
  try {
    readIfd(entries, second, thumbnail);
  } catch (error) {
    if (error instanceof RangeError) return; // Nothing refers to it any more, which is enough.
    throw error;
  }
  const offset = thumbnail.get(THUMBNAIL_OFFSET);
  const length = thumbnail.get(THUMBNAIL_LENGTH);
  if (offset && length) {
    const from = view.getUint32(offset.at, little);
    exif.fill(0, from, from + view.getUint32(length.at, little));
  }
}

function rational(entries, tag) {
  const entry = entries.get(tag);
  if (entry?.type !== 5 || entry.at + 8 > entries.view.byteLength) return undefined;
  const below = entries.view.getUint32(entry.at + 4, entries.little);
  return below ? entries.view.getUint32(entry.at, entries.little) / below : undefined;
}

function whole(entries, tag) {
  const entry = entries.get(tag);
  if (entry?.type === 3) return entries.view.getUint16(entry.at, entries.little);
  return entry?.type === 4 ? entries.view.getUint32(entry.at, entries.little) : undefined;
}

function setWhole(view, { type, at }, value, little) {
  if (type === 3) view.setUint16(at, Math.min(value, 0xffff), little);
  if (type === 4) view.setUint32(at, value, little);
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

/* ---- EXIF put into the JPEG or PNG that the browser wrote -------------------------------------------------------- */

const MOST_IN_JPEG = 0xffff - 2 - 6;

/**
 * @param {Uint8Array} jpeg
 * @param {Uint8Array} exif TIFF header first
 * @returns {Uint8Array[]} the new file in parts; unchanged where the block is too large for JPEG
 */
export function withExifInJpeg(jpeg, exif) {
  if (exif.length > MOST_IN_JPEG) return [jpeg];
  const length = exif.length + 8;
  const head = Uint8Array.of(0xff, 0xe1, length >> 8, length & 0xff, 0x45, 0x78, 0x69, 0x66, 0, 0);
  return [jpeg.subarray(0, 2), head, exif, jpeg.subarray(2)];
}

/** The same for PNG: an eXIf chunk behind the header. */
export function withExifInPng(png, exif) {
  const chunk = new Uint8Array(exif.length + 12);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, exif.length);
  chunk.set([0x65, 0x58, 0x49, 0x66], 4); // "eXIf"
  chunk.set(exif, 8);
  view.setUint32(exif.length + 8, crc32(chunk.subarray(4, exif.length + 8)));
  const header = 8 + 12 + 13;
  return [png.subarray(0, header), chunk, png.subarray(header)];
}

/** CRC-32 as PNG has it (ISO 3309). */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
