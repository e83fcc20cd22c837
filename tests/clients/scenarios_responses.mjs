// Runs scenarios through the responses API of the official OpenAI SDK for Node.
//
// usage: node scenarios_responses.mjs BASE_URL < scenarios.jsonl > results.jsonl
// Scenarios and results are those of scenarios_responses.py; harness.mjs finds the SDK.

import { require, serve } from './harness.mjs';

const { OpenAI } = require('openai');

const TOOL = {
  type: 'function',
  name: 'look_up',
  description: 'Looks a word up.',
  parameters: { type: 'object', properties: { word: { type: 'string' } } },
  strict: false,
};

/** What is said, with the picture beside it if the scenario has one. */
function said({ prompt, picture }) {
  if (!picture) return prompt;
  const content = [
    { type: 'input_text', text: prompt },
    { type: 'input_image', image_url: `data:image/png;base64,${picture}`, detail: 'auto' },
  ];
  return [{ role: 'user', content }];
}

const asked = (scenario, extra) => ({ model: 'mock', input: said(scenario), ...extra });

const options = (scenario) => ({ headers: scenario.headers ?? {} });

function described(response) {
  const parts = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  const text = parts.map((part) => (part.type === 'output_text' ? part.text : '')).join('');
  return {
    text: [text],
    finish_reason: [response.incomplete_details?.reason ?? response.status],
    tools: response.output
      .filter((item) => item.type === 'function_call')
      .map((item) => [item.name, item.arguments]),
  };
}

async function unary(client, scenario, extra = {}) {
  return described(await client.responses.create(asked(scenario, extra), options(scenario)));
}

async function stream(client, scenario, extra = {}) {
  let chunks = 0;
  let said = '';
  let last;
  for await (const event of client.responses.stream(asked(scenario, extra), options(scenario))) {
    chunks += 1;
    if (event.type === 'response.output_text.delta') said += event.delta;
    if (['response.completed', 'response.incomplete'].includes(event.type)) last = event.response;
  }
  const result = described(last);
  if (result.text[0] !== said) throw new Error('deltas do not add up to the response');
  return { ...result, chunks };
}

async function goesOn(client, scenario, of) {
  const before = await client.responses.create({ model: 'mock', input: 'a tur' });
  return of(client, scenario, { previous_response_id: before.id });
}

async function models(client) {
  const listed = [];
  for await (const model of client.models.list()) listed.push(model.id);
  return { text: [...listed, (await client.models.retrieve(listed[0])).id] };
}

const KINDS = {
  chat: unary,
  stream,
  tools: (client, scenario) => unary(client, scenario, { tools: [TOOL] }),
  tools_stream: (client, scenario) => stream(client, scenario, { tools: [TOOL] }),
  seen: unary,
  goes_on: (client, scenario) => goesOn(client, scenario, unary),
  goes_on_stream: (client, scenario) => goesOn(client, scenario, stream),
  lost: (client, scenario) => unary(client, scenario, { previous_response_id: 'resp_lost' }),
  models,
};

const client = new OpenAI({
  baseURL: process.argv[2],
  apiKey: 'sk-client-test',
  maxRetries: 0,
  timeout: 20_000,
});

await serve(
  (scenario) => KINDS[scenario.kind](client, scenario),
  (error) => ({
    class: error.constructor.name,
    status: error.status ?? null,
    code: error.code ?? null,
  }),
);
