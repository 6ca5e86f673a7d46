# SPDX-License-Identifier: Apache-2.0
"""The official client libraries, each in a program of its own below clients/."""
import os
import shutil
import subprocess

from harness import python_with

HERE = os.path.dirname(os.path.abspath(__file__))
NODE_FOLDER = os.path.abspath(os.path.join(HERE, "..", "..", "build", "client-node"))


def python(report, name, cluster, which):
    interpreter = python_with("kubernetes")
    if not interpreter:
        report.failed(name, "no Python has the module kubernetes: scripts/packages test installs it")
        return
    report.program(name, [interpreter, os.path.join(HERE, "clients", "python_client.py"),
                          cluster.server.kubeconfig, cluster.namespace, which])


def install():
    """Puts the client with all it needs below build/, once for each lock file; its error if it failed."""
    stamp = os.path.join(NODE_FOLDER, "installed")
    with open(os.path.join(HERE, "clients", "package-lock.json")) as lock:
        wanted = lock.read()
    if os.path.exists(stamp):
        with open(stamp) as installed:
            if installed.read() == wanted:
                return None
        os.remove(stamp)
    os.makedirs(NODE_FOLDER, exist_ok=True)
    for file in ["package.json", "package-lock.json"]:
        shutil.copy(os.path.join(HERE, "clients", file), NODE_FOLDER)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=NODE_FOLDER,
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        return done.stderr[-1500:]
    with open(stamp, "w") as installed:
        installed.write(wanted)
    return None


def node(report, name, cluster, which):
    if error := install():
        report.failed(name, "npm ci: " + error)
        return
    # Beside node_modules, since that is where imports are looked for.
    program = shutil.copy(os.path.join(HERE, "clients", "node_client.mjs"), NODE_FOLDER)
    report.program(name, ["node", program, cluster.server.kubeconfig, cluster.namespace, which])


CLIENTS = [("python3-kubernetes", python), ("@kubernetes/client-node", node)]
