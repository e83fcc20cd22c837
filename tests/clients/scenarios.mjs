// Runs chat, completion and image scenarios through the official OpenAI SDK for Node.
//
// usage: node scenarios.mjs BASE_URL < scenarios.jsonl > results.jsonl
// Scenarios and results are those of scenarios.py.

import { require, serve } from './harness.mjs';

const { OpenAI, toFile } = require('openai');

// The smallest valid PNG: one grey pixel. Enough for a multipart upload.
const PIXEL = Buffer.from(
  '89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55' +
    '0000000a49444154789c636000000002000148afa4710000000049454e44ae426082',
  'hex',
);

const TOOL = {
  type: 'function',
  function: {
    name: 'look_up',
    description: 'Looks a word up.',
    parameters: { type: 'object', properties: { word: { type: 'string' } } },
  },
};

const options = (scenario) => ({ headers: scenario.headers ?? {} });

/** What is said, with the picture beside it if the scenario has one. */
const said = ({ prompt, picture }) =>
  picture
    ? [
        { type: 'text', text: prompt },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } },
      ]
    : prompt;

const chat = (client, scenario, extra) =>
  client.chat.completions.create(
    {
      model: 'mock',
      messages: [{ role: 'user', content: said(scenario) }],
      n: scenario.n ?? 1,
      ...extra,
    },
    options(scenario),
  );

async function unary(client, scenario, extra = {}) {
  const answer = await chat(client, scenario, extra);
  return {
    text: answer.choices.map((choice) => choice.message.content ?? ''),
    finish_reason: answer.choices.map((choice) => choice.finish_reason),
    tools: answer.choices.flatMap((choice) =>
      (choice.message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments]),
    ),
  };
}

async function stream(client, scenario, extra = {}) {
  const texts = new Map();
  const reasons = new Map();
  const tools = new Map();
  let chunks = 0;
  for await (const chunk of await chat(client, scenario, { stream: true, ...extra })) {
    chunks += 1;
    for (const choice of chunk.choices) {
      texts.set(choice.index, (texts.get(choice.index) ?? '') + (choice.delta.content ?? ''));
      if (choice.finish_reason) reasons.set(choice.index, choice.finish_reason);
      for (const call of choice.delta.tool_calls ?? []) {
        const key = `${choice.index}/${call.index}`;
        const [name, args] = tools.get(key) ?? ['', ''];
        tools.set(key, [name + (call.function?.name ?? ''), args + (call.function?.arguments ?? '')]);
      }
    }
  }
  const order = [...texts.keys()].sort((a, b) => a - b);
  return {
    text: order.map((index) => texts.get(index)),
    finish_reason: order.map((index) => reasons.get(index) ?? null),
    tools: [...tools.values()],
    chunks,
  };
}

async function completion(client, scenario) {
  const answer = await client.completions.create(
    { model: 'mock', prompt: scenario.prompt },
    options(scenario),
  );
  return {
    text: answer.choices.map((choice) => choice.text),
    finish_reason: answer.choices.map((choice) => choice.finish_reason),
  };
}

async function completionStream(client, scenario) {
  let text = '';
  let reason = null;
  let chunks = 0;
  const body = { model: 'mock', prompt: scenario.prompt, stream: true };
  for await (const chunk of await client.completions.create(body, options(scenario))) {
    chunks += 1;
    for (const choice of chunk.choices) {
      text += choice.text ?? '';
      reason = choice.finish_reason ?? reason;
    }
  }
  return { text: [text], finish_reason: [reason], chunks };
}

async function image(client, scenario) {
  const answer = await client.images.generate(
    { model: 'mock', prompt: scenario.prompt },
    options(scenario),
  );
  return { images: answer.data?.length ?? 0 };
}

async function imageEdit(client, scenario) {
  const own = scenario.picture ? Buffer.from(scenario.picture, 'base64') : PIXEL;
  const picture = await toFile(own, 'pixel.png', { type: 'image/png' });
  const answer = await client.images.edit(
    { model: 'mock', image: picture, prompt: scenario.prompt },
    options(scenario),
  );
  return { images: answer.data?.length ?? 0 };
}

async function imageStream(client, scenario) {
  const body = { model: 'mock', prompt: scenario.prompt, stream: true, partial_images: 2 };
  let chunks = 0;
  let images = 0;
  for await (const event of await client.images.generate(body, options(scenario))) {
    chunks += 1;
    if (event.type === 'image_generation.completed') images += 1;
  }
  return { images, chunks };
}

async function imageVariation(client, scenario) {
  const image = await toFile(PIXEL, 'pixel.png', { type: 'image/png' });
  const body = { model: 'mock', image, user: scenario.prompt };
  const answer = await client.images.createVariation(body, options(scenario));
  return { images: answer.data?.length ?? 0 };
}

async function embedding(client, scenario) {
  const body = { model: 'mock', input: [scenario.prompt] };
  const answer = await client.embeddings.create(body, options(scenario));
  return { images: answer.data[0].embedding.length };
}

async function speech(client, scenario) {
  const body = { model: 'mock', voice: 'alloy', input: scenario.prompt };
  const answer = await client.audio.speech.create(body, options(scenario));
  return { images: (await answer.arrayBuffer()).byteLength };
}

async function transcript(client, scenario, extra = {}) {
  const file = await toFile(Buffer.from('ID3'), 'talk.mp3', { type: 'audio/mpeg' });
  const body = { model: 'mock', file, prompt: scenario.prompt, ...extra };
  return client.audio.transcriptions.create(body, options(scenario));
}

async function transcriptStream(client, scenario) {
  let said = '';
  let told = null;
  let chunks = 0;
  for await (const event of await transcript(client, scenario, { stream: true })) {
    chunks += 1;
    if (event.type === 'transcript.text.delta') said += event.delta;
    if (event.type === 'transcript.text.done') told = event.text;
  }
  if (told !== said) throw new Error(`deltas add up to the whole: ${said}, ${told}`);
  return { text: [said], chunks };
}

async function transcriptVerbose(client, scenario) {
  const answer = await transcript(client, scenario, { response_format: 'verbose_json' });
  return { text: [answer.text, ...(answer.segments ?? []).map((segment) => segment.text)] };
}

async function moderation(client, scenario) {
  const body = { model: 'mock', input: said(scenario) };
  const answer = await client.moderations.create(body, options(scenario));
  return { text: answer.results.map((result) => String(result.flagged)) };
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
  completion,
  completion_stream: completionStream,
  image,
  image_edit: imageEdit,
  image_stream: imageStream,
  image_variation: imageVariation,
  embedding,
  speech,
  transcript: async (client, scenario) => ({ text: [(await transcript(client, scenario)).text] }),
  transcript_vtt: async (client, scenario) => ({
    text: [await transcript(client, scenario, { response_format: 'vtt' })],
  }),
  transcript_verbose: transcriptVerbose,
  transcript_stream: transcriptStream,
  moderation,
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
    type: error.type ?? null,
  }),
);
