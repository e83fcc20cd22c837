"""Runs scenarios through langchain-openai.

usage: scenarios_langchain.py BASE_URL < scenarios.jsonl > results.jsonl

Scenarios and results are those of scenarios.py; kinds here: chat | stream | tools | tools_stream |
seen (a message with a picture) | embedding.
"""

import json
import sys

from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    },
}


def described(message, chunks=0):
    calls = message.tool_calls
    return {
        "text": [message.text if isinstance(message.text, str) else message.text()],
        "finish_reason": [message.response_metadata.get("finish_reason")],
        "tools": [[call["name"], json.dumps(call["args"], separators=(",", ":"))] for call in calls],
        "chunks": chunks,
    }


def unary(model, scenario, content=None, tools=None):
    model = model.bind_tools(tools) if tools else model
    messages = [HumanMessage(content or scenario["prompt"])]
    return described(model.invoke(messages, extra_headers=scenario.get("headers", {})))


def stream(model, scenario, tools=None):
    model = model.bind_tools(tools) if tools else model
    whole, chunks = None, 0
    for chunk in model.stream(scenario["prompt"], extra_headers=scenario.get("headers", {})):
        chunks += 1
        whole = chunk if whole is None else whole + chunk
    return described(whole, chunks)


def seen(model, scenario):
    content = [
        {"type": "text", "text": scenario["prompt"]},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{scenario['picture']}"}},
    ]
    return unary(model, scenario, content=content)


def embedding(_, scenario):
    # The tokenizer's tables are no part of the package, and token numbers could not be inspected.
    embeddings = OpenAIEmbeddings(
        model="mock",
        base_url=sys.argv[1],
        api_key="sk-client-test",
        max_retries=0,
        check_embedding_ctx_length=False,
        default_headers=scenario.get("headers", {}),
    )
    return {"images": len(embeddings.embed_query(scenario["prompt"]))}


KINDS = {
    "chat": unary,
    "stream": stream,
    "tools": lambda model, scenario: unary(model, scenario, tools=[TOOL]),
    "tools_stream": lambda model, scenario: stream(model, scenario, tools=[TOOL]),
    "seen": seen,
    "embedding": embedding,
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def main():
    model = ChatOpenAI(
        model="mock", base_url=sys.argv[1], api_key="sk-client-test", max_retries=0, timeout=20.0
    )
    for line in sys.stdin:
        if not line.strip():
            continue
        scenario = json.loads(line)
        result = {"name": scenario["name"], "ok": True, **EMPTY}
        try:
            result.update(KINDS[scenario["kind"]](model, scenario))
        except Exception as error:  # every class is reported; the test knows which are expected
            status, code = getattr(error, "status_code", None), getattr(error, "code", None)
            name, message = type(error).__name__, str(error)
            result.update(ok=False, error={"class": name, "status": status, "code": code, "message": message})
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
