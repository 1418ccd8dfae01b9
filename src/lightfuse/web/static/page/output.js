/** Files of the fused pictures: JPEG and PNG with EXIF, written by strips, and a ZIP archive of several. */
import { withLowBits } from "../engine/core.js";
import { strips } from "./frames.js";
import { fields, joined, segment } from "./ultra-hdr.js";

const [JPEG_QUALITY, GAIN_MAP_QUALITY] = [0.95, 0.9];
const MOST_EXIF_IN_JPEG = 0xffff - 2 - 6;

/**
 * A picture drawn on a canvas by strips of rows.
 * @param {{data: Uint8ClampedArray, width: number, height: number}} picture RGBA
 * @param {(strip: Uint8ClampedArray) => void} finish changes a copy of some rows, such as to a look
 * @param {number} shrink the canvas has a `shrink`-th of the picture's width and height
 */
export function drawn({ data, width, height }, finish = () => {}, shrink = 1) {
  const canvas = new OffscreenCanvas(Math.ceil(width / shrink), Math.ceil(height / shrink));
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) throw new RangeError("the canvas is too large");
  const strip = shrink > 1 && new OffscreenCanvas(width, strips(width, height, shrink)[0][1]).getContext("2d");
  for (const [top, end] of strips(width, height, shrink)) {
    const rows = data.slice(4 * width * top, 4 * width * end);
    finish(rows);
    (strip || context).putImageData(new ImageData(rows, width), 0, strip ? 0 : top);
    if (!strip) continue;
    const placed = [top, width, end - top].map((length) => length / shrink);
    context.drawImage(strip.canvas, 0, 0, width, end - top, 0, ...placed);
  }
  return canvas;
}

/**
 * A picture as a JPEG.
 * @param {Uint8Array} [exif] as it belongs to this picture
 * @returns {Promise<Blob>}
 */
export async function jpegOf(picture, finish, exif, quality = JPEG_QUALITY) {
  const type = "image/jpeg";
  const jpeg = await drawn(picture, finish).convertToBlob({ type, quality });
  if (!exif || exif.length > MOST_EXIF_IN_JPEG) return jpeg;
  return new Blob([jpeg.slice(0, 2), segment(0xe1, "Exif\0\0", exif), jpeg.slice(2)], { type });
}

/**
 * An Ultra HDR JPEG: the picture as `jpegOf` writes it, and its gain map.
 * @param {{data: Uint8ClampedArray, width: number, height: number, stops: number}} gain see `gainMap`
 */
export async function ultraHdrOf(picture, finish, exif, gain) {
  const map = jpegOf(gain, undefined, undefined, GAIN_MAP_QUALITY);
  return joined(await jpegOf(picture, finish, exif), await map, gain.stops);
}

/* ---- PNG (ISO 15948), RGB at 8 or 16 bits a channel, in sRGB ------------------------------------------------------- */

const [RGB, SUB, PERCEPTUAL] = [2, 1, 0]; // colour type; a filter: bytes less those of the pixel to the left; intent

/**
 * A picture as a PNG of 8 bits a channel, or of 16.
 * @param {(strip: Uint8ClampedArray | Float32Array) => void} finish changes some rows, such as to a look
 * @param {Uint8ClampedArray} [low] what was rounded off the picture (see `withLowBits`), for 16 bits
 */
export async function pngOf({ data, width, height }, finish, exif, low) {
  const bits = low ? 16 : 8;
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint16(8, (bits << 8) | RGB);
  const deflate = new CompressionStream("deflate");
  const compressed = new Response(deflate.readable).arrayBuffer();
  const writer = deflate.writable.getWriter();
  for (const range of strips(width, height)) {
    const [from, to] = range.map((row) => 4 * width * row);
    const rgba = low ? withLowBits(data.subarray(from, to), low.subarray(from, to)) : data.slice(from, to);
    finish(rgba);
    await writer.write(scanlines(rgba, width, bits));
  }
  await writer.close();
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    ...chunk("IHDR", new Uint8Array(header.buffer)),
    ...chunk("sRGB", Uint8Array.of(PERCEPTUAL)),
    ...(exif ? chunk("eXIf", exif) : []),
    ...chunk("IDAT", new Uint8Array(await compressed)),
    ...chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob(parts, { type: "image/png" });
}

/** Filtered rows of some levels from 0 to 255, each with its filter's number before it. */
function scanlines(rgba, width, bits) {
  const step = (3 * bits) / 8; // bytes of a pixel
  const rows = new Uint8Array((rgba.length / 4 / width) * (step * width + 1));
  for (let from = 0, to = 0; from < rgba.length; ) {
    rows[to++] = SUB;
    const second = to + step;
    for (const end = from + 4 * width; from < end; from += 4) {
      for (let c = 0; c < 3; c++) {
        // A look may go below black by a trifle.
        const value = bits === 16 ? Math.max(0, Math.round(257 * rgba[from + c])) : rgba[from + c];
        if (bits === 16) rows[to++] = value >> 8;
        rows[to++] = value;
      }
    }
    for (let i = to - 1; i >= second; i--) rows[i] -= rows[i - step];
  }
  return rows;
}

function chunk(name, content) {
  const [head, tail] = [new DataView(new ArrayBuffer(8)), new DataView(new ArrayBuffer(4))];
  head.setUint32(0, content.length);
  [...name].forEach((letter, i) => head.setUint8(4 + i, letter.charCodeAt(0)));
  tail.setUint32(0, crc32(content, crc32(new Uint8Array(head.buffer, 4))));
  return [head, content, tail];
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = (byte >>> 1) ^ (byte & 1 ? 0xedb88320 : 0);
  return byte;
});

/** CRC-32 (ISO 3309) of some bytes, continued from that of the bytes before. */
function crc32(bytes, before = 0) {
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/* ---- ZIP (PKWARE's APPNOTE 6.3), its files stored as they are ---------------------------------------------------- */

const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50];
const [VERSION, UTF8, JANUARY_1980] = [20, 0x0800, 0x21];
const MOST_BYTES = 2 ** 32 - 2 ** 20; // of the files: their names need some room, too

/** Whether an archive holds so many and so large files. */
export function haveRoom(files) {
  return files.reduce((bytes, { blob }) => bytes + blob.size, 0) <= MOST_BYTES;
}

/**
 * An archive of files.
 * @param {{name: string, blob: Blob}[]} files no more than `haveRoom` says
 * @returns {Promise<Blob>}
 */
export async function zipOf(files) {
  const [contents, directory] = [[], []];
  let offset = 0;
  for (const { name, blob } of files) {
    const encoded = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    const common = [VERSION, UTF8, 0, 0, JANUARY_1980, [crc], [blob.size], [blob.size], encoded.length, 0];
    contents.push(fields([LOCAL], ...common), encoded, blob);
    directory.push(fields([CENTRAL], VERSION, ...common, 0, 0, 0, [0], [offset]), encoded);
    offset += 30 + encoded.length + blob.size;
  }
  const size = new Blob(directory).size;
  const end = fields([END], 0, 0, files.length, files.length, [size], [offset], 0);
  return new Blob([...contents, ...directory, end], { type: "application/zip" });
}
