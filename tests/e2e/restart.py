#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server that ./up started, again and again, while clients write and pods run.

usage: restart.py [--rounds N] [--seed N]     with $KEELSON_DATA and $KEELSON_PORT as for ./up
Nothing that was answered may be lost, containers must stay the same ones, and the cluster must come to
what was asked for meanwhile.
"""
import argparse
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]
import raw  # noqa: E402
from checks_workloads import deployment, service  # noqa: E402
from harness import Kubectl, Report, equal, expect, wait  # noqa: E402
from live import Live, LiveCluster  # noqa: E402
from pods import create, idle, web  # noqa: E402

WRITERS = 4


class Process:
    """The server, which is started again as it was started first."""

    def __init__(self, live):
        self.live, self.pid_file = live, os.path.join(live.data, "server.pid")
        with open(self.pid_file) as file:
            self.pid = int(file.read())
        with open(f"/proc/{self.pid}/cmdline", "rb") as file:
            self.command = [part.decode() for part in file.read().split(b"\0")[:-1]]
        expect("server" in self.command and live.data in self.command, f"process {self.pid} is not the server")
        self.child = None

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        if self.child:
            self.child.wait()
        wait(lambda: not alive(self.pid), "the end of the server", 10, 0.01)

    def start(self):
        with open(os.path.join(self.live.data, "server.log"), "ab") as log:
            self.child = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                          start_new_session=True)
        self.pid = self.child.pid
        with open(self.pid_file, "w") as file:
            file.write(f"{self.pid}\n")


def alive(pid):
    """Whether a thread of it runs. Somebody else's child stays as a zombie until that one looks after it."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] != "Z":
                    return True
    except OSError:  # One ended meanwhile: look again.
        return os.path.exists(f"/proc/{pid}")
    return False


