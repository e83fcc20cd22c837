// Writes ages.txt: what the package says of drawings (`npm install @vladmandic/face-api`).
//
//     node ages.mjs ages.txt
//
// Each line: seed and the years that its age head sees in the drawing of 112 x 112; for the first ten
// also the highest and the mean number that its detector says of the drawing of 416 x 416. The
// drawings are those of generate.py: shapes, no photographs.
import fs from 'node:fs';
import path from 'node:path';
import { api, draw, main, tf } from './shapes.mjs';

const { nets } = api;

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
