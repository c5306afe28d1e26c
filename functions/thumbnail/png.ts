import { constants, crc32, deflateSync, inflateSync } from 'node:zlib';

export interface Image {
  readonly width: number;
  readonly height: number;
  /** Bytes of a pixel: 3 is RGB, 4 has transparency too. */
  readonly channels: number;
  /** Row by row, without gaps. */
  readonly pixels: Buffer;
}

export class UnsupportedImage extends Error {}

const signature = Buffer.from('89504e470d0a1a0a', 'hex');
const channelsOfColorType = new Map([
  [2, 3],
  [6, 4],
]);

const pixelLimit = 4096 * 4096;

/** @throws UnsupportedImage for anything but 8-bit RGB or RGBA that is not interlaced. */
export function decodePng(file: Buffer): Image {
  const chunks = file.subarray(0, 8).equals(signature) ? chunksOf(file) : [];
  const header = chunks.find(({ type }) => type === 'IHDR')?.data;
  if (header?.length !== 13) throw new UnsupportedImage('This is not a PNG image.');
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const [depth, colorType = 0, , , interlace] = header.subarray(8);
  const channels = channelsOfColorType.get(colorType);
  if (!channels || depth !== 8 || interlace !== 0) {
    throw new UnsupportedImage('Only 8-bit RGB and RGBA images without interlacing can be read.');
  }
  const pixelCount = width * height;
  if (pixelCount === 0 || pixelCount > pixelLimit) {
    throw new UnsupportedImage(`The image has ${width} by ${height} pixels, which is too many.`);
  }
  const compressed = chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data);
  const rows = inflate(Buffer.concat(compressed), height * (1 + width * channels));
  return { width, height, channels, pixels: unfilter(rows, width * channels, channels) };
}

export function encodePng({ width, height, channels, pixels }: Image): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, channels === 3 ? 2 : 6, 0, 0, 0], 8);
  const stride = width * channels;
  const rows = Buffer.alloc(height * (1 + stride)); // each row begins with its filter: 0, none
  for (let y = 0; y < height; y++) {
    pixels.copy(rows, y * (1 + stride) + 1, y * stride, (y + 1) * stride);
  }
  // This strategy is meant for images, and gives the same bytes on every processor.
  const compressed = deflateSync(rows, { strategy: constants.Z_RLE });
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', compressed),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunksOf(file: Buffer): { type: string; data: Buffer }[] {
  const chunks = [];
  for (let offset = signature.length; offset + 12 <= file.length;) {
    const end = offset + 8 + file.readUInt32BE(offset);
    const type = file.toString('latin1', offset + 4, offset + 8);
    chunks.push({ type, data: file.subarray(offset + 8, end) });
    offset = end + 4; // past the checksum
  }
  return chunks;
}

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type), data]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

function inflate(compressed: Buffer, bytes: number): Buffer {
  try {
    const rows = inflateSync(compressed, { maxOutputLength: bytes });
    if (rows.length === bytes) return rows;
  } catch {
    // broken data, or more of it than the header says
  }
  throw new UnsupportedImage('The image data is broken.');
}

/** Each row says by which neighbours its bytes were predicted; adds the prediction back. */
function unfilter(rows: Buffer, stride: number, channels: number): Buffer {
  const height = rows.length / (1 + stride);
  const pixels = Buffer.alloc(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (1 + stride)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < channels ? 0 : (pixels[at - channels] ?? 0);
      const above = y === 0 ? 0 : (pixels[at - stride] ?? 0);
      const corner = x < channels || y === 0 ? 0 : (pixels[at - stride - channels] ?? 0);
      pixels[at] = (rows[at + y + 1] ?? 0) + predicted(filter, left, above, corner);
    }
  }
  return pixels;
}

function predicted(
  filter: number | undefined,
  left: number,
  above: number,
  corner: number,
): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4:
      return paeth(left, above, corner);
    default:
      throw new UnsupportedImage('The image data is broken.');
  }
}

/** The neighbour that is nearest to left + above - corner. */
function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
