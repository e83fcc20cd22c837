// Runs scenarios through the Vercel AI SDK (ai, @ai-sdk/openai): chat completions, or responses where
// WARDGATE_FLAVOUR says so.
//
// usage: node scenarios_ai.mjs BASE_URL < scenarios.jsonl > results.jsonl
// Scenarios and results are those of scenarios.py; kinds here: chat | stream | tools | tools_stream |
// seen (a message with a picture) | image | embedding.

import { require, serve } from './harness.mjs';

const { embed, generateImage, experimental_generateImage, generateText, jsonSchema, streamText, tool } =
  require('ai');
const { createOpenAI } = require('@ai-sdk/openai');

const TOOLS = {
  look_up: tool({
    description: 'Looks a word up.',
    inputSchema: jsonSchema({ type: 'object', properties: { word: { type: 'string' } } }),
  }),
};

const openai = createOpenAI({ baseURL: process.argv[2], apiKey: 'sk-client-test' });
const language = process.env.WARDGATE_FLAVOUR === 'responses' ? openai.responses('mock') : openai.chat('mock');

const asked = (scenario, extra = {}) => ({
  model: language,
  maxRetries: 0,
  headers: scenario.headers ?? {},
  ...(extra.messages ? {} : { prompt: scenario.prompt }),
  ...extra,
});

const called = (calls) => calls.map((call) => [call.toolName, JSON.stringify(call.input)]);

async function unary(scenario, extra) {
  const answer = await generateText(asked(scenario, extra));
  return {
    text: [answer.text],
    finish_reason: [answer.finishReason],
    tools: called(answer.toolCalls),
  };
}

async function stream(scenario, extra) {
  const answer = streamText({ ...asked(scenario, extra), onError: () => {} });
  const result = { text: [''], finish_reason: [null], tools: [], chunks: 0 };
  for await (const part of answer.fullStream) {
    result.chunks += 1;
    if (part.type === 'text-delta') result.text[0] += part.text;
    if (part.type === 'tool-call') result.tools.push(...called([part]));
    if (part.type === 'finish') result.finish_reason = [part.finishReason];
    if (part.type === 'error') throw part.error;
  }
  return result;
}

const seen = (scenario) =>
  unary(scenario, {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: scenario.prompt },
          { type: 'image', image: scenario.picture, mediaType: 'image/png' },
        ],
      },
    ],
  });

async function image(scenario) {
  const generate = generateImage ?? experimental_generateImage;
  const answer = await generate({
    model: openai.image('mock'),
    prompt: scenario.prompt,
    maxRetries: 0,
    headers: scenario.headers ?? {},
  });
  return { images: answer.images.length };
}

async function embedding(scenario) {
  const answer = await embed({
    model: openai.textEmbeddingModel('mock'),
    value: scenario.prompt,
    maxRetries: 0,
    headers: scenario.headers ?? {},
  });
  return { images: answer.embedding.length };
}

const KINDS = {
  chat: unary,
  stream,
  tools: (scenario) => unary(scenario, { tools: TOOLS }),
  tools_stream: (scenario) => stream(scenario, { tools: TOOLS }),
  seen,
  image,
  embedding,
};

/** The code of an error's body, where there is one. */
function code(error) {
  try {
    return JSON.parse(error.responseBody).error.code;
  } catch {
    return null;
  }
}

await serve(
  (scenario) => KINDS[scenario.kind](scenario),
  (error) => ({
    class: error.name,
    status: error.statusCode ?? null,
    code: code(error),
  }),
);
