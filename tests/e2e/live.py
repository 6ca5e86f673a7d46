#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cluster that ./up started, driven by every kubectl and by the client libraries: what needs a node.

usage: live.py [--only TEXT]      with $KEELSON_DATA and $KEELSON_PORT as for ./up
Prints "ok - NAME" or "FAILED - NAME" for each check and ends with 1 if any failed.
"""
import argparse
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]
import checks_clients  # noqa: E402
import checks_config  # noqa: E402
import checks_kubectl_node  # noqa: E402
import checks_pods  # noqa: E402
import checks_workloads  # noqa: E402
from harness import Cluster, Kubectl, Report, applicable, expect, kubectls, title, wait  # noqa: E402
from raw import Raw  # noqa: E402

WORKERS = 6  # Checks at a time; most of them wait for pods.


class Live:
    """The running cluster, with a folder for what the checks need."""

    def __init__(self, folder):
        self.folder = folder
        self.data = os.environ.get("KEELSON_DATA", "/var/lib/keelson")
        self.port = int(os.environ.get("KEELSON_PORT", "6443"))
        self.kubeconfig = os.path.join(self.data, "kubeconfig")
        self.raw = Raw(self)


class LiveCluster(Cluster):
    """A namespace in which pods can be made."""

    def __enter__(self):
        wait(lambda: self.read("serviceaccounts", "default"), "the service account")
        return self

    def read(self, resource, name="", query="", group="api/v1"):
        """An object, or a list of them; None if it is not there."""
        path = f"/{group}/namespaces/{self.namespace}/{resource}" + (f"/{name}" if name else "") + query
        answer = self.server.raw.request("GET", path)
        expect(answer.code in (200, 404), f"{path} was answered {answer.code}: {answer.body[:200]}")
        return answer.json() if answer.code == 200 else None


def in_namespace(check, live, kubectl):
    with LiveCluster(live, kubectl) as cluster:
        check(cluster)


def session(report, live, kubectl):
    """The checks of one kubectl, which share their namespace and come one after the other."""
    with LiveCluster(live, kubectl) as cluster:
        for check in applicable(checks_kubectl_node.SHARED, kubectl):
            report.check(f"kubectl {kubectl.name}: {title(check)}", check, cluster)


def client(report, live, kubectl, name, program):
    with LiveCluster(live, kubectl) as cluster:
        program(report, name, cluster, "pods")


def run(report, live):
    default, every = Kubectl(shutil.which("kubectl")), kubectls()
    features = checks_pods.CHECKS + checks_config.CHECKS + checks_workloads.CHECKS
    # The longest first, so that none is alone at the end.
    jobs = [(report.check, title(check), in_namespace, check, live, default) for check in features]
    jobs += [(session, report, live, kubectl) for kubectl in every]
    jobs += [(client, report, live, default, *entry) for entry in checks_clients.CLIENTS]
    report.together(jobs, WORKERS)
    for kubectl in every:
        for check in checks_kubectl_node.NODE:
            report.check(f"kubectl {kubectl.name}: {title(check)}", in_namespace, check, live, kubectl)
    for check in checks_kubectl_node.NODE_ONCE:
        report.check(title(check), in_namespace, check, live, default)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    report = Report(options.only)
    with tempfile.TemporaryDirectory(prefix="keelson-e2e-") as folder:
        run(report, Live(folder))
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
