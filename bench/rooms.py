#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rooms on their own, without an API server: scheduler, store, service proxy, name server."""
import os
import re

import harness

UPSTREAM_SCHEDULER = {"basic": ("> 5,000", 5000, "366"),
                      "affinity to a zone": ("> 1,000", 1000, "63"),
                      "anti-affinity to hosts": ("> 1,000", 1000, "63"),
                      "spread over zones": ("> 1,000", 1000, "197"),
                      "preemption": ("> 1,000", 1000, "304")}


def program(name, *arguments):
    return harness.run([os.path.join(harness.BUILD, "bin", name), *map(str, arguments)], 300)


def find(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise harness.BenchError("the program said something else:\n" + text)
    return [float(group) for group in found.groups()]


def scheduler(fast):
    pods = 1000 if fast else 5000
    table = harness.Table(f"Scheduler: {pods:,} pods onto 5,000 nodes, choice and book-keeping alone")
    for line in program("scheduler_throughput", 5000, pods).splitlines()[1:]:
        name, _, placed, rate = line[:24].strip(), *line[24:].split()
        budget, least, upstream = UPSTREAM_SCHEDULER.get(name, (None, None, ""))
        if int(placed) != pods:
            raise harness.BenchError(f"{name}: only {placed} of {pods} pods were placed")
        table.row(name, float(rate), "pods/s", budget, upstream and upstream + " pods/s", least=least)
    table.print()


def store():
    table = harness.Table("Store: SQLite, values of 1 KB")
    out = program("store_commits", harness.DATA)
    for line in out.splitlines():
        fields = line.split()
        if fields and fields[0] in ("synced", "behind"):
            name = "fsync before the answer" if fields[0] == "synced" else "fsync later"
            table.row(f"{name}, {fields[1]} writers (p50 {fields[3]} ms, p99 {fields[4]} ms)",
                      float(fields[2]), "commits/s")
    rate, lag = find(r"by 1000: (\d+) events/s, .*p99 ([\d.]+) ms", out)
    table.row("25 watches, 10,000 keys created, updated twice, deleted by 1,000 tasks", rate, "events/s",
              "> 500,000/s", "etcd 52,000/s", least=500_000)
    table.row("... behind the writer's answer, p99", lag, "ms", "< 100 ms", "etcd 7.5 s", most=100)
    table.print()


def proxy():
    table = harness.Table("Service proxy: nftables, in a network namespace of its own")
    out = program("proxy_rules")
    middle, high = find(r"1 of 10000 services, an endpoint added: +p50 ([\d.]+) ms, p99 ([\d.]+)", out)
    table.row("an endpoint added to one Service among 10,000, p50", middle, "ms", "< 5 ms", "141 ms", most=5)
    table.row("... p99", high, "ms")
    start, = find(r"250000 endpoints: ([\d.]+) ms", out)
    table.row("start with 5,000 services and 250,000 endpoints", start / 1000, "s", "< 5 s", most=5)
    table.print()


def dns(fast):
    table = harness.Table("DNS: questions for services, one thread asks and one serves")
    rate, cost, memory = find(r"([\d.]+) answers/s; server ([\d.]+) us.*RssAnon ([\d.]+)",
                              program("dns_queries", 2 if fast else 5))
    table.row("answers", rate, "/s", "> 200,000/s on 2 cores", "33,000/s", least=200_000)
    table.row("... processor of the server, each", cost, "us")
    table.row("... anonymous memory, with the load and its fake API", memory / 1024, "MB", "< 20 MB",
              "50-185 MB", most=20)
    table.print()


def benchmark(fast):
    scheduler(fast)
    store()
    dns(fast)
    if not harness.NO_CLUSTER:
        proxy()


if __name__ == "__main__":
    harness.main(benchmark, __doc__)
