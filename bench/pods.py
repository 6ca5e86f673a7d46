#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long pods take to come and go on a node, their image being there."""
import concurrent.futures
import os
import statistics
import time

import harness

PODS = harness.NAMESPACE + "/pods"


def machine_seconds():
    """What all processors together have worked since the machine started."""
    with open("/proc/stat") as lines:
        user, nice, system, _, _, irq, softirq = map(int, lines.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def bare(cluster, count):
    """Seconds of processor that each container takes which the runtime's own client starts: half of
    what a pod cannot do without, and without a network."""
    ctr = ["ctr", "-a", cluster.socket, "-n", "bench"]
    names = [f"bare-{i}" for i in range(count)]

    def each(*command):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: harness.run_quietly([*ctr, *command, name], 60), names))

    harness.run_quietly([*ctr, "images", "import", os.path.join(harness.BUILD, "images/pause.tar")], 60)
    before = machine_seconds()
    each("run", "-d", "--null-io", "localhost/keelson/pause:1")
    used = machine_seconds() - before
    each("tasks", "rm", "-f")
    each("containers", "rm")
    return used / count


def container():
    return {"name": "pause", "image": "localhost/keelson/pause:1"}


def one(api, name):
    """Seconds until a single pod is Ready, and until it has gone again."""
    start = time.monotonic()
    made = api.create(PODS, {"metadata": {"name": name}, "spec": {"containers": [container()]}})
    of_it = f"{PODS}?fieldSelector=metadata.name={name}"
    api.wait(of_it, 60, harness.is_ready, made["metadata"]["resourceVersion"])
    ready = time.monotonic()
    gone = api.delete(f"{PODS}/{name}")
    api.wait(of_it, 60, lambda event: event["type"] == "DELETED", gone["metadata"]["resourceVersion"])
    return ready - start, time.monotonic() - ready


def many(api, replicas):
    """Seconds until all pods of a Deployment are Ready, and until all have gone again; and what the
    processors worked until they were Ready."""
    revision = api.revision()
    start = time.monotonic()
    before = machine_seconds()
    api.create("/apis/apps/v1/namespaces/bench/deployments", {
        "metadata": {"name": "many"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "many"}},
                 "template": {"metadata": {"labels": {"app": "many"}},
                              "spec": {"containers": [container()]}}}})
    ready = set()

    def all_ready(event):
        if harness.is_ready(event):
            ready.add(event["object"]["metadata"]["name"])
        return len(ready) == replicas

    last = api.wait(PODS, 300, all_ready, revision)
    created = time.monotonic() - start
    busy = machine_seconds() - before
    start = time.monotonic()
    api.delete("/apis/apps/v1/namespaces/bench/deployments/many",
               {"propagationPolicy": "Background"})
    gone = set()

    def all_gone(event):
        if event["type"] == "DELETED":
            gone.add(event["object"]["metadata"]["name"])
        return len(gone) == replicas

    api.wait(PODS, 300, all_gone, last["object"]["metadata"]["resourceVersion"])
    return created, time.monotonic() - start, busy


def benchmark(fast):
    if harness.NO_CLUSTER:
        return
    table = harness.Table("Pods")
    rounds = 3 if fast else 10
    replicas = 30 if fast else 100
    with harness.Cluster() as cluster:
        cluster.start()
        cluster.node_ready()
        cluster.api.make_namespace()
        times = [one(cluster.api, f"one-{i}") for i in range(rounds)]
        table.row(f"a pod created to Ready, median of {rounds}",
                  statistics.median(created for created, _ in times), "s", "< 0.7 s", "1.4 s", most=0.7)
        table.row("... deleted to gone", statistics.median(gone for _, gone in times), "s")
        with harness.Measured(cluster) as used:
            created, gone, busy = many(cluster.api, replicas)
        table.row(f"a Deployment of {replicas} created to all Ready", created, "s", "< 10 s for 100",
                  "13.6 s", most=None if fast else 10)
        table.row("... deleted to all gone", gone, "s", "< 30 s for 100", "46-73 s", most=None if fast else 30)
        table.row("... processor of keelson, both", used.cpu_seconds, "s")
        table.row("... processor of the whole machine, each pod created", busy / replicas, "s")
        table.row("... the same for a container that ctr starts; a pod has two", bare(cluster, replicas), "s")
        table.row("... RSS of keelson afterwards", used.after.rss_mb, "MB")
    table.print()


if __name__ == "__main__":
    harness.main(benchmark, __doc__)
