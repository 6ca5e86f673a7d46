# SPDX-License-Identifier: Apache-2.0
"""Workloads and services on a live node."""
import re
import socket
import time

from harness import contains, equal, expect, wait
from pods import IMAGE, create, execute, idle, pod, shell, template, wait_ready, web

# Answers each datagram with the pod's name. The image has no such program, but the host has Python.
UDP_SERVER = """
import os, socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 5353))
while True:
    data, peer = server.recvfrom(2000)
    server.sendto(os.environ["HOSTNAME"].encode() + b" " + data, peer)
"""


def service(name, port, selector, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": selector, "ports": [port], **spec}}


def deployment(name, replicas, *containers, **spec):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": template(labels, *containers, **spec)}}


def job(name, container, **spec):
    made = template({"app": name}, container, restartPolicy="Never")
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"template": made, **spec}}


def jobs(c):
    """Jobs run to completion, or fail after their retries"""
    create(c, job("good", shell("echo done"), completions=4, parallelism=2),
           job("bad", shell("exit 1"), backoffLimit=0),
           job("indexed", shell("echo index $JOB_COMPLETION_INDEX"), completions=2, parallelism=2,
               completionMode="Indexed"))
    c.kubectl("wait", "--for=condition=Complete", "job/good", "job/indexed", "--timeout=60s", seconds=70)
    equal(c.path("{.status.succeeded}", "job", "good"), "4", "the completions")
    equal(c.path("{.status.completedIndexes}", "job", "indexed"), "0,1", "the indexes")
    c.kubectl("wait", "--for=condition=Failed", "job/bad", "--timeout=60s", seconds=70)
    contains(c.kubectl("get", "job", "good"), "4/4", "get job")
    c.kubectl("delete", "job", "good", "indexed", "bad")
    wait(lambda: not c.json("get", "pods")["items"], "the end of their pods")


def replication(c):
    """a ReplicationController keeps its pods"""
    made = {"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "rc"},
            "spec": {"replicas": 2, "selector": {"app": "rc"}, "template": template({"app": "rc"}, idle())}}
    create(c, made)

    def ready(count):
        wait(lambda: c.path("{.status.readyReplicas}", "rc", "rc") == str(count), f"{count} ready pods", 60)
    ready(2)
    victim = c.path("{.items[0].metadata.name}", "pods")
    c.kubectl("delete", "pod", victim)
    ready(2)
    expect(victim not in c.kubectl("get", "pods"), "the deleted pod is back")
    c.kubectl("scale", "rc", "rc", "--replicas=1")
    wait(lambda: len(c.json("get", "pods")["items"]) == 1, "one pod")


def udp(c):
    """a UDP service is answered by all of its pods"""
    host = {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}
    server = {"name": "udp", "image": IMAGE,
              "volumeMounts": [{"name": "root", "mountPath": "/host", "readOnly": True}],
              "command": ["busybox", "chroot", "/host", "/usr/bin/python3", "-c", UDP_SERVER]}
    create(c, deployment("udp", 2, server, **host),
           service("udp", {"port": 53, "targetPort": 5353, "protocol": "UDP"}, {"app": "udp"}))
    c.kubectl("rollout", "status", "deployment/udp", "--timeout=60s", seconds=70)
    address = c.path("{.spec.clusterIP}", "service", "udp")
    seen = set()

    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            client.sendto(b"hello", (address, 53))
            try:
                name, word = client.recv(2000).decode().split()
            except OSError:  # Not there yet: refused, or nothing came.
                return False
            equal(word, "hello", "the answer")
            seen.add(name)
            return len(seen) == 2
    wait(ask, "answers of both pods", 20, 0.02)
    equal(seen, {item["metadata"]["name"] for item in c.json("get", "pods")["items"]}, "who answered")


def services(c):
    """headless services and SRV records, ClientIP affinity, a service without endpoints"""
    port = {"name": "http", "port": 80, "targetPort": 8080}
    create(c, deployment("app", 3, web(ports=[{"name": "http", "containerPort": 8080}])),
           service("headless", {"name": "http", "port": 8080}, {"app": "app"}, clusterIP="None"),
           service("sticky", port, {"app": "app"}, sessionAffinity="ClientIP"),
           service("nobody", port, {"app": "nobody"}),
           {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "alias"},
            "spec": {"type": "ExternalName", "externalName": f"sticky.{c.namespace}.svc.cluster.local"}},
           pod("client", idle(), hostname="client", subdomain="headless", labels={"app": "app"}))
    c.kubectl("rollout", "status", "deployment/app", "--timeout=60s", seconds=70)
    wait_ready(c, "client")
    addresses = {item["status"]["podIP"] for item in c.json("get", "pods")["items"]}
    domain = f"{c.namespace}.svc.cluster.local"

    def look_up(name, kind="a"):
        return c.run("exec", "client", "--", "nslookup", "-type=" + kind, name).stdout
    wait(lambda: set(re.findall(r"Address: (10\.[\d.]+)", look_up(f"headless.{domain}"))) == addresses,
         "the addresses of all pods", 20)
    srv = look_up(f"_http._tcp.headless.{domain}", "srv")
    equal(len(re.findall(rf"8080 \S+\.headless\.{re.escape(domain)}", srv)), 4, f"SRV records in {srv}")
    own = c.path("{.status.podIP}", "pod", "client")
    contains(look_up(f"client.headless.{domain}"), own, "the pod's own name")
    contains(look_up(f"alias.{domain}", "cname"), f"sticky.{domain}", "the alias")
    reverse = ".".join(reversed(c.path("{.spec.clusterIP}", "service", "sticky").split("."))) + ".in-addr.arpa"
    contains(look_up(reverse, "ptr"), f"sticky.{domain}", "the reverse record")

    def fetch(name):
        return c.run("exec", "client", "--", "timeout", "5", "wget", "-q", "-O", "-", f"http://{name}/")
    # The client is itself an endpoint by its label, but serves nothing.
    c.kubectl("label", "pod", "client", "app-")
    wait(lambda: len(re.findall(r"Address: 10\.", look_up(f"headless.{domain}"))) == 3, "three endpoints", 20)
    wait(lambda: fetch("sticky").returncode == 0, "an answer", 15)
    answers = execute(c, "client", "sh", "-c", "for i in $(seq 30); do wget -q -O - http://sticky/; done")
    equal((len(answers.splitlines()), len(set(answers.splitlines()))), (30, 1), "answers, and who gave them")
    before = time.monotonic()
    refused = fetch("nobody")
    expect(refused.returncode != 0 and "refused" in refused.stderr, f"nobody said {refused.stderr}")
    expect(time.monotonic() - before < 4, "the refusal took long")


CHECKS = [jobs, replication, udp, services]
