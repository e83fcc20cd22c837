// Runs scenarios through the realtime API of the official OpenAI SDK for Node, a session each.
//
// usage: node scenarios_realtime.mjs BASE_URL < scenarios.jsonl > results.jsonl
// Scenarios and results are those of scenarios_realtime.py; harness.mjs finds the SDK. It
// speaks TLS only: WARDGATE_CA names the authority that it trusts.

import { readFileSync } from 'node:fs';
import { require, serve } from './harness.mjs';

const { OpenAI } = require('openai');
const { OpenAIRealtimeWS } = require('openai/realtime/ws');

const TOOL = {
  type: 'function',
  name: 'look_up',
  description: 'Looks a word up.',
  parameters: { type: 'object', properties: { word: { type: 'string' } } },
};

const client = new OpenAI({ baseURL: process.argv[2], apiKey: 'sk-client-test' });
const ca = process.env.WARDGATE_CA && readFileSync(process.env.WARDGATE_CA);

/** Opens a session, says the events, and resolves with what `taken` makes of the events told. */
function session(scenario, events, taken) {
  return new Promise((resolve, reject) => {
    const options = { headers: scenario.headers ?? {}, ca };
    const connection = new OpenAIRealtimeWS({ model: 'mock', options }, client);
    const told = [];
    const end = (settle, value) => {
      connection.close();
      settle(value);
    };
    connection.on('event', (event) => {
      told.push(event);
      try {
        const result = taken(event, told);
        if (result) end(resolve, result);
      } catch (error) {
        end(reject, error);
      }
    });
    // An error of the API is an event of the session; without one the connection has failed.
    connection.on('error', (error) => {
      if (!error.error) end(reject, error.cause ?? error);
    });
    connection.socket.on('open', () => events.forEach((event) => connection.send(event)));
  });
}

function asked({ prompt, picture }, modality) {
  const content = [{ type: 'input_text', text: prompt }];
  if (picture) {
    content.push({ type: 'input_image', image_url: `data:image/png;base64,${picture}` });
  }
  const response = modality ? { output_modalities: [modality] } : {};
  return [
    { type: 'session.update', session: { type: 'realtime', tools: [TOOL] } },
    { type: 'conversation.item.create', item: { type: 'message', role: 'user', content } },
    { type: 'response.create', response },
  ];
}

const ended = ({ status, status_details: details }) => [details?.reason ?? status];

/** The response that ends an answer. */
const unary = (scenario) =>
  session(scenario, asked(scenario, 'text'), ({ type, response }) => {
    if (type !== 'response.done') return undefined;
    const parts = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
    return {
      text: [parts.map((part) => part.text ?? part.transcript ?? '').join('')],
      finish_reason: ended(response),
      tools: response.output
        .filter((item) => item.type === 'function_call')
        .map((item) => [item.name, item.arguments]),
    };
  });

/** The deltas of an answer. */
const stream = (scenario, kind = 'response.output_text.delta', modality = 'text') =>
  session(scenario, asked(scenario, modality), (event, told) => {
    if (event.type === 'response.output_audio.delta') throw new Error('sound is withheld');
    if (event.type !== 'response.done') return undefined;
    const calls = told.filter(
      ({ type, item }) => type === 'response.output_item.added' && item.type === 'function_call',
    );
    const deltas = (type) => told.filter((event) => event.type === type);
    const pieces = deltas('response.function_call_arguments.delta');
    return {
      text: [deltas(kind).map(({ delta }) => delta).join('')],
      finish_reason: ended(event.response),
      tools: calls.map(({ item }) => [
        item.name,
        pieces.filter(({ item_id: id }) => id === item.id).map(({ delta }) => delta).join(''),
      ]),
      chunks: told.length,
    };
  });

/** Sound is refused by an error that names the event. */
const sound = (scenario) =>
  session(
    scenario,
    [{ type: 'input_audio_buffer.append', event_id: 'mine', audio: 'AAAA' }],
    ({ type, error }) => type === 'error' && error.event_id === 'mine' && { text: [error.code] },
  );

const KINDS = {
  chat: unary,
  stream,
  tools: unary,
  tools_stream: stream,
  seen: unary,
  spoken: (scenario) => stream(scenario, 'response.output_audio_transcript.delta', null),
  sound,
};

await serve(
  (scenario) => KINDS[scenario.kind](scenario),
  (error) => {
    // `ws` says a handshake's status in words only.
    const status = /Unexpected server response: (\d+)/.exec(error.message)?.[1];
    return {
      class: status ? 'InvalidStatus' : error.constructor.name,
      status: status ? Number(status) : null,
      code: error.code ?? null,
    };
  },
);
