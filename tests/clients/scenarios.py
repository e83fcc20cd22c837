"""Runs chat, completion and image scenarios through the official OpenAI SDK for Python.

usage: scenarios.py BASE_URL < scenarios.jsonl > results.jsonl

A scenario is a JSON line:
    {"name", "kind": one of KINDS below,
     "prompt", "headers"?: {..}, "n"?: 1, "picture"?: a PNG in base64, which `seen` shows}
A result is a JSON line:
    {"name", "ok", "text": [one per choice], "finish_reason": [one per choice],
     "tools": [[name, arguments]], "images": 0, "chunks": 0,
     "error"?: {"class", "status", "code", "type", "message"}}

`ok` means that the SDK returned an answer. An API error is the SDK's own typed error with the body
it read; any other exception is reported by its class and so fails the test that reads this.
Answers are validated strictly: a body that the SDK's types do not describe is an error here.
"""

import base64
import io
import json
import sys

import openai

# The smallest valid PNG: one grey pixel. Enough for a multipart upload.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    },
}


def said(scenario):
    """What is said, with the picture beside it if the scenario has one."""
    if "picture" not in scenario:
        return scenario["prompt"]
    url = f"data:image/png;base64,{scenario['picture']}"
    return [
        {"type": "text", "text": scenario["prompt"]},
        {"type": "image_url", "image_url": {"url": url}},
    ]


def chat(client, scenario, **extra):
    return client.chat.completions.create(
        model="mock",
        messages=[{"role": "user", "content": said(scenario)}],
        n=scenario.get("n", 1),
        extra_headers=scenario.get("headers", {}),
        **extra,
    )


def unary(client, scenario, **extra):
    answer = chat(client, scenario, **extra)
    tools = [
        [call.function.name, call.function.arguments]
        for choice in answer.choices
        for call in choice.message.tool_calls or []
    ]
    return {
        "text": [choice.message.content or "" for choice in answer.choices],
        "finish_reason": [choice.finish_reason for choice in answer.choices],
        "tools": tools,
    }


