/** EXIF put into the JPEG or PNG that the browser wrote. */

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
