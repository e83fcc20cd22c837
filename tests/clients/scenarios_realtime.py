"""Runs scenarios through the realtime API of the official OpenAI SDK for Python, a session each.

usage: scenarios_realtime.py BASE_URL < scenarios.jsonl > results.jsonl

Scenarios and results are those of scenarios.py; kinds here: chat | stream | tools | tools_stream |
seen (with a picture) | spoken (the transcript of what is spoken) | sound (which is refused). `chat` and `tools` read
the response that ends an answer, the others its deltas. An answer ends as its response's status says,
or as the reason for that says.
"""

import json
import sys

import openai
from websockets.exceptions import InvalidStatus

TOOL = {
    "type": "function",
    "name": "look_up",
    "description": "Looks a word up.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
}


def ask(connection, scenario, modality):
    session = {"type": "realtime", "tools": [TOOL]}
    connection.session.update(session=session)
    content = [{"type": "input_text", "text": scenario["prompt"]}]
    if "picture" in scenario:
        url = f"data:image/png;base64,{scenario['picture']}"
        content.append({"type": "input_image", "image_url": url})
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    connection.response.create(response={"output_modalities": [modality]} if modality else {})


def answer(client, scenario, modality="text"):
    """The events of one answer, parsed by the SDK."""
    headers = scenario.get("headers", {})
    with client.realtime.connect(model="mock", extra_headers=headers, max_retries=0) as connection:
        ask(connection, scenario, modality)
        for event in connection:
            yield event
            if event.type == "response.done":
                return


def ended(response):
    details = response.status_details
    return [details.reason if details and details.reason else response.status]


def unary(client, scenario):
    last = list(answer(client, scenario))[-1].response
    parts = [part for item in last.output if item.type == "message" for part in item.content]
    tools = [[item.name, item.arguments] for item in last.output if item.type == "function_call"]
    text = "".join(part.text or part.transcript or "" for part in parts)
    return {"text": [text], "finish_reason": ended(last), "tools": tools}


def stream(client, scenario, kind="response.output_text.delta", modality="text"):
    said, tools, chunks, last = "", {}, 0, None
    for event in answer(client, scenario, modality):
        chunks += 1
        if event.type == kind:
            said += event.delta
        if event.type == "response.output_item.added" and event.item.type == "function_call":
            tools[event.item.id] = [event.item.name, ""]
        if event.type == "response.function_call_arguments.delta":
            tools[event.item_id][1] += event.delta
        if event.type == "response.output_audio.delta":
            raise AssertionError("sound is withheld")
        last = event
    return {
        "text": [said],
        "finish_reason": ended(last.response),
        "tools": list(tools.values()),
        "chunks": chunks,
    }


def refused(client, scenario):
    """Sound is refused by an error that names the event."""
    with client.realtime.connect(model="mock", max_retries=0) as connection:
        connection.send({"type": "input_audio_buffer.append", "event_id": "mine", "audio": "AAAA"})
        for event in connection:
            if event.type == "error":
                assert event.error.event_id == "mine"
                return {"text": [event.error.code]}


KINDS = {
    "chat": unary,
    "stream": stream,
    "tools": unary,
    "tools_stream": stream,
    "seen": unary,
    "spoken": lambda client, scenario: stream(
        client, scenario, "response.output_audio_transcript.delta", None
    ),
    "sound": refused,
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def main():
    client = openai.OpenAI(base_url=sys.argv[1], api_key="sk-client-test", max_retries=0, timeout=20.0)
    for line in sys.stdin:
        if not line.strip():
            continue
        scenario = json.loads(line)
        result = {"name": scenario["name"], "ok": True, **EMPTY}
        try:
            result.update(KINDS[scenario["kind"]](client, scenario))
        except InvalidStatus as error:
            status = error.response.status_code
            result.update(ok=False, error={"class": "InvalidStatus", "status": status, "message": ""})
        except Exception as error:  # every class is reported; the test knows which are expected
            result.update(ok=False, error={"class": type(error).__name__, "message": str(error)})
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
