"""Runs scenarios through the official Ollama client for Python.

usage: scenarios_ollama.py BASE_URL < scenarios.jsonl > results.jsonl

Scenarios and results are those of scenarios.py; kinds here: chat | stream | tools | tools_stream |
seen (with a picture) | generate | generate_stream | embed | embeddings | show | ps | models.
"""

import json
import sys

import ollama

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    },
}


def called(message):
    return [
        [call.function.name, json.dumps(dict(call.function.arguments), separators=(",", ":"))]
        for call in message.tool_calls or []
    ]


def chat(client, scenario, **extra):
    message = {"role": "user", "content": scenario["prompt"]}
    if "picture" in scenario:
        message["images"] = [scenario["picture"]]
    messages = [message]
    return client.chat(model="mock", messages=messages, **extra)


def unary(client, scenario, **extra):
    answer = chat(client, scenario, **extra)
    text, tools = answer.message.content or "", called(answer.message)
    return {"text": [text], "finish_reason": [answer.done_reason], "tools": tools}


def stream(client, scenario, **extra):
    text, reason, tools, chunks = "", None, [], 0
    for chunk in chat(client, scenario, stream=True, **extra):
        chunks += 1
        text += chunk.message.content or ""
        tools += called(chunk.message)
        reason = chunk.done_reason or reason
    return {"text": [text], "finish_reason": [reason], "tools": tools, "chunks": chunks}


def generate(client, scenario):
    answer = client.generate(model="mock", prompt=scenario["prompt"])
    return {"text": [answer.response], "finish_reason": [answer.done_reason]}


def generate_stream(client, scenario):
    text, reason, chunks = "", None, 0
    for chunk in client.generate(model="mock", prompt=scenario["prompt"], stream=True):
        chunks += 1
        text += chunk.response
        reason = chunk.done_reason or reason
    return {"text": [text], "finish_reason": [reason], "chunks": chunks}


def embed(client, scenario):
    answer = client.embed(model="mock", input=scenario["prompt"])
    return {"images": len(answer.embeddings[0])}


def embeddings(client, scenario):
    return {"images": len(client.embeddings(model="mock", prompt=scenario["prompt"]).embedding)}


KINDS = {
    "chat": unary,
    "stream": stream,
    "tools": lambda client, scenario: unary(client, scenario, tools=[TOOL]),
    "tools_stream": lambda client, scenario: stream(client, scenario, tools=[TOOL]),
    "seen": unary,
    "generate": generate,
    "generate_stream": generate_stream,
    "embed": embed,
    "embeddings": embeddings,
    "show": lambda client, scenario: {"text": [client.show("mock").details.family]},
    "ps": lambda client, scenario: {"text": [model.model for model in client.ps().models]},
    "models": lambda client, scenario: {"text": [model.model for model in client.list().models]},
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def main():
    for line in sys.stdin:
        if not line.strip():
            continue
        scenario = json.loads(line)
        # Headers belong to the client, not to the call.
        client = ollama.Client(host=sys.argv[1], headers=scenario.get("headers", {}), timeout=20.0)
        result = {"name": scenario["name"], "ok": True, **EMPTY}
        try:
            result.update(KINDS[scenario["kind"]](client, scenario))
        except Exception as error:  # every class is reported; the test knows which are expected
            status, name = getattr(error, "status_code", None), type(error).__name__
            described = {"class": name, "status": status, "code": str(status), "message": str(error)}
            result.update(ok=False, error=described)
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
