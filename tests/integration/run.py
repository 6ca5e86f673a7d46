#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The integration tier: a real API server on a port, driven by every kubectl that is installed.

usage: run.py KEELSON [--only TEXT]
Prints "ok - NAME" or "FAILED - NAME" for each check and ends with 1 if any failed.
"""
import argparse
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checks  # noqa: E402


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`keelson server --disable-agent` in a folder of its own."""

    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.folder = tempfile.mkdtemp(prefix="keelson-it-")
        self.port = free_port()
        self.kubeconfig = os.path.join(self.folder, "kubeconfig")
        self.process = None

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(
            [self.program, "server", "--disable-agent", "--data-dir", self.folder,
             "--bind-address", "127.0.0.1", "--https-listen-port", str(self.port),
             "--write-kubeconfig", self.kubeconfig],
            stdout=self.log, stderr=self.log, start_new_session=True)
        deadline = time.time() + 60
        while time.time() < deadline:
            if self.process.poll() is not None:
                break
            if os.path.exists(self.kubeconfig):
                ready = subprocess.run(
                    ["kubectl", "--kubeconfig", self.kubeconfig, "get", "--raw", "/readyz"],
                    capture_output=True)
                if ready.returncode == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError("the server did not become ready:\n" + self.tail())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def tail(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            return "".join(log.readlines()[-40:])

    def clean(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def kubectls():
    """The kubectl on PATH, and those that lie beside what it is a link to (1.27 to 1.33)."""
    found = {}
    default = shutil.which("kubectl")
    beside = os.path.dirname(os.path.realpath(default))
    for path in [default, *sorted(glob.glob(beside + "/kubectl.1.*"))]:
        out = subprocess.run([path, "version", "--client", "-o", "json"], capture_output=True, text=True)
        try:
            version = json.loads(out.stdout)["clientVersion"]["gitVersion"]
        except (ValueError, KeyError):
            continue
        found.setdefault(".".join(re.findall(r"\d+", version)[:2]), path)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("keelson")
    parser.add_argument("--only", default="")
    options = parser.parse_args()

    failures = 0
    server = Server(options.keelson)
    try:
        server.start()
        for version, path in kubectls().items():
            for check in checks.PER_KUBECTL:
                name = f"kubectl {version}: {check.__doc__.strip()}"
                failures += run(check, name, options.only, server, path)
        for check in checks.ONCE:
            failures += run(check, check.__doc__.strip(), options.only, server, shutil.which("kubectl"))
        code = server.stop()
        if code == 0:
            print("ok - SIGTERM ends the server in good order")
        else:
            print(f"FAILED - SIGTERM ends the server in good order: exit code {code}")
            failures += 1
    except Exception:
        traceback.print_exc()
        print("FAILED - the server could be tested")
        failures += 1
    finally:
        if failures:
            print("--- server log\n" + server.tail())
        server.clean()
    sys.exit(1 if failures else 0)


def run(check, name, only, server, path):
    if only and only not in name:
        return 0
    try:
        check(checks.Cluster(server, path))
        print("ok - " + name, flush=True)
        return 0
    except Exception as error:  # Whatever goes wrong is a failed check.
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        place = traceback.extract_tb(error.__traceback__)[-1]
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith("checks.py")]
        place = frames[-1] if frames else place
        print(f"FAILED - {name}: {text} (line {place.lineno})", flush=True)
        return 1


if __name__ == "__main__":
    main()