def stream(client, scenario, **extra):
    texts, reasons, tools, chunks = {}, {}, {}, 0
    for chunk in chat(client, scenario, stream=True, **extra):
        chunks += 1
        for choice in chunk.choices:
            texts.setdefault(choice.index, "")
            texts[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
            for call in choice.delta.tool_calls or []:
                tool = tools.setdefault((choice.index, call.index), ["", ""])
                tool[0] += call.function.name or ""
                tool[1] += call.function.arguments or ""
    order = sorted(texts)
    return {
        "text": [texts[index] for index in order],
        "finish_reason": [reasons.get(index) for index in order],
        "tools": [tools[key] for key in sorted(tools)],
        "chunks": chunks,
    }


def completion(client, scenario):
    answer = client.completions.create(
        model="mock", prompt=scenario["prompt"], extra_headers=scenario.get("headers", {})
    )
    return {
        "text": [choice.text for choice in answer.choices],
        "finish_reason": [choice.finish_reason for choice in answer.choices],
    }


def completion_stream(client, scenario):
    # The SDK types a streamed choice like a whole one, whose finish_reason is never null, though
    # OpenAI's own streams send null: strict validation would refuse them too.
    client = client.with_options(_extra_kwargs={"_strict_response_validation": False})
    text, reason, chunks = "", None, 0
    for chunk in client.completions.create(
        model="mock", prompt=scenario["prompt"], stream=True, extra_headers=scenario.get("headers", {})
    ):
        chunks += 1
        for choice in chunk.choices:
            text += choice.text or ""
            reason = choice.finish_reason or reason
    return {"text": [text], "finish_reason": [reason], "chunks": chunks}


def image(client, scenario):
    answer = client.images.generate(
        model="mock", prompt=scenario["prompt"], extra_headers=scenario.get("headers", {})
    )
    return {"images": len(answer.data or [])}


def image_edit(client, scenario):
    own = scenario.get("picture")
    picture = io.BytesIO(base64.b64decode(own) if own else PIXEL)
    picture.name = "pixel.png"
    answer = client.images.edit(
        model="mock",
        image=picture,
        prompt=scenario["prompt"],
        extra_headers=scenario.get("headers", {}),
    )
    return {"images": len(answer.data or [])}


def image_stream(client, scenario):
    chunks, images = 0, 0
    for event in client.images.generate(
        model="mock",
        prompt=scenario["prompt"],
        stream=True,
        partial_images=2,
        extra_headers=scenario.get("headers", {}),
    ):
        chunks += 1
        images += event.type == "image_generation.completed"
    return {"images": images, "chunks": chunks}


def image_variation(client, scenario):
    answer = client.images.create_variation(
        model="mock",
        image=("pixel.png", PIXEL),
        user=scenario["prompt"],
        extra_headers=scenario.get("headers", {}),
    )
    return {"images": len(answer.data or [])}


def embedding(client, scenario):
    # The SDK asks for base64 and decodes it after its own types, which know numbers only, were checked:
    # strict validation would refuse OpenAI's answers, too.
    client = client.with_options(_extra_kwargs={"_strict_response_validation": False})
    answer = client.embeddings.create(
        model="mock", input=[scenario["prompt"]], extra_headers=scenario.get("headers", {})
    )
    return {"images": len(answer.data[0].embedding)}


def speech(client, scenario):
    answer = client.audio.speech.create(
        model="mock",
        voice="alloy",
        input=scenario["prompt"],
        extra_headers=scenario.get("headers", {}),
    )
    return {"images": len(answer.read())}


def transcript(client, scenario, **extra):
    return client.audio.transcriptions.create(
        model="mock",
        file=("talk.mp3", b"ID3"),
        prompt=scenario["prompt"],
        extra_headers=scenario.get("headers", {}),
        **extra,
    )


def transcript_stream(client, scenario):
    said, told, chunks = "", None, 0
    for event in transcript(client, scenario, stream=True):
        chunks += 1
        if event.type == "transcript.text.delta":
            said += event.delta
        if event.type == "transcript.text.done":
            told = event.text
    assert told == said, f"deltas add up to the whole: {said!r}, {told!r}"
    return {"text": [said], "chunks": chunks}


def transcript_verbose(client, scenario):
    answer = transcript(client, scenario, response_format="verbose_json")
    return {"text": [answer.text, *(segment.text for segment in answer.segments or [])]}


def moderation(client, scenario):
    answer = client.moderations.create(
        model="mock", input=said(scenario), extra_headers=scenario.get("headers", {})
    )
    return {"text": [str(result.flagged).lower() for result in answer.results]}


def models(client, scenario):
    listed = [model.id for model in client.models.list()]
    return {"text": [*listed, client.models.retrieve(listed[0]).id]}


KINDS = {
    "chat": unary,
    "stream": stream,
    "tools": lambda client, scenario: unary(client, scenario, tools=[TOOL]),
    "tools_stream": lambda client, scenario: stream(client, scenario, tools=[TOOL]),
    "seen": unary,
    "completion": completion,
    "completion_stream": completion_stream,
    "image": image,
    "image_edit": image_edit,
    "image_stream": image_stream,
    "image_variation": image_variation,
    "embedding": embedding,
    "speech": speech,
    "transcript": lambda client, scenario: {"text": [transcript(client, scenario).text]},
    "transcript_vtt": lambda client, scenario: {
        "text": [transcript(client, scenario, response_format="vtt")]
    },
    "transcript_verbose": transcript_verbose,
    "transcript_stream": transcript_stream,
    "moderation": moderation,
    "models": models,
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def described(error):
    return {
        "class": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", None),
        "message": str(error),
    }


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
            result.update(ok=False, error=described(error))
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
