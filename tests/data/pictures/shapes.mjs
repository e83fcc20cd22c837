// Drawings of generate.py (shapes, no photographs) for a package's model, and the TensorFlow.js that both
// packages run in. Run from the folder where `@vladmandic/face-api` is installed.
import path from 'node:path';
import { createRequire } from 'node:module';

export const require = createRequire(path.join(process.cwd(), 'x.js'));
export const main = path.dirname(require.resolve('@vladmandic/face-api/package.json'));
// The bundle is for browsers: with Node seen it asks for a module that is not in it.
Object.defineProperty(process.versions, 'node', { value: undefined });
export const api = await import(path.join(main, 'dist/face-api.esm.js'));
export const { tf } = api;
const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
tf.env().setPlatform('here', {
  now: () => performance.now(),
  encode: (text) => encoder.encode(text),
  decode: (bytes) => decoder.decode(bytes),
  isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
});
await tf.setBackend('cpu');
await tf.ready();

export function draw(seed, width, height) {
  let state = seed;
  const pick = (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const out = new Float32Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      out.set([(x * 255) / width, (y * 255) / height, ((x + y) * 255) / (width + height)].map(Math.floor), (y * width + x) * 3);
  for (let shape = 0; shape < 14; shape++) {
    const [disc, left, top] = [pick(2), pick(width), pick(height)];
    const size = pick(Math.floor(Math.min(width, height) / 2)) + 4;
    const color = [pick(256), pick(256), pick(256)];
    const half = Math.floor(size / 2);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const inside = disc
          ? (x - left) ** 2 + (y - top) ** 2 < half ** 2
          : x >= left && x < left + size && y >= top && y < top + half + 1;
        if (inside) out.set(color, (y * width + x) * 3);
      }
  }
  return tf.tensor4d(out, [1, height, width, 3]);
}
