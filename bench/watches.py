#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How soon those who watch hear of a change, and of how many changes a second."""
import harness


def fan_out(table, server, watchers, events):
    with harness.Measured(server) as used:
        done = harness.api_load(server, "fan-out", watchers, events)
    table.row(f"one event to {watchers:,} watchers: request sent to last told, p50 of {events}",
              done["last_p50"], "ms")
    table.row("... p99", done["last_p99"], "ms", "< 50 ms", most=50)
    table.row("... the writer has its answer, p50", done["answer_p50"], "ms")
    table.row("... first told to last told, p50", done["spread_p50"], "ms")
    table.row("... first told to last told, p99", done["spread_p99"], "ms")
    table.row("... processor of the server, each event", used.cpu_seconds * 1000 / events, "ms")


def churn(table, server, watchers, objects, writers):
    with harness.Measured(server) as used:
        done = harness.api_load(server, "churn", watchers, objects, writers)
    table.row(f"{watchers} watches, {objects:,} objects created, updated twice, deleted by {writers:,}",
              done["events"] / done["seconds"], "events/s", "> 500,000/s", "etcd 52,000/s", least=500_000)
    table.row("... behind the writer's answer, p99", done["lag_p99"], "ms", "< 100 ms", "etcd 7.5 s",
              most=100)
    table.row("... behind the writer's answer, p50", done["lag_p50"], "ms")
    table.row("... writes", done["writes"] / done["seconds"], "/s")
    table.row("... answered, p50", done["answer_p50"], "ms")
    table.row("... answered, p99", done["answer_p99"], "ms")
    table.row("... of the server's processor time", used.cores, "cores")


def benchmark(fast):
    table = harness.Table("Watches, over TLS; the load runs on the same cores")
    with harness.Server() as server:
        server.start()
        server.api.make_namespace()
        fan_out(table, server, 1000, 50 if fast else 200)
        churn(table, server, 25, 2_000 if fast else 10_000, 1000)
    table.print()


if __name__ == "__main__":
    harness.main(benchmark, __doc__)
