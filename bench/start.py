#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long `keelson server` takes until it can be used."""
import statistics
import time

import harness


def starts(rounds):
    """Seconds to /readyz, of the first start in an empty folder and of the second."""
    first, second = [], []
    for _ in range(rounds):
        with harness.Server() as server:
            first.append(server.start())
            server.stop()
            second.append(server.start())
    return first, second


def cluster_start(cluster):
    """Seconds from the start to: the node Ready; a pod, created as soon as that works, Running."""
    start = cluster.spawn()
    cluster.wait_ready()
    api = cluster.open_api()
    # As kubectl does; a pod needs the namespace's account, which comes a moment after the API.
    api.wait("/api/v1/namespaces/default/serviceaccounts", 30,
             lambda event: event["object"]["metadata"]["name"] == "default")
    api.create("/api/v1/namespaces/default/pods", {
        "metadata": {"name": "first"},
        "spec": {"containers": [{"name": "web", "image": "localhost/keelson/web:1"}]}})
    ready = cluster.node_ready() - start
    api.wait("/api/v1/namespaces/default/pods", 60,
             lambda event: event["object"].get("status", {}).get("phase") == "Running")
    return ready, time.monotonic() - start


def benchmark(fast):
    table = harness.Table("Start")
    rounds = 3 if fast else 10
    first, second = starts(rounds)
    for name, seconds in (("first start", first), ("second start", second)):
        table.row(f"control plane to /readyz, {name}, median of {rounds}",
                  statistics.median(seconds) * 1000, "ms", "< 300 ms", "2.3 s", most=300)
    if not harness.NO_CLUSTER:
        with harness.Cluster() as cluster:
            ready, running = cluster_start(cluster)
        table.row("everything, first start, to node Ready", ready, "s", "< 2 s", most=2)
        table.row("everything, first start, to first pod Running", running, "s", "< 3 s", most=3)
    table.print()


if __name__ == "__main__":
    harness.main(benchmark, __doc__)
