# SPDX-License-Identifier: Apache-2.0
"""Components as programs of their own, under their names: keys made by openssl, and a cluster of an API
server, a scheduler and two controller managers, with a node that is an object and nothing more."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from checks_kubectl import DEPLOYMENT
from harness import Cluster, Failed, contains, equal, expect, findings, free_port, tail, wait
from raw import Raw

PROGRAMS = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"]
STRATEGIC, MERGE = "application/strategic-merge-patch+json", "application/merge-patch+json"
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "hollow"}}
NODE_STATUS = {"status": {
    "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
    "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}}


class Keys:
    """An authority, and certificates that it signs, as openssl makes them."""

    def __init__(self, folder):
        self.folder = folder
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kubernetes", "-days", "30",
                     "-keyout", self.path("ca.key"), "-out", self.path("ca.crt"))
        self.openssl("genrsa", "-out", self.path("sa.key"), "2048")

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
        expect(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}")

    def issue(self, name, subject, usage, *names):
        """NAME.crt and NAME.key."""
        extensions = self.path(name + ".ext")
        with open(extensions, "w") as file:
            file.write(f"extendedKeyUsage = {usage}\n")
            if names:
                file.write(f"subjectAltName = {','.join(names)}\n")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", self.path(name + ".key"),
                     "-out", self.path(name + ".csr"))
        self.openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path("ca.crt"),
                     "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "30", "-extfile", extensions,
                     "-out", self.path(name + ".crt"))

    def data(self, name):
        with open(self.path(name), "rb") as file:
            return base64.b64encode(file.read()).decode()


class Components:
    """The programs of one cluster in a folder of their own."""

    def __init__(self, keelson):
        self.bin = os.path.dirname(os.path.abspath(keelson))
        self.folder = tempfile.mkdtemp(prefix="keelson-it-")
        self.port = free_port()
        self.kubeconfig = os.path.join(self.folder, "kubeconfig")
        self.logs, self.processes = [], []

    def make_files(self):
        self.keys = keys = Keys(self.folder)
        keys.issue("apiserver", "/CN=kube-apiserver", "serverAuth", "IP:127.0.0.1", "DNS:localhost")
        keys.issue("kubelet-client", "/O=kubeadm:cluster-admins/CN=kube-apiserver-kubelet-client", "clientAuth")
        keys.issue("admin", "/O=system:masters/CN=admin", "clientAuth")
        self.write_kubeconfig("kubeconfig", {"client-certificate-data": keys.data("admin.crt"),
                                             "client-key-data": keys.data("admin.key")})
        # By the names of files, as kubeconfigs may have it too.
        for name in ["kube-scheduler", "kube-controller-manager"]:
            keys.issue(name, f"/CN=system:{name}", "clientAuth")
            self.write_kubeconfig(name + ".conf", {"client-certificate": name + ".crt", "client-key": name + ".key"})

    def write_kubeconfig(self, name, user):
        with open(os.path.join(self.folder, name), "w") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "test",
                       "clusters": [{"name": "test", "cluster": {
                           "server": f"https://127.0.0.1:{self.port}",
                           "certificate-authority-data": self.keys.data("ca.crt")}}],
                       "users": [{"name": "test", "user": user}],
                       "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}, file)

    def start(self, program, *flags):
        path = os.path.join(self.folder, f"{program}-{len(self.logs)}.log")
        with open(path, "wb") as log:
            process = subprocess.Popen([os.path.join(self.bin, program), *flags], stdout=log, stderr=log,
                                       start_new_session=True)
        process.log = path
        self.logs.append(path)
        self.processes.append(process)
        return process

    def start_api_server(self):
        path = self.keys.path
        self.api_server = self.start(
            "kube-apiserver", "--etcd-servers", f"sqlite://{self.folder}/state.db", "--bind-address", "127.0.0.1",
            "--secure-port", str(self.port), "--tls-cert-file", path("apiserver.crt"),
            "--tls-private-key-file", path("apiserver.key"), "--client-ca-file", path("ca.crt"),
            "--service-account-signing-key-file", path("sa.key"),
            "--kubelet-client-certificate", path("kubelet-client.crt"),
            "--kubelet-client-key", path("kubelet-client.key"))

        def ready():
            if self.api_server.poll() is not None:
                raise RuntimeError("the API server ended:\n" + tail(self.api_server.log))
            return subprocess.run(["kubectl", "--kubeconfig", self.kubeconfig, "get", "--raw", "/readyz"],
                                  capture_output=True).returncode == 0
        wait(ready, "the API server", 60, 0.1)

    def start_client(self, program, *flags):
        return self.start(program, "--kubeconfig", os.path.join(self.folder, program + ".conf"), *flags)

    def start_controllers(self):
        return self.start_client("kube-controller-manager", "--leader-elect", "--root-ca-file",
                                 self.keys.path("ca.crt"))

    def clean(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def end(process):
    """The exit code after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        raise Failed("it does not end after SIGTERM:\n" + tail(process.log)) from None


