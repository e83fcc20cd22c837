"""Sends and receives pictures through the official OpenAI, Google GenAI and DashScope SDKs for Python.

usage: scenarios_pictures.py BASE_URL < scenarios.jsonl > results.jsonl

A scenario is {"name", "kind": one of KINDS below, "headers", "picture"?: base64, "media"?: its type if it
is no PNG, "url"?}, a result {"name", "ok", "text", "finish_reason", "pictures": [base64],
"error"?: {"class", "code"}}.
"""

import base64
import io
import json
import sys

import dashscope
import openai
from dashscope.client.base_api import BaseAsyncApi
from google import genai
from google.genai import types


def media_of(scenario):
    return scenario.get("media", "image/png")


def form_of(scenario):
    """What OpenAI calls the format."""
    return media_of(scenario).removeprefix("image/")


def file_of(scenario):
    picture = io.BytesIO(base64.b64decode(scenario["picture"]))
    picture.name = "drawing." + form_of(scenario)
    return picture


def drawn(answer):
    return {"pictures": [one.b64_json or one.url for one in answer.data or []]}


def image(clients, scenario, **extra):
    return drawn(
        clients.openai.images.generate(
            model="mock", prompt="a sign", extra_headers=scenario["headers"], **extra
        )
    )


def image_edit(clients, scenario):
    return drawn(
        clients.openai.images.edit(
            model="mock", image=file_of(scenario), prompt="make it blue", extra_headers=scenario["headers"]
        )
    )


def image_stream(clients, scenario):
    pictures = []
    for event in clients.openai.images.generate(
        model="mock", prompt="a sign", stream=True, partial_images=2, extra_headers=scenario["headers"]
    ):
        pictures.append(event.b64_json)
        # What came before an ending is told, too.
        scenario["seen"] = pictures
    return {"pictures": pictures}


def chat(clients, scenario, url):
    answer = clients.openai.chat.completions.create(
        model="mock",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": url}},
                ],
            }
        ],
        extra_headers=scenario["headers"],
    )
    choice = answer.choices[0]
    return {"text": choice.message.content, "finish_reason": choice.finish_reason}


def gemini(clients, scenario, parts):
    options = types.HttpOptions(headers=scenario["headers"])
    answer = clients.gemini.models.generate_content(
        model="mock", contents=parts, config=types.GenerateContentConfig(http_options=options)
    )
    text, pictures = "", []
    candidate = answer.candidates[0]
    for part in (candidate.content.parts if candidate.content else None) or []:
        text += part.text or ""
        if part.inline_data:
            pictures.append(base64.b64encode(part.inline_data.data).decode())
        if part.file_data:
            pictures.append(part.file_data.file_uri)
    return {"text": text, "pictures": pictures, "finish_reason": candidate.finish_reason.value}


def checked(answer):
    if answer.status_code == 200:
        return answer
    refused = Exception(answer.message)
    refused.code = answer.code
    raise refused


def dashscope_draws(clients, scenario):
    """Asks for a task, then for what it gave: the model's answer is to the second."""
    task = checked(
        dashscope.ImageSynthesis.async_call(model="mock", api_key="client-test", prompt="a sign")
    )
    done = checked(
        BaseAsyncApi.fetch(task, api_key="client-test", headers=scenario["headers"])
    )
    return {"pictures": [result["url"] for result in done.output["results"] if "url" in result]}


KINDS = {
    "image": lambda clients, scenario: image(clients, scenario, output_format=form_of(scenario)),
    "image_url": lambda clients, scenario: image(clients, scenario, response_format="url"),
    "image_edit": image_edit,
    "image_stream": image_stream,
    "vision": lambda clients, scenario: chat(
        clients, scenario, f"data:{media_of(scenario)};base64," + scenario["picture"]
    ),
    "vision_url": lambda clients, scenario: chat(clients, scenario, scenario["url"]),
    "gemini": lambda clients, scenario: gemini(
        clients,
        scenario,
        ["What is this?", types.Part.from_bytes(data=file_of(scenario).read(), mime_type=media_of(scenario))],
    ),
    "gemini_draws": lambda clients, scenario: gemini(clients, scenario, ["a sign"]),
    "gemini_names": lambda clients, scenario: gemini(clients, scenario, ["a sign"]),
    "dashscope_draws": dashscope_draws,
}


class Clients:
    def __init__(self, base):
        self.openai = openai.OpenAI(
            base_url=base + "/v1", api_key="sk-client-test", max_retries=0, timeout=20.0
        )
        dashscope.base_http_api_url = base + "/api/v1"
        self.gemini = genai.Client(api_key="client-test", http_options=types.HttpOptions(base_url=base))


def main():
    clients = Clients(sys.argv[1])
    for line in sys.stdin:
        scenario = json.loads(line)
        result = {"name": scenario["name"], "ok": True, "text": "", "finish_reason": None, "pictures": []}
        try:
            result.update(KINDS[scenario["kind"]](clients, scenario))
        except Exception as error:  # every class is reported; the test knows which are expected
            described = {"class": type(error).__name__, "code": str(getattr(error, "code", None))}
            result.update(ok=False, error=described, pictures=scenario.get("seen", []))
        print(json.dumps(result), flush=True)


main()
