# SPDX-License-Identifier: Apache-2.0
"""What each kubectl does with pods that run. All checks of one kubectl share its namespace and pods."""
import hashlib
import os
import pty
import re
import subprocess
import tempfile
import termios
import time
import urllib.request

from harness import Failed, contains, equal, expect, since, wait
from pods import IMAGE, create, exists, get, idle, pod, wait_ready

PODS = f"""
apiVersion: v1
kind: Pod
metadata:
  name: several
  labels: {{app: several}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: {IMAGE}
  - name: counter
    image: {IMAGE}
    command: [sh, -c, "i=0; while true; do echo line $i; i=$((i+1)); sleep 0.2; done"]
  - name: echo
    image: {IMAGE}
    stdin: true
    command: [cat]
---
apiVersion: v1
kind: Pod
metadata:
  name: second-life
spec:
  terminationGracePeriodSeconds: 0
  volumes:
  - name: memory
    emptyDir: {{}}
  containers:
  - name: main
    image: {IMAGE}
    volumeMounts:
    - {{name: memory, mountPath: /memory}}
    command: [sh, -c, "[ -e /memory/x ] && echo second && exec sleep 3600; touch /memory/x; echo first; exit 3"]
"""


def start(c):
    """apply, wait"""
    c.kubectl("apply", "-f", "-", stdin=PODS)
    c.kubectl("wait", "--for=condition=Ready", "pod/several", "--timeout=60s", seconds=70)


def run(c):
    """run -i with its input, its output and its removal"""
    done = c.run("run", "once", "-i", "--rm", "--restart=Never", "--image=" + IMAGE, "--command", "--",
                 "sh", "-c", "read line; echo got $line", stdin="hello\n")
    contains(done.stdout + done.stderr, "got hello")
    contains(done.stdout + done.stderr, 'pod "once" deleted')
    failing = c.run("run", "failing", "-i", "--rm", "--restart=Never", "--image=" + IMAGE, "--command", "--",
                    "sh", "-c", "exit 5")
    equal(failing.returncode, 5, f"the exit code of run ({failing.stderr})")


