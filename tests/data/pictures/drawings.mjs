// Writes drawings.txt: what the model of the package `nsfwjs` says of drawings
// (`npm install nsfwjs @vladmandic/face-api`; the second for its TensorFlow.js).
//
//     node drawings.mjs drawings.txt
//
// Each line: seed and how probable it is that the drawing of 224 x 224 is hentai or porn. The drawings
// are those of generate.py: shapes, no photographs.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(path.join(process.cwd(), 'x.js'));
const main = path.dirname(require.resolve('@vladmandic/face-api/package.json'));
// The bundle is for browsers: with Node seen it asks for a module that is not in it.
Object.defineProperty(process.versions, 'node', { value: undefined });
const api = await import(path.join(main, 'dist/face-api.esm.js'));
const { tf } = api;
const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
tf.env().setPlatform('here', {
  now: () => performance.now(),
  encode: (text) => encoder.encode(text),
  decode: (bytes) => decoder.decode(bytes),
  isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
});
await tf.setBackend('cpu');
await tf.ready();

function draw(seed, width, height) {
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

const folder = path.resolve('node_modules/nsfwjs/dist/models/mobilenet_v2');
const model = require(path.join(folder, 'model.min.js'));
const shard = require(path.join(folder, 'group1-shard1of1.min.js'));
const bytes = Buffer.from(shard, 'base64');
const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
const { modelTopology, weightsManifest } = model;
const weightSpecs = weightsManifest[0].weights;
const network = await tf.loadLayersModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
const lines = [];
for (let seed = 1; seed <= 50; seed++) {
  const kinds = network.predict(draw(seed, 224, 224).div(255)).dataSync();
  lines.push(`${seed} ${(kinds[1] + kinds[3]).toFixed(6)}`);
}
fs.writeFileSync(process.argv[2], lines.join('\n') + '\n');
