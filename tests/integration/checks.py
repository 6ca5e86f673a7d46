# SPDX-License-Identifier: Apache-2.0
"""What clients do with the API server, without any node."""
import json
import os
import ssl
import subprocess
import tempfile
import socket
import uuid

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: example/web:1
        ports:
        - containerPort: 8080
        resources:
          requests: {cpu: 100m, memory: 64Mi}
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
  - port: 80
    targetPort: 8080
"""


class Failed(AssertionError):
    pass


def expect(condition, message):
    if not condition:
        raise Failed(message)


class Cluster:
    """One kubectl against the server, in a namespace of the check's own."""

    def __init__(self, server, kubectl):
        self.server, self.program = server, kubectl
        self.namespace = "t-" + uuid.uuid4().hex[:8]
        self.kubectl("create", "namespace", self.namespace, namespaced=False)

    def run(self, *arguments, stdin=None, namespaced=True):
        command = [self.program, "--kubeconfig", self.server.kubeconfig]
        if namespaced:
            command += ["-n", self.namespace]
        return subprocess.run(command + list(arguments), input=stdin, capture_output=True, text=True,
                              timeout=60, env={**os.environ, "HOME": self.server.folder})

    def kubectl(self, *arguments, stdin=None, namespaced=True):
        done = self.run(*arguments, stdin=stdin, namespaced=namespaced)
        expect(done.returncode == 0,
               f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def refused(self, *arguments, stdin=None, text=""):
        done = self.run(*arguments, stdin=stdin)
        expect(done.returncode != 0, f"kubectl {' '.join(arguments)} should have failed")
        expect(text in done.stderr + done.stdout,
               f"kubectl {' '.join(arguments)} said: {done.stderr.strip()}")

    def json(self, *arguments):
        return json.loads(self.kubectl(*arguments, "-o", "json"))


# --- With each kubectl ------------------------------------------------------------------------------

def discovery(c):
    """api-resources, api-versions and version"""
    resources = c.kubectl("api-resources")
    for line in ["pods", "deployments", "customresourcedefinitions", "leases", "endpointslices"]:
        expect(line in resources, f"{line} is missing from api-resources")
    expect("apps/v1" in c.kubectl("api-versions"), "apps/v1 is missing from api-versions")
    expect("v1.36" in c.kubectl("version"), "the server's version is not told")


def explain(c):
    """explain"""
    out = c.kubectl("explain", "pods.spec.containers")
    expect("image" in out and "KIND" in out, out)
    expect("replicas" in c.kubectl("explain", "deployment.spec"), "deployment.spec has no replicas")


def apply_and_get(c):
    """apply, get in all forms, describe, delete"""
    expect("created" in c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT), "not created")
    expect("unchanged" in c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT), "a second apply changed it")
    changed = DEPLOYMENT.replace("replicas: 2", "replicas: 3")
    expect("configured" in c.kubectl("apply", "-f", "-", stdin=changed), "apply did not change it")
    expect(c.json("get", "deployment", "web")["spec"]["replicas"] == 3, "replicas is not 3")
    expect("NAME" in c.kubectl("get", "deployment", "-o", "wide"), "no table")
    expect("web" in c.kubectl("get", "deploy,svc"), "no list of two kinds")
    expect("replicas: 3" in c.kubectl("get", "deployment", "web", "-o", "yaml"), "no YAML")
    expect(c.kubectl("get", "deployment", "-o", "name").strip() == "deployment.apps/web", "no name")
    expect(c.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "3", "no jsonpath")
    expect("web" in c.kubectl("get", "deploy", "-o", "custom-columns=N:.metadata.name"), "no columns")
    expect("No resources found" in c.run("get", "deploy", "-l", "app=other").stderr, "selector")
    expect("web" in c.kubectl("get", "deploy", "--sort-by=.metadata.name", "--show-labels"), "sort")
    described = c.kubectl("describe", "deployment", "web")
    expect("RollingUpdateStrategy" in described, described)
    expect("Endpoints" in c.kubectl("describe", "service", "web"), "describe service")
    c.kubectl("delete", "deployment/web", "service/web")
    c.refused("get", "deployment", "web", text='deployments.apps "web" not found')


