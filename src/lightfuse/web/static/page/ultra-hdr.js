/**
 * The container of an Ultra HDR JPEG: two JPEGs, the picture and its gain map, one behind the other, which readers find
 * by an XMP directory and a multi-picture index (Ultra HDR image format 1.1, ISO 21496-1, CIPA DC-007).
 */

const OFFSET = 1 / 64; // added to both sides of the gain's ratio, so that black has a gain of 1
const XMP_NAME = "http://ns.adobe.com/xap/1.0/\0";
const ISO_NAME = "urn:iso:std:iso:ts:21496:-1\0";
const GAIN_MAP = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"';
const CONTAINER = "http://ns.google.com/photos/1.0/container/";
const ONE_CHANNEL_IN_BASE_PRIMARIES = 0x40;
const DENOMINATOR = 1 << 20;

/**
 * @param {Blob} picture JPEG
 * @param {Blob} gain JPEG, the gain map, from 0 stops (0) to `stops` (255)
 * @returns {Promise<Blob>}
 */
export async function joined(picture, gain, stops) {
  const described = [segment(0xe1, XMP_NAME, gainXmp(stops)), segment(0xe2, ISO_NAME, isoGain(stops))];
  const appended = new Blob(await inserted(gain, described));
  const announced = [segment(0xe1, XMP_NAME, baseXmp(appended.size)), segment(0xe2, ISO_NAME, new Uint8Array(4))];
  const [head, rest] = await inserted(picture, announced);
  const index = segment(0xe2, "MPF\0", multiPictureIndex(head.size, rest.size, appended.size));
  return new Blob([head, index, rest, appended], { type: "image/jpeg" });
}

/** A segment of a JPEG; the content is bytes or text. */
export function segment(marker, name, content) {
  const parts = new Blob([name, content]);
  const length = parts.size + 2;
  return new Blob([Uint8Array.of(0xff, marker, length >> 8, length & 0xff), parts]);
}

/** Little-endian numbers of 16 bits, and of 32 bits those in brackets. */
export function fields(...values) {
  const bytes = values.flatMap((value) => {
    const [number, count] = Array.isArray(value) ? [value[0], 4] : [value, 2];
    return Array.from({ length: count }, (_, i) => (number >>> (8 * i)) & 0xff);
  });
  return Uint8Array.from(bytes);
}

/** A JPEG cut where its application segments end, with more of them before the cut: [head, rest]. */
async function inserted(jpeg, segments) {
  const bytes = new Uint8Array(await jpeg.arrayBuffer());
  let at = 2;
  while (bytes[at] === 0xff && bytes[at + 1] >> 4 === 0xe) at += 2 + (bytes[at + 2] << 8) + bytes[at + 3];
  return [new Blob([bytes.subarray(0, at), ...segments]), new Blob([bytes.subarray(at)])];
}

function multiPictureIndex(headSize, restSize, appendedSize) {
  const tags = [[0xb000, 7, [4], 0x3130, 0x3030], [0xb001, 4, [1], [2]], [0xb002, 7, [32], [50]]];
  const header = [0x4949, 42, [8], tags.length, ...tags.flat(), [0]];
  const size = 4 + 4 + 50 + 32; // marker and length, name, header and directory, two entries
  const base = headSize + size + restSize;
  const entries = [[0x030000], [base], [0], 0, 0, [0], [appendedSize], [base - headSize - 8], 0, 0];
  return fields(...header, ...entries);
}

/** Gains from 0 to `stops`, gamma 1, one offset for both renditions: fractions, most significant byte first. */
function isoGain(stops) {
  const values = [0, stops, 0, stops, 1, OFFSET, OFFSET];
  const view = new DataView(new ArrayBuffer(5 + 8 * values.length));
  view.setUint8(4, ONE_CHANNEL_IN_BASE_PRIMARIES);
  values.forEach((value, i) => {
    view.setUint32(5 + 8 * i, Math.round(value * DENOMINATOR));
    view.setUint32(9 + 8 * i, DENOMINATOR);
  });
  return new Uint8Array(view.buffer);
}

function gainXmp(stops) {
  const most = stops.toFixed(6);
  return packet(
    `${GAIN_MAP} hdrgm:GainMapMin="0" hdrgm:GainMapMax="${most}" hdrgm:Gamma="1" hdrgm:OffsetSDR="${OFFSET}" ` +
      `hdrgm:OffsetHDR="${OFFSET}" hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="${most}" ` +
      'hdrgm:BaseRenditionIsHDR="False"',
  );
}

function baseXmp(length) {
  const items = ['"Primary"', `"GainMap" Item:Length="${length}"`].map((semantic) => {
    const item = `<Container:Item Item:Mime="image/jpeg" Item:Semantic=${semantic}/>`;
    return `<rdf:li rdf:parseType="Resource">${item}</rdf:li>`;
  });
  return packet(
    `${GAIN_MAP} xmlns:Container="${CONTAINER}" xmlns:Item="${CONTAINER}item/"`,
    `<Container:Directory><rdf:Seq>${items.join("")}</rdf:Seq></Container:Directory>`,
  );
}

function packet(attributes, content = "") {
  const rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
  return (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">' +
    `<rdf:RDF xmlns:rdf="${rdf}"><rdf:Description rdf:about="" ${attributes}>${content}</rdf:Description></rdf:RDF>` +
    '</x:xmpmeta><?xpacket end="w"?>'
  );
}
