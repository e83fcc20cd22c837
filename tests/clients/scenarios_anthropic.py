"""Runs scenarios through the official Anthropic SDK for Python.

usage: scenarios_anthropic.py BASE_URL < scenarios.jsonl > results.jsonl

Scenarios and results are those of scenarios.py; kinds here: chat | stream | tools | tools_stream |
seen (with a picture) | count | models. A streamed answer is taken from the SDK's own accumulated message, after every delta
of text was seen to add up to it.
"""

import json
import sys

import anthropic

TOOL = {
    "name": "look_up",
    "description": "Looks a word up.",
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}},
}


def said(scenario):
    """What is said, with the picture beside it if the scenario has one."""
    if "picture" not in scenario:
        return scenario["prompt"]
    source = {"type": "base64", "media_type": "image/png", "data": scenario["picture"]}
    return [{"type": "image", "source": source}, {"type": "text", "text": scenario["prompt"]}]


def asked(scenario, **extra):
    return {
        "model": "mock",
        "max_tokens": 256,
        "messages": [{"role": "user", "content": said(scenario)}],
        "extra_headers": scenario.get("headers", {}),
        **extra,
    }


def described(message):
    text = "".join(block.text for block in message.content if block.type == "text")
    tools = [
        [block.name, json.dumps(block.input, separators=(",", ":"))]
        for block in message.content
        if block.type == "tool_use"
    ]
    return {"text": [text], "finish_reason": [message.stop_reason], "tools": tools}


def unary(client, scenario, **extra):
    return described(client.messages.create(**asked(scenario, **extra)))


def stream(client, scenario, **extra):
    chunks, said = 0, ""
    with client.messages.stream(**asked(scenario, **extra)) as events:
        for event in events:
            chunks += 1
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                said += event.delta.text
        result = described(events.get_final_message())
    assert result["text"] == [said], "deltas add up to the message"
    return {**result, "chunks": chunks}


def count(client, scenario):
    body = asked(scenario)
    del body["max_tokens"]
    return {"images": client.messages.count_tokens(**body).input_tokens}


def models(client, scenario):
    listed = [model.id for model in client.models.list()]
    return {"text": [*listed, client.models.retrieve(listed[0]).id]}


KINDS = {
    "chat": unary,
    "stream": stream,
    "tools": lambda client, scenario: unary(client, scenario, tools=[TOOL]),
    "tools_stream": lambda client, scenario: stream(client, scenario, tools=[TOOL]),
    "seen": unary,
    "count": count,
    "models": models,
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def main():
    client = anthropic.Anthropic(
        base_url=sys.argv[1],
        api_key="sk-client-test",
        max_retries=0,
        timeout=20.0,
        _strict_response_validation=True,
    )
    for line in sys.stdin:
        if not line.strip():
            continue
        scenario = json.loads(line)
        result = {"name": scenario["name"], "ok": True, **EMPTY}
        try:
            result.update(KINDS[scenario["kind"]](client, scenario))
        except Exception as error:  # every class is reported; the test knows which are expected
            body = getattr(error, "body", None) or {}
            code = body.get("error", {}).get("code") if isinstance(body, dict) else None
            status = getattr(error, "status_code", None)
            name, message = type(error).__name__, str(error)
            result.update(ok=False, error={"class": name, "status": status, "code": code, "message": message})
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
