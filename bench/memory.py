#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the server needs for many objects, for reading them in several forms, and for connections."""
import json
import subprocess
import time

import harness

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"


SETTLED_AFTER = 10  # Seconds; the allocator gives back what is free a while later.


def idle_connections(server, count):
    """KB that the server needs for each HTTP/2 connection over TLS on which nothing happens."""
    before = server.usage()
    load = subprocess.Popen([harness.API_LOAD, server.kubeconfig, "idle", str(count)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = load.stdout.readline()
        if not line or json.loads(line)["connections"] != count:
            raise harness.BenchError("the connections could not be opened")
        return (server.usage().anonymous_mb - before.anonymous_mb) * 1024 / count
    finally:
        load.stdin.close()
        load.wait(20)


def benchmark(fast):
    objects = 5_000 if fast else 25_000
    connections = 200 if fast else 1000
    budget = None if fast else 150  # Fewer objects keep no budget of many.
    table = harness.Table("Memory")
    with harness.Server() as server:
        server.start()
        server.api.make_namespace()
        each = idle_connections(server, connections)
        table.row(f"an idle HTTP/2 connection over TLS, of {connections}", each, "KB")

        before = server.usage()
        filled = harness.api_load(server, "fill", objects, 1000)
        held = server.usage()
        table.row(f"{objects:,} ConfigMaps of 1 KB created, at", objects / filled["seconds"], "/s")
        table.row("... RSS with them", held.rss_mb, "MB", "< 150 MB for 25,000", "736 MB",
                  most=budget)
        table.row("... more than without", held.rss_mb - before.rss_mb, "MB")
        maps = harness.NAMESPACE + "/configmaps"
        for name, accept in (("JSON", "application/json"), ("a table", TABLE), ("protobuf", PROTOBUF)):
            before = server.usage()
            for _ in range(3):
                server.api.request("GET", maps, headers={"Accept": accept})
            at_once = server.usage()
            time.sleep(SETTLED_AFTER)
            table.row(f"... more after listing all three times as {name}",
                      at_once.rss_mb - before.rss_mb, "MB")
            table.row(f"... of that left {SETTLED_AFTER} s later",
                      server.usage().rss_mb - before.rss_mb, "MB")
        server.stop()
        seconds = server.start()
        again = server.usage()
        table.row("... start to /readyz with them", seconds * 1000, "ms")
        table.row("... RSS after that start", again.rss_mb, "MB", "< 150 MB for 25,000", "736 MB",
                  most=budget)
    table.print()


if __name__ == "__main__":
    harness.main(benchmark, __doc__)