def create_kinds(c):
    """create of many kinds"""
    c.kubectl("create", "configmap", "settings", "--from-literal=a=1")
    c.kubectl("create", "secret", "generic", "token", "--from-literal=key=value")
    c.kubectl("create", "serviceaccount", "robot")
    c.kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods")
    c.kubectl("create", "rolebinding", "readers", "--role=reader", f"--serviceaccount={c.namespace}:robot")
    c.kubectl("create", "quota", "limits", "--hard=pods=10")
    c.kubectl("create", "deployment", "app", "--image=example/app:1")
    c.kubectl("create", "service", "clusterip", "app", "--tcp=80:8080")
    c.kubectl("create", "job", "once", "--image=example/once:1")
    c.kubectl("create", "cronjob", "often", "--image=example/o:1", "--schedule=*/5 * * * *")
    c.kubectl("create", "ingress", "gate", "--rule=example.com/=app:80")
    c.kubectl("create", "poddisruptionbudget", "budget", "--selector=app=app", "--min-available=1")
    expect(c.json("get", "secret", "token")["data"]["key"] == "dmFsdWU=", "the secret's data")
    c.refused("create", "configmap", "settings", text='configmaps "settings" already exists')
    token = c.kubectl("create", "token", "robot").strip()
    expect(token.count(".") == 2, "no token")
    expect(c.run("auth", "can-i", "list", "pods", f"--as=system:serviceaccount:{c.namespace}:robot")
           .stdout.strip() == "yes", "the robot may list pods")
    expect(c.run("auth", "can-i", "delete", "pods", f"--as=system:serviceaccount:{c.namespace}:robot")
           .stdout.strip() == "no", "the robot may not delete pods")


def change(c):
    """label, annotate, patch, scale, set image, replace, rollout, expose, edit, diff"""
    c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    c.kubectl("label", "deployment", "web", "tier=front")
    c.refused("label", "deployment", "web", "tier=back", text="--overwrite is false")
    c.kubectl("annotate", "deployment", "web", "note=hello")
    c.kubectl("patch", "deployment", "web", "-p", '{"spec":{"minReadySeconds":5}}')
    c.kubectl("patch", "deployment", "web", "--type=merge", "-p", '{"spec":{"minReadySeconds":6}}')
    c.kubectl("patch", "deployment", "web", "--type=json",
              "-p", '[{"op":"replace","path":"/spec/minReadySeconds","value":7}]')
    c.kubectl("scale", "deployment", "web", "--replicas=4")
    c.kubectl("set", "image", "deployment/web", "web=example/web:2")
    c.kubectl("set", "env", "deployment/web", "A=b")
    c.kubectl("set", "resources", "deployment/web", "--limits=cpu=200m")
    now = c.json("get", "deployment", "web")
    expect(now["metadata"]["labels"]["tier"] == "front", "label")
    expect(now["metadata"]["annotations"]["note"] == "hello", "annotation")
    expect(now["spec"]["minReadySeconds"] == 7 and now["spec"]["replicas"] == 4, "patch and scale")
    container = now["spec"]["template"]["spec"]["containers"][0]
    expect(container["image"] == "example/web:2" and container["ports"], "a strategic patch keeps ports")
    c.kubectl("rollout", "pause", "deployment/web")
    c.kubectl("rollout", "resume", "deployment/web")
    c.kubectl("rollout", "restart", "deployment/web")
    c.kubectl("rollout", "history", "deployment/web")
    c.kubectl("expose", "deployment", "web", "--name=other", "--port=8080")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        now = c.json("get", "service", "web")
        now["metadata"]["labels"] = {"replaced": "yes"}
        json.dump(now, file)
        file.flush()
        c.kubectl("replace", "-f", file.name)
    expect(c.json("get", "service", "web")["metadata"]["labels"] == {"replaced": "yes"}, "replace")
    difference = c.run("diff", "-f", "-", stdin=DEPLOYMENT)
    expect(difference.returncode == 1 and "replicas" in difference.stdout, "diff: " + difference.stderr)
    edited = subprocess.run(
        [c.program, "--kubeconfig", c.server.kubeconfig, "-n", c.namespace, "edit", "service", "web"],
        env={**os.environ, "KUBE_EDITOR": "sed -i s/replaced/edited/", "HOME": c.server.folder},
        capture_output=True, text=True, timeout=30)
    expect("edited" in edited.stdout, "edit: " + edited.stderr)
    c.kubectl("delete", "deployment", "web", "--wait=false", "--cascade=background")


