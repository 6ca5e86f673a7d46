# SPDX-License-Identifier: Apache-2.0
"""Pods as dictionaries, for checks that need one with something special."""
import json

from harness import equal, expect, wait

IMAGE = "localhost/keelson/web:1"
FOREVER = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"]


def shell(script, name="main", **more):
    """A container that runs a script."""
    return {"name": name, "image": IMAGE, "command": ["sh", "-c", script], **more}


def idle(name="main", **more):
    """A container that does nothing until it is told to end."""
    return {"name": name, "image": IMAGE, "command": FOREVER, **more}


def web(name="web", **more):
    return {"name": name, "image": IMAGE, **more}


def pod(name, *containers, labels=None, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": list(containers), **spec}}


def template(labels, *containers, **spec):
    made = pod("", *containers, labels=labels, **spec)
    return {"metadata": {"labels": labels}, "spec": made["spec"]}


def create(c, *objects):
    if all(made["kind"] == "Pod" for made in objects):  # kubectl takes long to start.
        for made in objects:
            answer = c.server.raw.request("POST", f"/api/v1/namespaces/{c.namespace}/pods", made)
            equal(answer.code, 201, f"the code for {made['metadata']['name']} ({answer.body[:300]})")
        return
    c.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def get(c, name):
    """A pod as it is now; an empty one if there is none. Asked without kubectl, which takes long to start."""
    return c.read("pods", name) or {"status": {}}


def exists(c, name):
    return c.read("pods", name) is not None


def status(c, name, container="main"):
    """A container's status; an empty one before there is any."""
    listed = get(c, name)["status"]
    for field in ["containerStatuses", "initContainerStatuses"]:
        for entry in listed.get(field, []):
            if entry["name"] == container:
                return entry
    return {"state": {}, "ready": False, "restartCount": 0}


def is_ready(c, name):
    conditions = get(c, name)["status"].get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def wait_ready(c, *names, seconds=60):
    for name in names:
        wait(lambda: is_ready(c, name), f"{name} to be ready", seconds)


def wait_phase(c, name, phase, seconds=60):
    wait(lambda: get(c, name)["status"].get("phase") == phase, f"{name} to be {phase}", seconds)


def output(c, name, seconds=60):
    """What a pod printed that runs to its end."""
    wait(lambda: get(c, name)["status"].get("phase") in ("Succeeded", "Failed"), f"the end of {name}", seconds)
    text = c.kubectl("logs", name)
    expect(get(c, name)["status"]["phase"] == "Succeeded", f"{name} failed: {text}")
    return text


def execute(c, name, *command):
    return c.kubectl("exec", name, "--", *command)
