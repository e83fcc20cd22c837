"""Runs scenarios through LiteLLM as a client.

usage: scenarios_litellm.py BASE_URL < scenarios.jsonl > results.jsonl

Scenarios and results are those of scenarios.py; kinds here: chat | stream | tools | tools_stream |
seen (a message with a picture) | image | embedding | moderation.
"""

import json
import os
import sys

# No look-ups in other people's networks: prices come with the package.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402

# Its hints would stand among the results.
litellm.suppress_debug_info = True

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    },
}


def place(scenario):
    return {
        "api_base": sys.argv[1],
        "api_key": "sk-client-test",
        "extra_headers": scenario.get("headers", {}),
        "timeout": 20,
        "max_retries": 0,
    }


def asked(scenario, content=None, **extra):
    messages = [{"role": "user", "content": content or scenario["prompt"]}]
    return litellm.completion(model="openai/mock", messages=messages, **place(scenario), **extra)


def unary(scenario, **extra):
    choice = asked(scenario, **extra).choices[0]
    calls = choice.message.tool_calls or []
    return {
        "text": [choice.message.content or ""],
        "finish_reason": [choice.finish_reason],
        "tools": [[call.function.name, call.function.arguments] for call in calls],
    }


def stream(scenario, **extra):
    text, reason, tools, chunks = "", None, {}, 0
    for chunk in asked(scenario, stream=True, **extra):
        chunks += 1
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or []:
                tool = tools.setdefault(call.index, ["", ""])
                tool[0] += call.function.name or ""
                tool[1] += call.function.arguments or ""
    return {
        "text": [text],
        "finish_reason": [reason],
        "tools": [tools[key] for key in sorted(tools)],
        "chunks": chunks,
    }


def seen(scenario):
    content = [
        {"type": "text", "text": scenario["prompt"]},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{scenario['picture']}"}},
    ]
    return unary(scenario, content=content)


def image(scenario):
    answer = litellm.image_generation(
        model="openai/mock", prompt=scenario["prompt"], **place(scenario)
    )
    return {"images": len(answer.data or [])}


def embedding(scenario):
    answer = litellm.embedding(model="openai/mock", input=[scenario["prompt"]], **place(scenario))
    return {"images": len(answer.data[0]["embedding"])}


KINDS = {
    "chat": unary,
    "stream": stream,
    "tools": lambda scenario: unary(scenario, tools=[TOOL]),
    "tools_stream": lambda scenario: stream(scenario, tools=[TOOL]),
    "seen": seen,
    "image": image,
    "embedding": embedding,
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def main():
    for line in sys.stdin:
        if not line.strip():
            continue
        scenario = json.loads(line)
        result = {"name": scenario["name"], "ok": True, **EMPTY}
        try:
            result.update(KINDS[scenario["kind"]](scenario))
        except Exception as error:  # every class is reported; the test knows which are expected
            status, code = getattr(error, "status_code", None), getattr(error, "code", None)
            name, message = type(error).__name__, str(error)
            result.update(ok=False, error={"class": name, "status": status, "code": code, "message": message})
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
