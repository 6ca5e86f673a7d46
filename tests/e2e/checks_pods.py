# SPDX-License-Identifier: Apache-2.0
"""The life of pods: init containers, restarts, probes, hooks, the end."""
import os
import time

from harness import contains, equal, expect, wait
from pods import (create, execute, exists, get, idle, is_ready, output, pod, shell, status, wait_phase,
                  wait_ready, web)

SHARED = [{"name": "shared", "emptyDir": {}}]
MOUNT = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}


def init_containers(c):
    """init containers run one after the other, sidecars beside the rest"""
    create(c, pod("ordered", shell("cat /shared/log; echo main; [ -e /shared/side ]", **MOUNT),
                  initContainers=[
                      shell("sleep 0.5; echo one >>/shared/log", "one", **MOUNT),
                      shell("touch /shared/side; while true; do sleep 0.1; done", "side",
                            restartPolicy="Always", **MOUNT, startupProbe={
                                "exec": {"command": ["test", "-e", "/shared/side"]}, "periodSeconds": 1}),
                      shell("test -e /shared/side && echo two >>/shared/log", "two", **MOUNT)],
                  volumes=SHARED, restartPolicy="Never"),
           pod("stuck", idle(), initContainers=[shell("exit 2", "bad")], restartPolicy="Never"))
    equal(output(c, "ordered"), "one\ntwo\nmain\n", "the output")
    for name in ["one", "two"]:
        equal(status(c, "ordered", name)["state"]["terminated"]["reason"], "Completed", f"the reason of {name}")
    expect("terminated" in status(c, "ordered", "side")["state"], "the sidecar still runs")
    wait_phase(c, "stuck", "Failed")
    equal(status(c, "stuck", "bad")["state"]["terminated"]["exitCode"], 2, "the exit code")
    expect("running" not in status(c, "stuck")["state"], "main ran after a failed init container")


def restart_policies(c):
    """restart policies, exit codes and CrashLoopBackOff"""
    create(c, pod("never", shell("exit 3"), restartPolicy="Never"),
           pod("done", shell("exit 0"), restartPolicy="OnFailure"),
           pod("again", shell("[ -e /shared/x ] || { touch /shared/x; exit 1; }", **MOUNT), volumes=SHARED,
               restartPolicy="OnFailure"),
           pod("crash", shell("echo my last words >/dev/termination-log; exit 1")))
    wait_phase(c, "never", "Failed")
    equal(status(c, "never")["state"]["terminated"]["exitCode"], 3, "the exit code")
    equal(status(c, "never")["restartCount"], 0, "the restarts")
    contains(c.kubectl("get", "pod", "never"), "Error", "get pod")
    wait_phase(c, "done", "Succeeded")
    contains(c.kubectl("get", "pod", "done"), "Completed", "get pod")
    wait_phase(c, "again", "Succeeded")
    equal(status(c, "again")["restartCount"], 1, "the restarts")
    wait(lambda: "CrashLoopBackOff" in c.kubectl("get", "pod", "crash"), "CrashLoopBackOff in get pod", 30)
    now = status(c, "crash")
    equal(now["lastState"]["terminated"]["message"], "my last words\n", "the termination message")
    contains(now["state"]["waiting"]["message"], "back-off 10s restarting failed container=main", "the message")
    wait(lambda: status(c, "crash")["restartCount"] >= 2, "a second restart", 30)


def probe(kind, **more):
    # A busy machine needs time to start what the probe runs.
    return {**kind, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 2, **more}


