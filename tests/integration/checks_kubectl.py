# SPDX-License-Identifier: Apache-2.0
"""What each kubectl does with the API server, without any node."""
import json
import tempfile

from harness import expect, since

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
    c.kubectl("create", "ingress", "gate", "--rule=example.com/=app:80")
    expect(c.json("get", "secret", "token")["data"]["key"] == "dmFsdWU=", "the secret's data")
    c.refused("create", "configmap", "settings", text='configmaps "settings" already exists')
    expect(c.run("auth", "can-i", "list", "pods", f"--as=system:serviceaccount:{c.namespace}:robot")
           .stdout.strip() == "yes", "the robot may list pods")
    expect(c.run("auth", "can-i", "delete", "pods", f"--as=system:serviceaccount:{c.namespace}:robot")
           .stdout.strip() == "no", "the robot may not delete pods")


@since("1.21")  # Before, kubectl asks for the beta versions, which v1.25 dropped.
def create_later_kinds(c):
    """create of a CronJob and a PodDisruptionBudget"""
    c.kubectl("create", "cronjob", "often", "--image=example/o:1", "--schedule=*/5 * * * *")
    c.kubectl("create", "poddisruptionbudget", "budget", "--selector=app=app", "--min-available=1")
    expect("often" in c.kubectl("get", "cronjob"), "no CronJob")
    expect("budget" in c.kubectl("get", "poddisruptionbudget"), "no PodDisruptionBudget")


@since("1.24")
def create_token(c):
    """create token"""
    expect(c.kubectl("create", "token", "default").strip().count(".") == 2, "no token")


@since("1.24")
def subresource(c):
    """get and patch --subresource"""
    c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    c.kubectl("patch", "deployment", "web", "--subresource=scale", "--type=merge",
              "-p", '{"spec":{"replicas":6}}')
    expect(c.json("get", "deployment", "web", "--subresource=scale")["spec"]["replicas"] == 6, "scale")
    expect(c.json("get", "deployment", "web")["spec"]["replicas"] == 6, "the Deployment's replicas")


def change(c):
    """label, annotate, patch, scale, set image, replace, rollout, expose, edit"""
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
    edited = c.run("edit", "service", "web", KUBE_EDITOR="sed -i s/replaced/edited/")
    expect("edited" in edited.stdout, "edit: " + edited.stderr)
    c.kubectl("delete", "deployment", "web", "--wait=false", "--cascade=background")


@since("1.27")  # Before, kubectl does not find dryRun in the OpenAPI document, where it became a reference.
def diff(c):
    """diff"""
    c.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    same = c.run("diff", "-f", "-", stdin=DEPLOYMENT)
    expect(same.returncode == 0, "diff of the same: " + same.stdout + same.stderr)
    other = c.run("diff", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: 3"))
    expect(other.returncode == 1 and "replicas: 3" in other.stdout, "diff: " + other.stderr)


def bad_objects(c):
    """errors that users know"""
    c.refused("get", "pod", "nobody", text='Error from server (NotFound): pods "nobody" not found')
    # Until 1.24 kubectl found this out itself, from the OpenAPI document.
    unknown = 'unknown field "spec.replicaz"' if c.version >= (1, 25) else 'unknown field "replicaz" in io.k8s'
    c.refused("apply", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicaz: 2"), text=unknown)
    c.refused("apply", "-f", "-", stdin=DEPLOYMENT.replace("name: web\n  labels", "name: Web_\n  labels"),
              text="Invalid value")
    c.refused("apply", "--validate=false", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: two"),
              text="cannot unmarshal string into Go struct field")
    c.refused("apply", "-f", "-", stdin="a: [", text="error")
    c.refused("get", "pods", "-l", "a in (", text="unable to parse requirement")
    c.refused("get", "pods", "--field-selector", "spec.nothing=1", text="field label not supported")
    c.refused("create", "configmap", "settings", "--from-literal=a=1", "-n", "nowhere",
              text='namespaces "nowhere" not found')


def watch(c):
    """get --watch shows what happens"""
    with c.background("get", "configmaps", "-w", "-o", "name") as watching:
        c.kubectl("create", "configmap", "seen", "--from-literal=a=1")
        watching.line("configmap/seen")


CHECKS = [discovery, explain, apply_and_get, create_kinds, create_later_kinds, create_token, subresource,
          change, diff, bad_objects, watch]
