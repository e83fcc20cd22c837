"""Runs the LiteLLM proxy on a free port of 127.0.0.1 and prints the port once it serves.

usage: litellm_proxy.py CONFIG.yaml    (ends when its standard input does)
"""

import os
import socket
import sys
import threading

# No look-ups in other people's networks: prices come with the package.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["CONFIG_FILE_PATH"] = sys.argv[1]

import uvicorn  # noqa: E402
from litellm.proxy.proxy_server import app  # noqa: E402


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(sockets[0].getsockname()[1], flush=True)


def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = Server(uvicorn.Config(app, log_level="warning"))

    def end():
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end, daemon=True).start()
    server.run(sockets=[listener])


main()