class Api:
    """Requests over one connection that is made anew when it has ended."""

    def __init__(self, live, context):
        self.port, self.context, self.connection = live.port, context, None

    def __call__(self, method, path, body=None, kind="application/json"):
        """(code, object), or None if no answer came: the request may have been carried out or not."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20,
                                                              context=self.context)
            self.connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": kind})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.connection.close()
            self.connection = None
            return None


class Writer(threading.Thread):
    """Creates, changes and deletes ConfigMaps of its own, and notes what each may hold now."""

    def __init__(self, number, api, namespace):
        super().__init__(daemon=True)
        self.number, self.api = number, api
        self.path = f"/api/v1/namespaces/{namespace}/configmaps"
        self.possible = {}  # Name to the set of values that are right; None stands for "not there".
        self.answered, self.wrong = 0, []
        self.going, self.ending = threading.Event(), threading.Event()
        self.idle = threading.Event()

    def run(self):
        count = 0
        while not self.ending.is_set():
            if not self.going.is_set():
                self.idle.set()
                self.going.wait(1)
                continue
            self.idle.clear()
            count += 1
            name = f"w{self.number}-{count}"
            self.write("POST", name, str(count))
            if count % 2 == 0:
                self.write("PATCH", name, "changed")
            if count > 20:
                self.write("DELETE", f"w{self.number}-{count - 20}", None)

    def write(self, method, name, value):
        before = self.possible.get(name, {None})
        if None in before and method != "POST":
            return  # It may never have come to be.
        # Until the answer comes, both may be right.
        self.possible[name] = before | {value}
        path = self.path if method == "POST" else f"{self.path}/{name}"
        body = {"POST": {"apiVersion": "v1", "kind": "ConfigMap",
                         "metadata": {"name": name, "labels": {"of": "writer"}}, "data": {"value": value}},
                "PATCH": {"data": {"value": value}}}.get(method)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        answer = self.api(method, path, body, kind)
        if answer is None or answer[0] in (429, 503):
            time.sleep(0.05)  # The server is away.
            return
        self.answered += 1
        if answer[0] in (200, 201):
            self.possible[name] = {value}
        else:
            self.wrong.append(f"{method} {name}: {answer[0]} {answer[1].get('message')}")


class Trial:
    def __init__(self, live, cluster, seed):
        self.live, self.c, self.random = live, cluster, random.Random(seed)
        self.process = Process(live)
        context = raw.administrator(live)
        self.api = Api(live, context)
        self.writers = [Writer(i, Api(live, context), cluster.namespace) for i in range(WRITERS)]
        self.replicas = {1}
        self.downtimes = []

    def deployment(self, name):
        return f"/apis/apps/v1/namespaces/{self.c.namespace}/deployments/{name}"

    def prepare(self):
        probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
        create(self.c, deployment("steady", 3, web(readinessProbe=probe)), deployment("moving", 1, idle()),
               service("steady", {"port": 80, "targetPort": 8080}, {"app": "steady"}))
        for name in ["steady", "moving"]:
            self.c.kubectl("rollout", "status", "deployment/" + name, "--timeout=60s", seconds=70)
        self.address = self.c.path("{.spec.clusterIP}", "service", "steady")
        self.containers = self.running()
        equal(len(self.containers), 3, "the steady containers")

    def running(self):
        pods = self.c.json("get", "pods", "-l", "app=steady")["items"]
        return {(pod["metadata"]["name"], status["containerID"], status["restartCount"], status["ready"])
                for pod in pods for status in pod["status"]["containerStatuses"]}

    def serving(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/", timeout=2) as answer:
                return b"steady-" in answer.read()
        except OSError:
            return False

    def round(self):
        for writer in self.writers:
            writer.going.set()
        time.sleep(self.random.uniform(0.2, 2.0))  # The moment of the kill is what this is about.
        if self.random.random() < 0.6:
            wanted = self.random.randint(0, 4)
            answer = self.api("PATCH", self.deployment("moving") + "/scale", {"spec": {"replicas": wanted}},
                              "application/merge-patch+json")
            self.replicas = {wanted} if answer and answer[0] == 200 else self.replicas | {wanted}
            time.sleep(self.random.uniform(0, 0.5))
        self.process.kill()
        # Services live in the kernel: they work while nobody looks after them.
        expect(self.serving(), "the service did not answer while the server was away")
        before = time.monotonic()
        self.process.start()
        # One that ended at once (a port in use, a file that cannot be read) never becomes ready.
        wait(self.ready, "the server to be ready", 60, 0.02)
        self.downtimes.append(time.monotonic() - before)
        for writer in self.writers:
            writer.going.clear()
        for writer in self.writers:
            expect(writer.idle.wait(30), f"writer {writer.number} does not end its request")
        self.compare()

    def ready(self):
        expect(self.process.child.poll() is None, f"the server ended with {self.process.child.poll()}")
        path = f"/api/v1/namespaces/{self.c.namespace}/configmaps?limit=1"
        answer = self.api("GET", path)
        return answer and answer[0] == 200

    def compare(self):
        path = f"/api/v1/namespaces/{self.c.namespace}/configmaps?labelSelector=of%3Dwriter"
        code, listed = self.api("GET", path)
        equal(code, 200, "the code of the list")
        present = {item["metadata"]["name"]: item["data"]["value"] for item in listed["items"]}
        possible = {name: values for writer in self.writers for name, values in writer.possible.items()}
        bad = [f"{name} is {present.get(name)}, not one of {values}" for name, values in possible.items()
               if present.get(name) not in values]
        bad += [f"{name} was never written" for name in present if name not in possible]
        bad += [text for writer in self.writers for text in writer.wrong]
        expect(not bad, "; ".join(bad[:5]))
        code, moving = self.api("GET", self.deployment("moving"))
        replicas = moving["spec"]["replicas"]
        expect(replicas in self.replicas, f"{replicas} replicas, not one of {self.replicas}")
        self.replicas = {replicas}
        for writer in self.writers:  # What is known to be gone or settled need not be looked at again.
            writer.possible = {name: {present[name]} for name in writer.possible if name in present}

    def converged(self):
        moving = self.c.json("get", "deployment", "moving")
        wanted = moving["spec"]["replicas"]
        wait(lambda: (self.c.json("get", "deployment", "moving")["status"].get("readyReplicas", 0),
                      len(self.c.json("get", "pods", "-l", "app=moving")["items"])) == (wanted, wanted),
             f"{wanted} ready pods, and no others", 60)
        wait(lambda: self.running() == self.containers, f"{self.running()} to be {self.containers}", 20)
        wait(self.serving, "the service", 10)
        equal(self.c.path("{.items[0].status.conditions[?(@.type=='Ready')].status}", "nodes"), "True", "Ready")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="keelson-e2e-") as folder:
        live = Live(folder)
        with LiveCluster(live, Kubectl(shutil.which("kubectl"))) as cluster:
            trial = Trial(live, cluster, options.seed)

            def kill():
                trial.prepare()
                for writer in trial.writers:
                    writer.start()
                try:
                    for done in range(options.rounds):
                        trial.round()
                        if done % 8 == 7:
                            trial.converged()
                finally:
                    for writer in trial.writers:
                        writer.ending.set()
                trial.converged()
            report.check(f"{options.rounds} times kill -9 under load lose nothing (seed {options.seed})", kill)
            answered = sum(writer.answered for writer in trial.writers)
            if trial.downtimes:
                times = sorted(trial.downtimes)
                print(f"{answered} answered writes; back after {times[len(times) // 2]:.2f} s (median), "
                      f"{times[-1]:.2f} s at most")
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
