// What the scripts for Node share: where the SDKs are, and the loop over scenarios.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

// The SDKs are found through CLIENT_SDKS (the folder that holds node_modules), because ES modules do
// not read NODE_PATH.
export const require = createRequire(
  pathToFileURL(path.join(process.env.CLIENT_SDKS ?? process.cwd(), 'from.cjs')),
);

/**
 * Runs each scenario, a line of standard input, and writes a line of what came of it. `run` returns the
 * members of a result that are not as in the one below; `fault` says what an error is: class, status,
 * code.
 */
export async function serve(run, fault) {
  for await (const line of createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    const scenario = JSON.parse(line);
    const result = {
      name: scenario.name,
      ok: true,
      text: [],
      finish_reason: [],
      tools: [],
      images: 0,
      chunks: 0,
    };
    try {
      Object.assign(result, await run(scenario));
    } catch (error) {
      result.ok = false;
      result.error = { ...fault(error), message: String(error.message) };
    }
    console.log(JSON.stringify(result));
  }
}
