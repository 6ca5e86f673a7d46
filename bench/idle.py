#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a server costs that has nothing to do: memory, processor, wake-ups, disk writes."""
import time

import harness


def measure(table, name, server, seconds, rss_budget):
    # What starts up has settled.
    time.sleep(5 if seconds < 30 else 15)
    revision = server.api.revision()
    with harness.Measured(server) as used:
        time.sleep(seconds)
    commits = server.api.revision() - revision
    after = used.after
    table.row(f"{name}: RSS", after.rss_mb, "MB", f"< {rss_budget[0]} MB", rss_budget[1],
              most=rss_budget[0])
    table.row(f"{name}: of that anonymous", after.anonymous_mb, "MB")
    table.row(f"{name}: processor", used.cores * 100, "% of a core", "< 1 %", most=1)
    table.row(f"{name}: wake-ups", used.wakeups / used.seconds, "/s", "< 50/s", most=50)
    table.row(f"{name}: commits to the store", commits / used.seconds, "/s", "< 1/s", most=1)
    table.row(f"{name}: written to disk", used.written_bytes / used.seconds / 1024, "KB/s")
    table.row(f"{name}: threads", after.threads)


def benchmark(fast):
    seconds = 10 if fast else 30
    table = harness.Table(f"Idle, over {seconds} s")
    with harness.Server() as server:
        server.start()
        measure(table, "control plane", server, seconds, (60, "497 MB"))
    if not harness.NO_CLUSTER:
        with harness.Cluster() as cluster:
            cluster.start()
            cluster.node_ready()
            measure(table, "everything", cluster, seconds, (60, "about 730 MB"))
    table.print()


if __name__ == "__main__":
    harness.main(benchmark, __doc__)
