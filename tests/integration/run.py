#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The integration tier: a real API server on a port, driven by every kubectl that is installed and by
the official client libraries, and fed with what it must refuse; and the components, each a program.

usage: run.py KEELSON [--only TEXT]
Prints "ok - NAME" or "FAILED - NAME" for each check and ends with 1 if any failed.
"""
import argparse
import os
import shutil
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checks_bad_bytes  # noqa: E402
import checks_bad_input  # noqa: E402
import checks_clients  # noqa: E402
import checks_components  # noqa: E402
import checks_kubectl  # noqa: E402
import checks_server  # noqa: E402
from harness import (Cluster, Kubectl, Report, Server, applicable, equal, kubectls,  # noqa: E402
                     title)

WORKERS = 3  # Checks at a time; most of them wait for a kubectl to start.


def in_namespace(check, server, kubectl):
    with Cluster(server, kubectl) as cluster:
        check(cluster)


def run(report, server):
    default = Kubectl(shutil.which("kubectl"))
    together = [(report.check, f"kubectl {kubectl.name}: {title(check)}", in_namespace, check, server, kubectl)
                for kubectl in kubectls() for check in applicable(checks_kubectl.CHECKS, kubectl)]
    together += [(report.check, title(check), in_namespace, check, server, default) for check in
                 checks_bad_bytes.TOGETHER + checks_server.CHECKS + checks_bad_input.CHECKS]
    report.together(together, WORKERS)
    for name, check in checks_clients.CLIENTS:
        with Cluster(server, default) as cluster:
            check(report, name, cluster, "api")
    # These look at the server's memory or end it.
    for check in checks_bad_bytes.CHECKS + checks_server.ALONE:
        report.check(title(check), in_namespace, check, server, default)
    report.check("SIGTERM ends the server in good order", lambda: equal(server.stop(), 0, "the exit code"))
    checks_components.check(report, server.program, default)
    if server.sanitized:
        report.check("the sanitizers found nothing", lambda: equal(server.findings(), [], "their findings"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("keelson")
    parser.add_argument("--only", default="")
    options = parser.parse_args()

    def end(number, _frame):
        raise SystemExit(128 + number)

    # So that the server ends, too.
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, end)
    report = Report(options.only)
    server = Server(options.keelson)
    try:
        server.start()
        run(report, server)
    except Exception as error:
        report.failed("the server could be tested", str(error))
    finally:
        if report.failures:
            print("--- server log\n" + server.tail())
        server.clean()
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
