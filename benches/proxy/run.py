#!/usr/bin/env python3
"""Runs wardgate, a minimal hyper pass-through and nginx (if installed) against one model server, in turn.

usage: benches/proxy/run.py [--rounds 3] [--seconds 5] [--only chat64,paced64] [--soak SECONDS]
                            [--wardgate PATH] [--json FILE]

Needs nothing but Python and cargo; README.md beside it says how the figures are made.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = HERE / "target" / "release"
TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
ORIGIN = 9100

# name: (kind, connections, what a row is called)
SCENARIOS = {
    "chat16": ("chat", 16, "2 KB prompt, new each time, 16 connections"),
    "chat64": ("chat", 64, "2 KB prompt, new each time, 64 connections"),
    "talk64": ("talk", 64, "2 KB conversation, last message new, 64 connections"),
    "repeat64": ("repeat", 64, "2 KB prompt, a repeat (wardgate answers from its cache), 64 connections"),
    "big16": ("big", 16, "100 KB prompt, new each time, 16 connections"),
    "flood64": ("flood", 64, "64 streams x 100 chunks, as fast as they come"),
    "paced64": ("paced", 64, "64 streams x 100 chunks, 20 ms apart"),
    "mixed": ("paced", 64, "64 paced streams while 4 connections send 100 KB prompts"),
    "seeing": ("paced", 64, "64 paced streams while 4 connections send pictures of 1024 x 1024"),
}
STREAMS = {"flood64", "paced64", "mixed", "seeing"}
# What else is asked of the same process meanwhile.
BESIDE = {"mixed": "big", "seeing": "seen"}

# Two apps of one process: the answer cache is asked for by path, so that all else is equal.
WARDGATE = """\
listen: 127.0.0.1:{port}
audit: {{file: {folder}/audit.jsonl}}
apps:
  - name: cached
    match: {{path_prefix: /cached}}
    upstream: {{url: "http://127.0.0.1:{origin}"}}
    on_failure: block
    audience: {{default: adult}}
    cache: {{ttl_secs: 600, max_bytes: 67108864}}
  - name: bench
    upstream: {{url: "http://127.0.0.1:{origin}"}}
    on_failure: block
    audience: {{default: adult}}
