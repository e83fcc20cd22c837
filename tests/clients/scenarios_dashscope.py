"""Runs scenarios through the official DashScope SDK for Python.

usage: scenarios_dashscope.py BASE_URL < scenarios.jsonl > results.jsonl

Scenarios and results are those of scenarios.py; kinds here: chat | stream | stream_whole |
stream_text | tools | tools_stream | multimodal | multimodal_stream | seen (multimodal, with a picture) | image.
"""

import json
import sys

import dashscope

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    },
}


class Refused(Exception):
    """The SDK reports errors as answers; this is one."""

    def __init__(self, answer):
        super().__init__(answer.message)
        self.answer = answer


def checked(answer):
    if answer.status_code != 200:
        raise Refused(answer)
    return answer


def words(content):
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def called(message):
    calls = message.get("tool_calls") or []
    return [[call["function"]["name"], call["function"]["arguments"]] for call in calls]


def asked(scenario, **extra):
    return dashscope.Generation.call(
        model="mock", api_key="sk-canary", headers=scenario.get("headers", {}), **extra
    )


def said(scenario, content=None):
    return [{"role": "user", "content": content or scenario["prompt"]}]


def unary(answer):
    choice = checked(answer).output.choices[0]
    text, tools = words(choice.message.content), called(choice.message)
    return {"text": [text], "finish_reason": [choice.finish_reason], "tools": tools}


def streamed(answers, whole=False):
    text, reason, tools, chunks = "", None, [], 0
    for answer in answers:
        choice = checked(answer).output.choices[0]
        chunks += 1
        told = words(choice.message.content)
        if whole and not told.startswith(text):
            raise ValueError("an event takes back what one before it said")
        text = told if whole else text + told
        tools += called(choice.message)
        reason = reason if choice.finish_reason == "null" else choice.finish_reason
    return {"text": [text], "finish_reason": [reason], "tools": tools, "chunks": chunks}


def chat(scenario, **extra):
    return unary(asked(scenario, messages=said(scenario), result_format="message", **extra))


def stream(scenario, whole=False, **extra):
    answers = asked(
        scenario, messages=said(scenario), result_format="message", stream=True,
        incremental_output=not whole, **extra,
    )
    return streamed(answers, whole)


def stream_text(scenario):
    """The older form: a lone prompt, and all of the text in every event."""
    text, reason, chunks = "", None, 0
    for answer in asked(scenario, prompt=scenario["prompt"], result_format="text", stream=True):
        output = checked(answer).output
        if not (output.text or "").startswith(text):
            raise ValueError("an event takes back what one before it said")
        text, chunks = output.text, chunks + 1
        reason = reason if output.finish_reason == "null" else output.finish_reason
    return {"text": [text], "finish_reason": [reason], "chunks": chunks}


def multimodal(scenario, **extra):
    content = [{"text": scenario["prompt"]}]
    if "picture" in scenario:
        content.append({"image": f"data:image/png;base64,{scenario['picture']}"})
    return dashscope.MultiModalConversation.call(
        model="mock", api_key="sk-canary", headers=scenario.get("headers", {}),
        messages=said(scenario, content), **extra,
    )


def image(scenario):
    answer = checked(
        dashscope.ImageSynthesis.async_call(
            model="mock", api_key="sk-canary", prompt=scenario["prompt"],
            headers=scenario.get("headers", {}),
        )
    )
    done = checked(dashscope.ImageSynthesis.fetch(answer, api_key="sk-canary"))
    results = done.output.results
    return {"images": len(results), "text": [done.output.task_status]}


KINDS = {
    "chat": chat,
    "stream": stream,
    "stream_whole": lambda scenario: stream(scenario, whole=True),
    "stream_text": stream_text,
    "tools": lambda scenario: chat(scenario, tools=[TOOL]),
    "tools_stream": lambda scenario: stream(scenario, tools=[TOOL]),
    "multimodal": lambda scenario: unary(multimodal(scenario)),
    "multimodal_stream": lambda scenario: streamed(
        multimodal(scenario, stream=True, incremental_output=True)
    ),
    "seen": lambda scenario: unary(multimodal(scenario)),
    "image": image,
}

EMPTY = {"text": [], "finish_reason": [], "tools": [], "images": 0, "chunks": 0}


def main():
    dashscope.base_http_api_url = sys.argv[1]
    for line in sys.stdin:
        if not line.strip():
            continue
        scenario = json.loads(line)
        result = {"name": scenario["name"], "ok": True, **EMPTY}
        try:
            result.update(KINDS[scenario["kind"]](scenario))
        except Refused as error:
            answer = error.answer
            described = {
                "class": "Refused", "status": answer.status_code, "code": answer.code,
                "message": answer.message,
            }
            result.update(ok=False, error=described)
        except Exception as error:  # every class is reported; the test knows which are expected
            described = {"class": type(error).__name__, "status": None, "code": None, "message": str(error)}
            result.update(ok=False, error=described)
        print(json.dumps(result, ensure_ascii=False), flush=True)


main()
