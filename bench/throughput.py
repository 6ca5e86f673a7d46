#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many requests a second are answered, over TLS, with a token, checked against RBAC."""
import harness

# The names of one thread's objects differ from those of the others.
CREATE = """
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end
function init()
  wrk.headers["Content-Type"] = "application/json"
end
local count = 0
function request()
  count = count + 1
  local body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"create-' .. id .. '-' ..
    count .. '"},"data":{"value":"' .. string.rep("x", 1000) .. '"}}'
  return wrk.format("POST", nil, nil, body)
end
"""

UPSTREAM = {"get": 6685, "list": 136, "create": 2365}


def compare(table, what, measured, used, upstream, times):
    table.row(what, measured, "/s", f"> {times}x = {upstream * times:,}/s",
              f"{upstream:,}/s; {measured / upstream:.1f}x", least=upstream * times)
    table.row("... of the server's processor time", used.cores, "cores")


def benchmark(fast):
    seconds = 3 if fast else 10
    table = harness.Table(f"Requests, {seconds} s each; the load runs on the same cores")
    with harness.Server() as server:
        server.start()
        token = server.api.make_namespace()
        maps = harness.NAMESPACE + "/configmaps"
        harness.api_load(server, "fill", 500, 1000)
        one = maps + "/object-0"

        # What HTTP, TLS and the caller's rights cost, without an object.
        with harness.Measured(server) as used:
            rate = harness.h2load(server, "/livez", token, 16, 8, seconds)
        table.row("GET /livez, h2load -t1 -c16 -m8", rate, "/s")
        table.row("... of the server's processor time", used.cores, "cores")
        with harness.Measured(server) as used:
            rate = harness.h2load(server, one, token, 16, 8, seconds)
        compare(table, "GET a ConfigMap of 1 KB, h2load -t1 -c16 -m8", rate, used, UPSTREAM["get"], 6)
        with harness.Measured(server) as used:
            rate = harness.h2load(server, maps + "?limit=500", token, 8, 2, seconds)
        compare(table, "LIST 500 of 1 KB, h2load -t1 -c8 -m2", rate, used, UPSTREAM["list"], 9)
        with harness.Measured(server) as used:
            rate = harness.wrk(server, maps, token, CREATE, 2, 32, seconds)
        compare(table, "CREATE a ConfigMap of 1 KB, durable, wrk -t2 -c32", rate, used,
                UPSTREAM["create"], 4)
    table.print()


if __name__ == "__main__":
    harness.main(benchmark, __doc__)