def probes(c):
    """startup, readiness and liveness probes by exec, HTTP and TCP"""
    http, tcp = {"httpGet": {"path": "/healthz", "port": 8080}}, {"tcpSocket": {"port": 8080}}
    exists, never = [{"exec": {"command": command}} for command in (["test", "-e", "/tmp/x"], ["false"])]
    create(c,
           pod("good", web(startupProbe=probe(tcp, failureThreshold=30), readinessProbe=probe(http),
                           livenessProbe=probe(tcp))),
           pod("switched", idle(readinessProbe=probe(exists))),
           pod("dying", shell("touch /tmp/x; while true; do sleep 0.1; done",
                              livenessProbe=probe(exists, terminationGracePeriodSeconds=1))),
           pod("deaf-http", web(env=[{"name": "PORT", "value": "81"}],
                                livenessProbe=probe(http, terminationGracePeriodSeconds=1))),
           pod("deaf-tcp", web(env=[{"name": "PORT", "value": "81"}], readinessProbe=probe(tcp))),
           pod("slow", idle(startupProbe=probe(exists, failureThreshold=60),
                            livenessProbe=probe(never, terminationGracePeriodSeconds=1))))
    wait_ready(c, "good")
    wait(lambda: status(c, "switched")["state"].get("running"), "switched to run")
    expect(not is_ready(c, "switched"), "ready before its probe says so")
    execute(c, "switched", "touch", "/tmp/x")
    wait_ready(c, "switched", seconds=15)
    execute(c, "switched", "rm", "/tmp/x")
    wait(lambda: not is_ready(c, "switched"), "switched not to be ready", 15)
    wait_ready(c, "dying")
    execute(c, "dying", "rm", "/tmp/x")
    wait(lambda: status(c, "dying")["restartCount"] >= 1, "dying to be restarted", 20)
    wait(lambda: status(c, "deaf-http", "web")["restartCount"] >= 1, "deaf-http to be restarted", 20)
    expect(not is_ready(c, "deaf-tcp"), "deaf-tcp is ready")
    events = c.kubectl("get", "events")
    for text in ["Readiness probe failed", "Liveness probe failed", "failed liveness probe, will be restarted",
                 "connect: connection refused"]:
        contains(events, text, "the events")
    now = status(c, "slow")
    equal((now["started"], now["restartCount"]), (False, 0), "started and restarts before it is started")
    execute(c, "slow", "touch", "/tmp/x")
    wait(lambda: status(c, "slow")["restartCount"] >= 1, "liveness to begin after startup", 20)
    equal(status(c, "good", "web")["restartCount"], 0, "the restarts of good")


def termination(c):
    """postStart, preStop, SIGTERM, the grace period, and SIGKILL after it"""
    folder = os.path.join(c.server.folder, c.namespace)
    os.makedirs(folder)
    host = {"volumes": [{"name": "host", "hostPath": {"path": folder, "type": "Directory"}}]}
    mount = {"volumeMounts": [{"name": "host", "mountPath": "/host"}]}

    def say(word):
        return {"exec": {"command": ["sh", "-c", f"echo {word} >>/host/$(hostname)"]}}
    forever = "while true; do sleep 0.1; done"
    create(c, pod("polite", shell(f"trap 'echo term >>/host/$(hostname); exit 0' TERM; {forever}", **mount,
                                  lifecycle={"postStart": say("started"), "preStop": say("stopping")}),
                  **host | {"terminationGracePeriodSeconds": 20}),
           pod("stubborn", shell(f"trap 'echo term >>/host/$(hostname)' TERM; {forever}", **mount),
               **host | {"terminationGracePeriodSeconds": 3}))
    wait_ready(c, "polite", "stubborn")
    before = time.monotonic()
    c.kubectl("delete", "pod", "polite", "stubborn", "--wait=false")
    wait(lambda: not exists(c, "polite"), "the end of polite", 15)
    expect(exists(c, "stubborn") or time.monotonic() - before > 3, "stubborn ended before its grace period")
    wait(lambda: not exists(c, "stubborn"), "the end of stubborn", 15)
    took = time.monotonic() - before
    expect(3 <= took < 15, f"stubborn took {took:.1f} s, not 3 or a few more")
    for name, wanted in [("polite", "started\nstopping\nterm\n"), ("stubborn", "term\n")]:
        with open(os.path.join(folder, name)) as file:
            equal(file.read(), wanted, f"what {name} wrote")


def images(c):
    """an image that is not there, and one with an impossible name"""
    create(c, pod("missing", idle() | {"image": "localhost/keelson/nothing:1", "imagePullPolicy": "Never"}),
           pod("invalid", idle() | {"image": "Not A Name"}))
    wait(lambda: "ErrImageNeverPull" in c.kubectl("get", "pod", "missing"), "ErrImageNeverPull")
    wait(lambda: "InvalidImageName" in c.kubectl("get", "pod", "invalid"), "InvalidImageName")
    equal(get(c, "missing")["status"]["phase"], "Pending", "the phase")


def memory(c):
    """what takes more memory than its limit is killed for it"""
    create(c, pod("greedy", shell("head -c 100000000 /dev/zero | tail | cat >/dev/null; echo survived; exit 0",
                                  resources={"limits": {"memory": "20Mi"}}), restartPolicy="Never"))
    wait(lambda: "terminated" in status(c, "greedy")["state"], "the end of greedy")
    # Whether the kernel hits the shell or its child, the container has been hit.
    equal(status(c, "greedy")["state"]["terminated"]["reason"], "OOMKilled", "the reason")


CHECKS = [init_containers, restart_policies, probes, termination, images, memory]
