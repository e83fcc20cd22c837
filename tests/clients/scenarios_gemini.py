"""Runs scenarios through the official Google GenAI SDK for Python.

usage: scenarios_gemini.py BASE_URL < scenarios.jsonl > results.jsonl

Scenarios and results are those of scenarios.py; kinds here: chat | stream | tools | tools_stream |
seen (with a picture) | drawn (an answer that is one) | models.
"""

import base64
import json
import sys

from google import genai
from google.genai import errors, types

TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="look_up",
            description="Looks a word up.",
            parameters=types.Schema(type="OBJECT", properties={"word": types.Schema(type="STRING")}),
        )
    ]
)


def said(scenario):
    """What is said, with the picture beside it if the scenario has one."""
    if "picture" not in scenario:
        return scenario["prompt"]
    picture = base64.b64decode(scenario["picture"])
    return [types.Part.from_bytes(data=picture, mime_type="image/png"), scenario["prompt"]]


def asked(scenario, tools):
    options = types.HttpOptions(headers=scenario.get("headers", {}))
    config = types.GenerateContentConfig(http_options=options, tools=tools)
    return {"model": "mock", "contents": said(scenario), "config": config}


def taken(answer):
    """The words, the calls and the ending of an answer or of a chunk of one."""
    text, tools, reason = "", [], None
    for candidate in answer.candidates or []:
        reason = candidate.finish_reason.value if candidate.finish_reason else reason
        for part in (candidate.content.parts if candidate.content else None) or []:
            text += part.text or ""
            if part.function_call:
                call = part.function_call
                tools.append([call.name, json.dumps(call.args, separators=(",", ":"))])
    return text, tools, reason


def pictures(answer):
    """How many pictures an answer holds."""
    candidates = answer.candidates or []
    parts = [part for one in candidates if one.content for part in one.content.parts or []]
    return sum(part.inline_data is not None for part in parts)


def unary(client, scenario, tools=None):
    answer = client.models.generate_content(**asked(scenario, tools))
    text, called, reason = taken(answer)
    return {"text": [text], "finish_reason": [reason], "tools": called, "images": pictures(answer)}


def stream(client, scenario, tools=None):
    text, called, reason, chunks = "", [], None, 0
    for chunk in client.models.generate_content_stream(**asked(scenario, tools)):
        chunks += 1
        more, calls, ended = taken(chunk)
        text, called, reason = text + more, called + calls, ended or reason
    return {"text": [text], "finish_reason": [reason], "tools": called, "chunks": chunks}


def models(client, scenario):
    listed = [model.name for model in client.models.list()]
    names = [*listed, client.models.get(model="mock").name]
    return {"text": [name.removeprefix("models/") for name in names]}


KINDS = {
    "chat": unary,
    "stream": stream,
    "tools": lambda client, scenario: unary(client, scenario, [TOOL]),
    "tools_stream": lambda client, scenario: stream(client, scenario, [TOOL]),
    "seen": unary,
    "drawn": unary,
    "models": models,
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def main():
    # The version is named, so that lists of models have a path of their own.
    options = types.HttpOptions(base_url=sys.argv[1], api_version="v1beta", timeout=20_000)
    client = genai.Client(api_key="client-test", http_options=options)
    for line in sys.stdin:
        if not line.strip():
            continue
        scenario = json.loads(line)
        result = {"name": scenario["name"], "ok": True, **EMPTY}
        try:
            result.update(KINDS[scenario["kind"]](client, scenario))
        except Exception as error:  # every class is reported; the test knows which are expected
            status = error.code if isinstance(error, errors.APIError) else None
            name = type(error).__name__
            result.update(ok=False, error={"class": name, "status": status, "code": str(status), "message": str(error)})
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
