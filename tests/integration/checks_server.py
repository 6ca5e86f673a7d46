# SPDX-License-Identifier: Apache-2.0
"""What the server does by itself, without any node; once, with the kubectl on PATH."""
from checks_kubectl import DEPLOYMENT
from harness import expect, wait


def controllers(c):
    """a Deployment gets its ReplicaSet and pods; deleting it removes them"""
    c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    wait(lambda: len(c.json("get", "pods", "-l", "app=web")["items"]) == 2, "two pods")
    pod = c.json("get", "pods")["items"][0]
    expect(pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet", "the pod's owner")
    expect(pod["status"]["phase"] == "Pending", "no node: pending")
    c.kubectl("delete", "deployment", "web")
    wait(lambda: not c.json("get", "pods", "-l", "app=web")["items"], "no pods")
    expect(c.json("get", "configmap", "kube-root-ca.crt")["data"]["ca.crt"].startswith("-----BEGIN"), "CA")
    expect(c.json("get", "serviceaccount", "default"), "the default service account")


def namespace_deletion(c):
    """a deleted namespace is emptied and goes"""
    c.kubectl("create", "configmap", "one", "--from-literal=a=1")
    c.kubectl("delete", "namespace", c.namespace, "--timeout=50s", namespaced=False)
    c.refused("get", "namespace", c.namespace, text="not found")


def restart(c):
    """kill -9 under writes loses no answered write"""
    answered = []
    for round_ in range(3):
        for i in range(10):
            name = f"kept-{round_}-{i}"
            c.kubectl("create", "configmap", name, "--from-literal=a=1")
            answered.append(name)
        c.server.kill()
        c.server.start()
        present = {item["metadata"]["name"] for item in c.json("get", "configmaps")["items"]}
        expect(set(answered) <= present, f"lost: {set(answered) - present}")


CHECKS = [controllers, namespace_deletion]
ALONE = [restart]