"""

NGINX = """\
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_body_buffer_size 256k; keepalive_requests 10000000;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 1024; keepalive_requests 10000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024 reuseport;
    location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
                  proxy_buffering off; }}
  }}
}}
"""


class Contender:
    """A proxy under test: its process tree, what it has used, where it listens."""

    def __init__(self, name, command, port, cached_path=""):
        self.name, self.port, self.cached_path = name, port, cached_path
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(port, self.process, name)

    def pids(self):
        pids = [self.process.pid]
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            fields = stat(entry)
            if fields and int(fields[1]) in pids:
                pids.append(int(entry.parent.name))
        return pids

    def cpu_us(self):
        used = 0
        for pid in self.pids():
            fields = stat(pathlib.Path(f"/proc/{pid}/stat"))
            used += int(fields[11]) + int(fields[12]) if fields else 0
        return used * TICK_US

    def resident_kb(self):
        """Proportional set size of the tree: pages that nginx's workers share count once."""
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def stat(path):
    """Fields of /proc/PID/stat behind the command name: [0] state, [1] parent, [11] utime, [12] stime."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return None


def await_port(port, process, name):
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit(f"{name} ended with {process.returncode} before it listened on port {port}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{name} does not listen on port {port}")


def load(contender, kind, connections, seconds, seed, path=""):
    command = [
        BIN / "load", "--to", f"127.0.0.1:{contender.port}", "--kind", kind, "--path", path,
        "--connections", str(connections), "--seconds", str(seconds), "--seed", str(seed),
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result(running):
    out, _ = running.communicate()
    if running.returncode != 0:
        raise SystemExit(f"the load client ended with {running.returncode}")
    return json.loads(out)


def measure(contender, scenario, seconds, seed):
    """One contender, one scenario: CPU of its process tree over all it did, and what the client saw."""
    kind, connections, _ = SCENARIOS[scenario]
    path = contender.cached_path if kind == "repeat" else ""
    before = contender.cpu_us()
    beside = None
    if scenario in BESIDE:
        beside = load(contender, BESIDE[scenario], 4, seconds, seed + 500)
    figures = result(load(contender, kind, connections, seconds, seed, path))
    if beside:
        result(beside)
    used = contender.cpu_us() - before
    units = figures["chunks"] if scenario in STREAMS else figures["requests"]
    figures["cpu_us"] = used / max(units, 1)
    figures["resident_mb"] = contender.resident_kb() / 1024
    return figures


def open_streams(contender, count):
    """KB per open stream: growth of the resident set while `count` paced streams are open."""
    idle = contender.resident_kb()
    running = load(contender, "paced", count, 3, 77)
    time.sleep(2)
    grown = contender.resident_kb() - idle
    result(running)
    return grown / count


def soak(contender, seconds):
    """Resident set over time under a mix of new prompts, repeats and paced streams."""
    beside = [load(contender, "paced", 32, seconds, 3), load(contender, "chat", 8, seconds, 4)]
    samples = []
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        time.sleep(min(5, seconds / 10))
        samples.append((round(time.monotonic() - started), contender.resident_kb() / 1024))
    for running in beside:
        result(running)
    quarter = max(len(samples) // 4, 1)
    first = statistics.median(mb for _, mb in samples[quarter : 2 * quarter])
    last = statistics.median(mb for _, mb in samples[-quarter:])
    print(f"\nsoak, {contender.name}, {seconds} s: " + " ".join(f"{at}s={mb:.1f}" for at, mb in samples))
    print(f"second quarter {first:.1f} MB, last quarter {last:.1f} MB, {100 * (last / first - 1):+.1f} %")


def contenders(options, folder):
    wardgate = pathlib.Path(options.wardgate)
    config = folder / "wardgate.yaml"
    config.write_text(WARDGATE.format(folder=folder, port=9101, origin=ORIGIN))
    yield Contender("wardgate", [wardgate, "serve", "--config", config], 9101, "/cached")
    yield Contender(
        "hyper-pass", [BIN / "hyper-pass", "--listen", "127.0.0.1:9102", "--upstream", f"127.0.0.1:{ORIGIN}"], 9102
    )
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx:
        conf = folder / "nginx.conf"
        conf.write_text(NGINX.format(folder=folder, port=9103, origin=ORIGIN))
        yield Contender("nginx", [nginx, "-c", conf, "-e", folder / "error.log"], 9103)
    else:
        print("nginx is not installed: left out")


def build(options):
    subprocess.run(["cargo", "build", "--release", "--quiet", "--manifest-path", HERE / "Cargo.toml"], check=True)
    if options.wardgate is None:
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
        options.wardgate = ROOT / "target" / "release" / "wardgate"


def rounds(options, running):
    """scenario -> contender -> one figure set per round. The order rotates, so that nobody is always first."""
    figures = {name: {one.name: [] for one in running} for name in options.only}
    for one in running:
        result(load(one, "chat", 16, 1, 999))  # warm: pools, page faults
        result(load(one, "repeat", 4, 0.5, 999, one.cached_path))
    for number in range(options.rounds):
        for scenario in options.only:
            for turn in range(len(running)):
                one = running[(turn + number) % len(running)]
                figures[scenario][one.name].append(measure(one, scenario, options.seconds, 10 * number + turn + 1))
            print(f"round {number + 1}: {scenario}", flush=True)
    return figures


def table(figures):
    middle = lambda rows, key: statistics.median(row[key] for row in rows)
    for scenario, by_name in figures.items():
        streamed = scenario in STREAMS
        print(f"\n{SCENARIOS[scenario][2]}")
        unit = "chunk" if streamed else "request"
        head = f"  {'':12}{'CPU us/' + unit:>15}{'x hyper':>9}{'per s':>10}"
        head += f"{'first p50':>11}{'transit p50':>12}{'p99 ms':>9}" if streamed else f"{'p50 ms':>9}{'p99 ms':>9}"
        print(head + f"{'RSS MB':>9}{'errors':>8}")
        for name, rows in by_name.items():
            ratio = statistics.median(
                row["cpu_us"] / max(base["cpu_us"], 1e-9) for row, base in zip(rows, by_name["hyper-pass"])
            )
            rate = middle(rows, "chunks") / middle(rows, "seconds") if streamed else middle(rows, "per_second")
            line = f"  {name:12}{middle(rows, 'cpu_us'):>15.1f}{ratio:>9.2f}{rate:>10.0f}"
            keys = ["first_chunk_p50", "transit_p50", "transit_p99"] if streamed else ["latency_p50", "latency_p99"]
            widths = [11, 12, 9] if streamed else [9, 9]
            line += "".join(f"{middle(rows, key) / 1000:>{width}.2f}" for key, width in zip(keys, widths))
            print(line + f"{middle(rows, 'resident_mb'):>9.1f}{sum(row['errors'] for row in rows):>8}")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(SCENARIOS))
    parser.add_argument("--soak", type=int, default=0, metavar="SECONDS")
    parser.add_argument("--wardgate", metavar="PATH", help="a release binary; built here when not given")
    parser.add_argument("--json", metavar="FILE", help="write every figure of every round")
    return parser.parse_args()


def main():
    options = parsed()
    build(options)
    with tempfile.TemporaryDirectory() as folder:
        origin = subprocess.Popen([BIN / "origin", "--listen", f"127.0.0.1:{ORIGIN}"])
        running = []
        try:
            await_port(ORIGIN, origin, "origin")
            for one in contenders(options, pathlib.Path(folder)):
                running.append(one)
            if options.soak:
                soak(running[0], options.soak)
                return
            figures = rounds(options, running)
            table(figures)
            print("\nKB per open stream (512 paced): ", end="")
            print(", ".join(f"{one.name} {open_streams(one, 512):.1f}" for one in running))
            if options.json:
                pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))
        finally:
            for one in running:
                one.stop()
            origin.kill()


if __name__ == "__main__":
    main()