def flags(cluster, program):
    """tells its flags, and refuses those that it does not have"""
    def run(*arguments):
        return subprocess.run([os.path.join(cluster.bin, program), *arguments], capture_output=True, text=True,
                              timeout=30)
    told = run("--help")
    equal(told.returncode, 0, f"the exit code ({told.stderr})")
    contains(told.stdout, "--kubeconfig" if program != "kube-apiserver" else "--etcd-servers")
    refused = run("--no-such-flag=1")
    expect(refused.returncode != 0, "a flag that does not exist is accepted")
    contains(refused.stderr, "unknown flag: --no-such-flag")
    refused = run("word")
    expect(refused.returncode != 0, "an argument is accepted")
    contains(refused.stderr, f'"{program}" does not take any arguments, got ["word"]')
    refused = run()
    expect(refused.returncode != 0, "it starts without the flags it needs")


def lease(cluster, component):
    done = subprocess.run(["kubectl", "--kubeconfig", cluster.kubeconfig, "get", "lease", component, "-n",
                           "kube-system", "-o", "json"], capture_output=True, text=True)
    expect(done.returncode == 0, done.stderr)
    return json.loads(done.stdout)["spec"]


def held(cluster, component):
    """The Lease of a component, once somebody holds it."""
    def found():
        spec = lease(cluster, component)
        return spec if spec.get("holderIdentity") else None
    return wait(found, f"a leader of {component}")


def bound(c):
    return [pod["spec"].get("nodeName") for pod in c.json("get", "pods")["items"]] == ["hollow"] * 2


def deploy(cluster, kubectl):
    """a Deployment's pods are made and bound to a node"""
    cluster.first = cluster.start_controllers()
    cluster.scheduler = cluster.start_client("kube-scheduler")
    raw = Raw(cluster)
    equal(raw.request("POST", "/api/v1/nodes", NODE).code, 201, "the code of the new node")
    equal(raw.request("PATCH", "/api/v1/nodes/hollow/status", NODE_STATUS, STRATEGIC).code, 200,
          "the code of its status")
    with Cluster(cluster, kubectl) as c:
        c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
        wait(lambda: bound(c), "two pods with a node")
    for component in ["kube-scheduler", "kube-controller-manager"]:
        expect(held(cluster, component)["holderIdentity"].startswith(socket.gethostname() + "_"),
               "the leader does not carry the host's name")


def elect(cluster, kubectl):
    """of two controller managers one works, and the other one after it"""
    before = held(cluster, "kube-controller-manager")
    second = cluster.start_controllers()
    # The first one renews while the second one asks for the Lease again and again.
    for _ in range(3):
        last = lease(cluster, "kube-controller-manager")
        wait(lambda: lease(cluster, "kube-controller-manager")["renewTime"] != last["renewTime"], "a renewal")
    equal(lease(cluster, "kube-controller-manager")["holderIdentity"], before["holderIdentity"], "the leader")
    expect("acquired lease" not in tail(second.log), "both believe to lead")
    with Cluster(cluster, kubectl) as c:
        equal(end(cluster.first), 0, "the exit code of the first")
        wait(lambda: held(cluster, "kube-controller-manager")["holderIdentity"] != before["holderIdentity"],
             "another leader")
        c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
        wait(lambda: len(c.json("get", "pods")["items"]) == 2, "two pods from the second")
    cluster.second = second


def lose(cluster, kubectl):
    """a scheduler whose Lease another has taken ends with an error; one without election needs none"""
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler"
    taken = Raw(cluster).request("PATCH", path, {"spec": {"holderIdentity": "another"}}, MERGE)
    equal(taken.code, 200, "the code of the patch")
    equal(cluster.scheduler.wait(30), 1, "the exit code")
    contains(tail(cluster.scheduler.log), "leaderelection lost", "the log")
    cluster.scheduler = cluster.start_client("kube-scheduler", "--leader-elect=false")
    with Cluster(cluster, kubectl) as c:
        c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
        wait(lambda: bound(c), "two pods with a node")


def stop(cluster):
    """each ends in good order after SIGTERM"""
    for process in [cluster.scheduler, cluster.second, cluster.api_server]:
        equal(end(process), 0, f"the exit code of {process.args[0]}")


def check(report, keelson, kubectl):
    cluster = Components(keelson)
    try:
        for program in PROGRAMS:
            report.check(f"{program}: {flags.__doc__}", flags, cluster, program)
        before = report.failures
        cluster.make_files()
        cluster.start_api_server()
        report.check("components: " + deploy.__doc__, deploy, cluster, kubectl)
        report.check("components: " + elect.__doc__, elect, cluster, kubectl)
        report.check("components: " + lose.__doc__, lose, cluster, kubectl)
        report.check("components: " + stop.__doc__, stop, cluster)
        found = [line for log in cluster.logs for line in findings(log)]
        report.check("components: the sanitizers found nothing", equal, found, [], "their findings")
        if report.failures > before:
            for log in cluster.logs:
                print(f"--- {os.path.basename(log)}\n{tail(log)}")
    except Exception as error:
        report.failed("the components could be tested", str(error))
    finally:
        cluster.clean()