def logs(c):
    """logs: -c, --tail, --timestamps, --since, -f, --previous, -l"""
    contains(c.kubectl("logs", "several", "-c", "web"), "listens on port 8080")
    wait(lambda: "line 15\n" in c.kubectl("logs", "several", "-c", "counter"), "line 15", 20)
    equal(len(c.kubectl("logs", "several", "-c", "counter", "--tail=2").splitlines()), 2, "lines")
    stamped = c.kubectl("logs", "several", "-c", "counter", "--timestamps", "--tail=1")
    expect(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line \d+\n$", stamped), stamped)
    contains(c.kubectl("logs", "several", "-c", "counter", "--since=1h"), "line 0\n")
    late = c.kubectl("logs", "several", "-c", "counter", "--since=1s")
    expect("line 0\n" not in late and "line" in late, "--since=1s: " + late[:200])
    equal(c.kubectl("logs", "several", "-c", "counter", "--limit-bytes=4"), "line", "4 bytes")
    with c.background("logs", "several", "-c", "counter", "-f", "--tail=1") as following:
        first = int(following.line("line").split()[1])
        following.line(f"line {first + 5}")
    contains(c.kubectl("logs", "-l", "app=several", "-c", "web"), "listens on port 8080")
    contains(c.kubectl("logs", "several", "--all-containers"), "listens on port 8080")
    wait(lambda: c.run("logs", "second-life").stdout == "second\n", "the second life", 40)
    equal(c.kubectl("logs", "second-life", "--previous"), "first\n", "the log before the restart")
    c.refused("logs", "several", "-c", "nobody", text="container nobody is not valid for pod several")
    c.refused("logs", "several", "-c", "web", "--previous",
              text='previous terminated container "web" in pod "several" not found')


def execute(c):
    """exec: streams, exit codes, much input"""
    equal(c.kubectl("exec", "several", "-c", "web", "--", "hostname"), "several\n", "the host name")
    done = c.run("exec", "several", "-c", "web", "--", "sh", "-c", "echo out; echo error >&2; exit 7")
    equal((done.stdout, done.returncode), ("out\n", 7), "output and exit code")
    contains(done.stderr, "error\n")
    equal(c.kubectl("exec", "-i", "several", "-c", "web", "--", "sh", "-c", "read a; echo got $a",
                    stdin="hello\n"), "got hello\n", "the answer")
    much = "0123456789abcde\n" * 200_000
    digest = c.kubectl("exec", "-i", "several", "-c", "web", "--", "busybox", "sha256sum", stdin=much)
    equal(digest.split()[0], hashlib.sha256(much.encode()).hexdigest(), "the digest of 3 MB of input")
    long = c.kubectl("exec", "several", "-c", "web", "--", "sh", "-c", "seq 300000")
    equal(long, "".join(f"{i}\n" for i in range(1, 300001)), "2 MB of output")
    c.refused("exec", "several", "-c", "web", "--", "no-such-program", text="no-such-program")
    c.refused("exec", "several", "-c", "nobody", "--", "true", text="nobody")


def terminal(c):
    """exec -it has a terminal of the right size"""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (33, 99))
    process = subprocess.Popen(
        c.command("exec", "-it", "several", "-c", "web", "--", "sh", "-c",
                  "busybox tty; sleep 0.5; busybox stty size; read a; echo got-$a; exit 4"),
        stdin=slave, stdout=slave, stderr=slave, env=c.environment(TERM="xterm"), start_new_session=True)
    os.close(slave)
    text = b""
    try:
        os.set_blocking(master, False)

        def read():
            nonlocal text
            try:
                text += os.read(master, 65536)
            except OSError:  # Nothing there, or the other side has gone.
                pass
            return text
        wait(lambda: b"/dev/pts/" in read(), "a terminal", 20, 0.05)
        wait(lambda: b"33 99" in read(), "its size", 20, 0.05)
        os.write(master, b"typed\r")
        wait(lambda: b"got-typed" in read(), "the answer", 20, 0.05)
        equal(process.wait(20), 4, "the exit code")
    except Failed as error:
        raise Failed(f"{error}; seen: {text!r}") from None
    finally:
        process.kill()
        process.wait()
        os.close(master)


def copy(c):
    """cp of files and folders, there and back"""
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(folder + "/there/below")
        files = {"there/zeros": bytes(500_000), "there/below/random": os.urandom(300_000), "there/empty": b""}
        for name, data in files.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        c.kubectl("cp", folder + "/there", "several:/tmp/here", "-c", "web")
        there = c.kubectl("exec", "several", "-c", "web", "--", "ls", "/tmp/here/below")
        equal(there, "random\n", "the folder")
        c.kubectl("cp", "several:/tmp/here", folder + "/back", "-c", "web")
        for name, data in files.items():
            with open(folder + "/back" + name.removeprefix("there"), "rb") as file:
                expect(file.read() == data, f"{name} came back changed")
        c.kubectl("cp", folder + "/there/zeros", f"{c.namespace}/several:/tmp/one", "-c", "web")
        contains(c.kubectl("exec", "several", "-c", "web", "--", "stat", "-c", "%s", "/tmp/one"), "500000")


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def forward(c):
    """expose, and port-forward to the pod and to the service"""
    c.kubectl("expose", "pod", "several", "--port=80", "--target-port=8080")
    for target, port in [("pod/several", "8080"), ("service/several", "80")]:
        with c.background("port-forward", target, ":" + port) as forwarding:
            local = re.search(r"127\.0\.0\.1:(\d+)", forwarding.line("Forwarding from 127.0.0.1"))[1]
            for _ in range(5):
                equal(fetch(f"http://127.0.0.1:{local}/"), "several web 1\n", f"the answer of {target}")
    address = c.path("{.spec.clusterIP}", "service", "several")
    # The pod asks itself, by way of the service.
    wait(lambda: c.run("exec", "several", "-c", "counter", "--", "timeout", "3", "wget", "-q", "-O", "-",
                       f"http://{address}/").stdout == "several web 1\n", "the answer of the service", 15)


