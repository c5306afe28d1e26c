import { Counter, Histogram, type Registry } from 'prom-client';
import { durationBuckets, seconds, type FactCounters } from './fact-counters.ts';

/** Pulls of images in the whole cluster, and how much of them was there already. */
export function imageCounters(registry: Registry): FactCounters {
  const registers = [registry];
  const duration = new Histogram({
    name: 'hearth_image_pull_seconds',
    help: 'What pulling an image took, when all of it was there.',
    buckets: durationBuckets,
    registers,
  });
  const blobs = new Counter({
    name: 'hearth_image_blobs_total',
    help: 'Layers and configurations of pulled images: fetched, or kept from before.',
    labelNames: ['how'] as const,
    registers,
  });
  const bytes = new Counter({
    name: 'hearth_image_bytes_total',
    help: 'Bytes of pulled images, compressed: fetched, or kept from before.',
    labelNames: ['how'] as const,
    registers,
  });
  return {
    'image.pulled': ({ fetched, kept, durationMs }) => {
      duration.observe(seconds(durationMs));
      for (const [how, sum] of Object.entries({ fetched, kept })) {
        blobs.inc({ how }, sum.count);
        bytes.inc({ how }, sum.bytes);
      }
    },
  };
}
