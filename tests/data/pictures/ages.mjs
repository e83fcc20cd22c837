// Writes ages.txt: what the package says of drawings (`npm install @vladmandic/face-api`).
//
//     node ages.mjs ages.txt
//
// Each line: seed and the years that its age head sees in the drawing of 112 x 112; for the first ten
// also the highest and the mean number that its detector says of the drawing of 416 x 416. The
// drawings are those of generate.py: shapes, no photographs.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(path.join(process.cwd(), 'x.js'));
const main = path.dirname(require.resolve('@vladmandic/face-api/package.json'));
// The bundle is for browsers: with Node seen it asks for a module that is not in it.
Object.defineProperty(process.versions, 'node', { value: undefined });
const api = await import(path.join(main, 'dist/face-api.esm.js'));
const { tf, nets } = api;
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

for (const [net, name] of [[nets.ageGenderNet, 'age_gender_model'], [nets.tinyFaceDetector, 'tiny_face_detector_model']]) {
  const manifest = JSON.parse(fs.readFileSync(path.join(main, 'model', `${name}-weights_manifest.json`)));
  const bytes = fs.readFileSync(path.join(main, 'model', `${name}.bin`));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  net.loadFromWeightMap(tf.io.decodeWeights(buffer, manifest[0].weights));
}

const lines = [];
for (let seed = 1; seed <= 50; seed++) {
  const { age } = nets.ageGenderNet.forwardInput(new api.NetInput([draw(seed, 112, 112)], true));
  const line = [seed, age.dataSync()[0].toFixed(5)];
  if (seed <= 10) {
    const said = nets.tinyFaceDetector.forwardInput(new api.NetInput([draw(seed, 416, 416)], true), 416).dataSync();
    line.push(Math.max(...said).toFixed(5), (said.reduce((one, other) => one + other, 0) / said.length).toFixed(6));
  }
  lines.push(line.join(' '));
}
fs.writeFileSync(process.argv[2], lines.join('\n') + '\n');
