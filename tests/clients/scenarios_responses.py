"""Runs scenarios through the responses API of the official OpenAI SDK for Python.

usage: scenarios_responses.py BASE_URL < scenarios.jsonl > results.jsonl

Scenarios and results are those of scenarios.py; kinds here: chat | stream | tools | tools_stream |
seen (with a picture) | models | goes_on | goes_on_stream (from an answer to "a tur") | lost (from none that is known). An answer ends as its status says, or, if it is incomplete, as the reason for that says. A
streamed answer is the SDK's final response, after its deltas were seen to add up to it.
"""

import json
import sys

import openai

TOOL = {
    "type": "function",
    "name": "look_up",
    "description": "Looks a word up.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    "strict": False,
}


def said(scenario):
    """What is said, with the picture beside it if the scenario has one."""
    if "picture" not in scenario:
        return scenario["prompt"]
    url = f"data:image/png;base64,{scenario['picture']}"
    content = [
        {"type": "input_text", "text": scenario["prompt"]},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    return [{"role": "user", "content": content}]


def asked(scenario, **extra):
    return {
        "model": "mock",
        "input": said(scenario),
        "extra_headers": scenario.get("headers", {}),
        **extra,
    }


def described(response):
    details = response.incomplete_details
    tools = [[item.name, item.arguments] for item in response.output if item.type == "function_call"]
    return {
        "text": [response.output_text],
        "finish_reason": [details.reason if details else response.status],
        "tools": tools,
    }


def unary(client, scenario, **extra):
    return described(client.responses.create(**asked(scenario, **extra)))


def stream(client, scenario, **extra):
    chunks, said, last = 0, "", None
    with client.responses.stream(**asked(scenario, **extra)) as events:
        for event in events:
            chunks += 1
            if event.type == "response.output_text.delta":
                said += event.delta
            if event.type in ("response.completed", "response.incomplete"):
                last = event.response
    result = described(last)
    assert result["text"] == [said], f"deltas add up to the response: {said!r}, {result}"
    return {**result, "chunks": chunks}


def goes_on(client, scenario, of):
    before = client.responses.create(model="mock", input="a tur")
    return of(client, scenario, previous_response_id=before.id)


def models(client, scenario):
    listed = [model.id for model in client.models.list()]
    return {"text": [*listed, client.models.retrieve(listed[0]).id]}


KINDS = {
    "chat": unary,
    "stream": stream,
    "tools": lambda client, scenario: unary(client, scenario, tools=[TOOL]),
    "tools_stream": lambda client, scenario: stream(client, scenario, tools=[TOOL]),
    "seen": unary,
    "goes_on": lambda client, scenario: goes_on(client, scenario, unary),
    "goes_on_stream": lambda client, scenario: goes_on(client, scenario, stream),
    "lost": lambda client, scenario: unary(client, scenario, previous_response_id="resp_lost"),
    "models": models,
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def main():
    client = openai.OpenAI(
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
            status, code = getattr(error, "status_code", None), getattr(error, "code", None)
            name, message = type(error).__name__, str(error)
            result.update(ok=False, error={"class": name, "status": status, "code": code, "message": message})
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
