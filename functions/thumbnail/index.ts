import { downscale } from './downscale.ts';
import { decodePng, encodePng, UnsupportedImage } from './png.ts';

/** Makes a PNG smaller: `POST /?width=32` with the image as the body. */
export default {
  async fetch(request: Request): Promise<Response> {
    const width = Number(new URL(request.url).searchParams.get('width') ?? 64);
    if (!Number.isInteger(width) || width < 1 || width > 1024) {
      return new Response('width must be a whole number from 1 to 1024.\n', { status: 400 });
    }
    try {
      const image = decodePng(Buffer.from(await request.arrayBuffer()));
      return new Response(encodePng(downscale(image, width)), {
        headers: { 'content-type': 'image/png' },
      });
    } catch (error) {
      if (!(error instanceof UnsupportedImage)) throw error;
      return new Response(`${error.message}\n`, { status: 415 });
    }
  },
};