def attach(c):
    """attach"""
    with c.background("attach", "several", "-c", "echo", "-i", stdin=subprocess.PIPE) as attached:
        # Nothing tells when it is attached; what is typed before is kept.
        attached.process.stdin.write("hello\n")
        attached.process.stdin.flush()
        attached.line("hello")
    with c.background("attach", "several", "-c", "counter") as attached:
        attached.line("line")


def show(c):
    """get, describe and events show the pod and the node"""
    wide = c.kubectl("get", "pod", "several", "-o", "wide")
    expect(re.search(r"several +3/3 +Running +0 .* 10\.", wide), wide)
    described = c.kubectl("describe", "pod", "several")
    for part in ["Container ID:   containerd://", "Image ID:", "State:          Running",
                 "Ready             True", "QoS Class:", "Container started"]:
        contains(re.sub(r"Ready +True", "Ready             True", described), part, "describe pod")
    node = c.path("{.spec.nodeName}", "pod", "several")
    described = c.kubectl("describe", "node", node)
    for part in ["Allocated resources:", "Non-terminated Pods:", "several", "KubeletReady", "containerd://"]:
        contains(described, part, "describe node")
    events = c.kubectl("get", "events", "--field-selector", "involvedObject.name=several")
    for reason in ["Scheduled", "Pulled", "Created", "Started"]:
        contains(events, reason, "the events")


@since("1.23")
def wait_for_value(c):
    """wait --for=jsonpath"""
    c.kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/several", "--timeout=10s")


@since("1.26")
def events(c):
    """events --for"""
    contains(c.kubectl("events", "--for", "pod/several"), "Started", "the events")


def delete(c):
    """delete, and wait for the end"""
    with c.background("wait", "--for=delete", "pod/several", "--timeout=30s") as waiting:
        # Without --wait this returns at once; the other one sees the end.
        c.kubectl("delete", "pod", "several", "--wait=false")
        equal(waiting.process.wait(40), 0, f"the exit code of wait ({waiting.lines})")
    before = time.monotonic()
    c.kubectl("delete", "pod", "second-life", "--grace-period=0", "--force")
    expect(time.monotonic() - before < 20, "the deletion by force took long")
    contains(c.run("get", "pods").stderr, "No resources found", "get pods")


SHARED = [start, run, logs, execute, terminal, copy, forward, attach, show, wait_for_value, events, delete]


# --- One at a time, since they concern the one node that there is ------------------------------------

def node_name(c):
    return c.server.raw.request("GET", "/api/v1/nodes").json()["items"][0]["metadata"]["name"]


def wait_unschedulable(c, name):
    wait(lambda: any(entry.get("reason") == "Unschedulable" for entry in
                     get(c, name)["status"].get("conditions", [])), f"{name} to be called unschedulable")


def maintain(c):
    """cordon, drain, uncordon"""
    node = node_name(c)
    create(c, pod("drained", idle(), labels={"app": "drained"}))
    wait_ready(c, "drained")
    try:
        c.kubectl("cordon", node)
        contains(c.kubectl("get", "node", node), "SchedulingDisabled", "get node")
        create(c, pod("late", idle()))
        out = c.kubectl("drain", node, "--pod-selector=app=drained", "--force", "--ignore-daemonsets",
                        "--delete-emptydir-data", "--timeout=30s")
        contains(out, "drained", "drain")
        expect(not exists(c, "drained"), "the pod is still there")
        wait_unschedulable(c, "late")
    finally:
        c.kubectl("uncordon", node)
    wait_ready(c, "late")


def taint(c):
    """taint: NoSchedule keeps pods away, NoExecute drives them off"""
    node = node_name(c)
    try:
        c.kubectl("taint", "node", node, "test=1:NoSchedule")
        create(c, pod("waiting", idle()))
        wait_unschedulable(c, "waiting")
        c.kubectl("taint", "node", node, "test-")
        wait_ready(c, "waiting")
        c.kubectl("taint", "node", node, f"{c.namespace}=1:NoExecute")
        wait(lambda: not exists(c, "waiting"), "the end of the pod")
    finally:
        c.run("taint", "node", node, "test-")
        c.run("taint", "node", node, f"{c.namespace}-")


NODE = [maintain]
NODE_ONCE = [taint]
