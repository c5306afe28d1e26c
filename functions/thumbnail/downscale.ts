import type { Image } from './png.ts';

/** To a width, in proportion: every new pixel is the mean of the box of old ones that it covers. */
export function downscale(image: Image, wantedWidth: number): Image {
  const width = Math.min(wantedWidth, image.width);
  const height = Math.max(1, Math.round((image.height * width) / image.width));
  const { channels } = image;
  const pixels = Buffer.alloc(width * height * channels);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = covered(y, height, image.height);
    for (let x = 0; x < width; x++) {
      const [left, right] = covered(x, width, image.width);
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let row = top; row < bottom; row++) {
          for (let column = left; column < right; column++) {
            sum += image.pixels[(row * image.width + column) * channels + channel] ?? 0;
          }
        }
        const count = (bottom - top) * (right - left);
        pixels[(y * width + x) * channels + channel] = Math.round(sum / count);
      }
    }
  }
  return { width, height, channels, pixels };
}

/** Which old rows or columns, the last not included, a new one covers: one at least. */
function covered(index: number, size: number, oldSize: number): readonly [number, number] {
  const start = Math.floor((index * oldSize) / size);
  const end = Math.floor(((index + 1) * oldSize) / size);
  return [start, Math.max(start + 1, end)];
}