def bad_objects(c):
    """errors that users know"""
    c.refused("get", "pod", "nobody", text='Error from server (NotFound): pods "nobody" not found')
    c.refused("apply", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicaz: 2"),
              text='unknown field "spec.replicaz"')
    c.refused("apply", "-f", "-", stdin=DEPLOYMENT.replace("name: web\n  labels", "name: Web_\n  labels"),
              text="Invalid value")
    c.refused("apply", "--validate=false", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: two"),
              text="cannot unmarshal string into Go struct field")
    c.refused("apply", "-f", "-", stdin="a: [", text="error")
    c.refused("get", "pods", "-l", "a in (", text="unable to parse requirement")
    c.refused("get", "pods", "--field-selector", "spec.nothing=1", text="field label not supported")
    c.refused("create", "configmap", "settings", "--from-literal=a=1", "-n", "nowhere",
              text='namespaces "nowhere" not found')


PER_KUBECTL = [discovery, explain, apply_and_get, create_kinds, change, bad_objects]


# --- Once -------------------------------------------------------------------------------------------

def controllers(c):
    """a Deployment gets its ReplicaSet and pods; deleting it removes them"""
    c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    wait(lambda: len(c.json("get", "pods", "-l", "app=web")["items"]) == 2, "two pods")
    pod = c.json("get", "pods")["items"][0]
    expect(pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet", "the pod's owner")
    expect(pod["status"]["phase"] == "Pending", "no node: pending")
    c.kubectl("delete", "deployment", "web")
    wait(lambda: not c.json("get", "pods", "-l", "app=web")["items"], "no pods")
    expect(c.json("get", "configmap", "kube-root-ca.crt")["data"]["ca.crt"].startswith("-----BEGIN"), "CA")
    expect(c.json("get", "serviceaccount", "default"), "the default service account")


def namespace_deletion(c):
    """a deleted namespace is emptied and goes"""
    c.kubectl("create", "configmap", "one", "--from-literal=a=1")
    c.kubectl("delete", "namespace", c.namespace, "--timeout=50s", namespaced=False)
    c.refused("get", "namespace", c.namespace, text="not found")


def watch(c):
    """watch shows what happens"""
    process = subprocess.Popen(
        [c.program, "--kubeconfig", c.server.kubeconfig, "-n", c.namespace, "get", "configmaps", "-w",
         "-o", "name"], stdout=subprocess.PIPE, text=True)
    try:
        seen = []
        c.kubectl("create", "configmap", "seen", "--from-literal=a=1")
        for line in process.stdout:
            seen.append(line.strip())
            if line.strip() == "configmap/seen":
                break
        expect("configmap/seen" in seen, str(seen))
    finally:
        process.kill()
        process.wait()


def garbage(c):
    """garbage on the TLS port and half-open connections leave the server unharmed"""
    for data in [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 40, b"\x16\x03\x01\xff\xff" + b"a" * 100]:
        with socket.create_connection(("127.0.0.1", c.server.port), 5) as raw:
            raw.sendall(data)
    halves = [socket.create_connection(("127.0.0.1", c.server.port), 5) for _ in range(50)]
    expect(c.kubectl("get", "--raw", "/readyz") == "ok", "not ready any more")
    for half in halves:
        half.close()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", c.server.port), 5) as raw:
        with context.wrap_socket(raw) as secure:
            secure.sendall(b"GET /api/v1/pods HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := secure.recv(4096):
                answer += part
            expect(b"403" in answer.split(b"\r\n")[0], "anonymous is not forbidden: " + repr(answer[:80]))
    expect(c.kubectl("get", "--raw", "/livez") == "ok", "not alive any more")


def oversized(c):
    """a body that is too large is refused"""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n  a: " + "x" * 4_000_000)
        file.flush()
        c.refused("create", "-f", file.name, text="too large")


def restart(c):
    """kill -9 under writes loses no answered write"""
    answered = []
    for round_ in range(3):
        for i in range(10):
            name = f"kept-{round_}-{i}"
            c.kubectl("create", "configmap", name, "--from-literal=a=1")
            answered.append(name)
        c.server.kill()
        c.server.start()
        present = {item["metadata"]["name"] for item in c.json("get", "configmaps")["items"]}
        expect(set(answered) <= present, f"lost: {set(answered) - present}")


ONCE = [controllers, namespace_deletion, watch, garbage, oversized, restart]


def wait(condition, what, seconds=30):
    import time
    deadline = time.time() + seconds
    while time.time() < deadline:
        if condition():
            return
        time.sleep(0.2)
    raise Failed("timed out waiting for " + what)
