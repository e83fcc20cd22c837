// Runs scenarios through the official Anthropic SDK for Node.
//
// usage: node scenarios_anthropic.mjs BASE_URL < scenarios.jsonl > results.jsonl
// Scenarios and results are those of scenarios_anthropic.py; harness.mjs finds the SDK.

import { require, serve } from './harness.mjs';

const { Anthropic } = require('@anthropic-ai/sdk');

const TOOL = {
  name: 'look_up',
  description: 'Looks a word up.',
  input_schema: { type: 'object', properties: { word: { type: 'string' } } },
};

/** What is said, with the picture beside it if the scenario has one. */
function said({ prompt, picture }) {
  if (!picture) return prompt;
  const source = { type: 'base64', media_type: 'image/png', data: picture };
  return [{ type: 'image', source }, { type: 'text', text: prompt }];
}

const asked = (scenario, extra) => ({
  model: 'mock',
  max_tokens: 256,
  messages: [{ role: 'user', content: said(scenario) }],
  ...extra,
});

const options = (scenario) => ({ headers: scenario.headers ?? {} });

function described(message) {
  const text = message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  const tools = message.content
    .filter((block) => block.type === 'tool_use')
    .map((block) => [block.name, JSON.stringify(block.input)]);
  return { text: [text], finish_reason: [message.stop_reason], tools };
}

async function unary(client, scenario, extra = {}) {
  return described(await client.messages.create(asked(scenario, extra), options(scenario)));
}

async function stream(client, scenario, extra = {}) {
  let chunks = 0;
  let said = '';
  const events = client.messages.stream(asked(scenario, extra), options(scenario));
  for await (const event of events) {
    chunks += 1;
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
      said += event.delta.text;
    }
  }
  const result = described(await events.finalMessage());
  if (result.text[0] !== said) throw new Error('deltas do not add up to the message');
  return { ...result, chunks };
}

async function count(client, scenario) {
  const { max_tokens: _, ...body } = asked(scenario);
  return { images: (await client.messages.countTokens(body, options(scenario))).input_tokens };
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
  count,
  models,
};

const client = new Anthropic({
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
    code: error.error?.error?.code ?? null,
  }),
);
