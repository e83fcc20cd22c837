// Writes drawings.txt: what the model of the package `nsfwjs` says of drawings
// (`npm install nsfwjs @vladmandic/face-api`; the second for its TensorFlow.js).
//
//     node drawings.mjs drawings.txt
//
// Each line: seed and how probable it is that the drawing of 224 x 224 is hentai or porn. The drawings
// are those of generate.py: shapes, no photographs.
import fs from 'node:fs';
import path from 'node:path';
import { draw, require, tf } from './shapes.mjs';

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
