#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What programs do with the official Python client (Debian's python3-kubernetes).

usage: python_client.py KUBECONFIG NAMESPACE api|pods
"""
import contextlib
import json
import os
import sys
import tempfile
import threading

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.stream import portforward, stream

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Report, contains, equal, expect, title, wait  # noqa: E402

IMAGE = "localhost/keelson/web:1"


def config_map(name, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"of": "python"}),
                              data=data or {"a": "1"})


def deployment(name):
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1DeploymentSpec(
            replicas=0, selector=client.V1LabelSelector(match_labels={"app": name}),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels={"app": name}),
                spec=client.V1PodSpec(containers=[client.V1Container(name="first", image=IMAGE)]))))


def refused(code, reason, function, *arguments, **more):
    """The Status that a call is refused with."""
    try:
        function(*arguments, **more)
    except ApiException as error:
        status = json.loads(error.body)
        equal((error.status, status["reason"]), (code, reason), f"the refusal ({status['message']})")
        return status
    raise AssertionError(f"not refused with {code}")


class Checks:
    def __init__(self, namespace):
        self.namespace = namespace
        self.core, self.apps = client.CoreV1Api(), client.AppsV1Api()

    # --- Without a node ----------------------------------------------------------------------------

    def groups(self):
        """version, groups and resources"""
        contains(client.VersionApi().get_code().git_version, "v1.36", "the version")
        groups = {group.name for group in client.ApisApi().get_api_versions().groups}
        expect({"apps", "batch", "rbac.authorization.k8s.io"} <= groups, f"groups: {groups}")
        names = {resource.name for resource in self.core.get_api_resources().resources}
        expect({"pods", "pods/log", "services/status", "nodes"} <= names, f"resources: {names}")

    def life(self):
        """create, read, replace, delete"""
        made = self.apps.create_namespaced_deployment(self.namespace, deployment("life"))
        equal(made.spec.strategy.type, "RollingUpdate", "the default strategy")

        def replace():
            read = self.apps.read_namespaced_deployment("life", self.namespace)
            equal(read.metadata.uid, made.metadata.uid, "the uid")
            read.spec.min_ready_seconds = 3
            try:
                return self.apps.replace_namespaced_deployment("life", self.namespace, read)
            except ApiException as error:  # The controller writes its status meanwhile.
                equal(error.status, 409, "the code of a refusal")
                return None
        equal(wait(replace, "a replacement").spec.min_ready_seconds, 3, "minReadySeconds")
        self.apps.patch_namespaced_deployment_scale("life", self.namespace, {"spec": {"replicas": 1}})
        equal(self.apps.read_namespaced_deployment_scale("life", self.namespace).spec.replicas, 1, "the scale")
        equal(self.apps.read_namespaced_deployment("life", self.namespace).spec.replicas, 1, "replicas")
        self.apps.delete_namespaced_deployment("life", self.namespace,
                                               body=client.V1DeleteOptions(propagation_policy="Foreground"))
        wait(lambda: not self.apps.list_namespaced_deployment(
            self.namespace, field_selector="metadata.name=life").items, "the Deployment's end")

    def patches(self):
        """JSON, strategic and merge patches"""
        self.apps.create_namespaced_deployment(self.namespace, deployment("patched"))
        second = {"spec": {"template": {"spec": {"containers": [{"name": "second", "image": IMAGE}]}}}}
        # A list goes as a JSON patch, a dictionary as a strategic one.
        now = self.apps.patch_namespaced_deployment(
            "patched", self.namespace, [{"op": "test", "path": "/spec/replicas", "value": 0},
                                        {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}])
        equal(now.metadata.labels, {"a": "b"}, "the labels")
        now = self.apps.patch_namespaced_deployment("patched", self.namespace, second)
        equal(sorted(c.name for c in now.spec.template.spec.containers), ["first", "second"],
              "the containers after a strategic patch")
        resource = dynamic.DynamicClient(client.ApiClient()).resources.get(
            api_version="apps/v1", kind="Deployment")
        now = resource.patch(name="patched", namespace=self.namespace, body=second,
                             content_type="application/merge-patch+json")
        equal([c.name for c in now.spec.template.spec.containers], ["second"],
              "the containers after a merge patch")
        refused(422, "Invalid", self.apps.patch_namespaced_deployment, "patched", self.namespace,
                [{"op": "replace", "path": "/spec/nothing/there", "value": 1}])

    def errors(self):
        """errors are ApiExceptions with code and reason"""
        self.core.create_namespaced_config_map(self.namespace, config_map("once"))
        refused(409, "AlreadyExists", self.core.create_namespaced_config_map, self.namespace,
                config_map("once"))
        refused(404, "NotFound", self.core.read_namespaced_pod, "nobody", self.namespace)
        status = refused(422, "Invalid", self.core.create_namespaced_config_map, self.namespace,
                         config_map("Bad_Name"))
        equal(status["details"]["causes"][0]["field"], "metadata.name", "the field")
        stale = self.core.read_namespaced_config_map("once", self.namespace)
        self.core.patch_namespaced_config_map("once", self.namespace, {"data": {"b": "2"}})
        stale.data = {"c": "3"}
        status = refused(409, "Conflict", self.core.replace_namespaced_config_map, "once", self.namespace,
                         stale)
        contains(status["message"], "the object has been modified", "the message")

    def identities(self):
        """a service account's token: 403 without permission, 401 when it is wrong"""
        token = self.core.create_namespaced_service_account_token(
            "default", self.namespace,
            client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[])))

        def core_as(bearer):
            settings = client.Configuration.get_default_copy()
            settings.cert_file = settings.key_file = None
            settings.api_key = {"authorization": "Bearer " + bearer}
            return client.CoreV1Api(client.ApiClient(settings))
        status = refused(403, "Forbidden", core_as(token.status.token).list_namespaced_secret, self.namespace)
        contains(status["message"], f'User "system:serviceaccount:{self.namespace}:default" cannot list')
        refused(401, "Unauthorized", core_as("a.b.c").list_namespaced_secret, self.namespace)
        review = client.AuthorizationV1Api().create_self_subject_access_review(
            client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(verb="delete", resource="nodes"))))
        expect(review.status.allowed, "the administrator may not delete nodes")

    def pages(self):
        """limit and continue"""
        for i in range(25):
            self.core.create_namespaced_config_map(self.namespace, config_map(f"page-{i:02}"))
        names, sizes, token = [], [], None
        while True:
            page = self.core.list_namespaced_config_map(self.namespace, limit=10, _continue=token)
            names += [item.metadata.name for item in page.items]
            sizes.append(len(page.items))
            token = page.metadata._continue
            if not token:
                break
            equal(page.metadata.remaining_item_count + len(names) >= 25, True, "enough remain")
        # This client writes booleans as Python does.
        expect(len(self.core.list_namespaced_config_map(self.namespace, watch=False).items) >= 25,
               "watch=False did not list")
        equal(names, sorted(names), "the order")
        expect(len(set(names)) == len(names) and set(sizes[:-1]) == {10}, f"pages of {sizes}")
        expect({f"page-{i:02}" for i in range(25)} <= set(names), "items are missing")
        refused(400, "BadRequest", self.core.list_namespaced_config_map, self.namespace, limit=10,
                _continue="nonsense")

    def watches(self):
        """watch from a resourceVersion: every event once and in order"""
        version = self.core.list_namespaced_config_map(self.namespace).metadata.resource_version
        wanted = []

        def change():
            for i in range(5):
                name = f"watched-{i}"
                self.core.create_namespaced_config_map(self.namespace, config_map(name))
                self.core.patch_namespaced_config_map(name, self.namespace, {"data": {"a": "2"}})
                self.core.delete_namespaced_config_map(name, self.namespace)
                wanted.extend([("ADDED", name), ("MODIFIED", name), ("DELETED", name)])
        thread = threading.Thread(target=change)
        thread.start()
        seen, stopping = [], watch.Watch()
        for event in stopping.stream(self.core.list_namespaced_config_map, self.namespace,
                                     resource_version=version, timeout_seconds=30):
            if event["object"].metadata.name.startswith("watched-"):
                seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 15:
                stopping.stop()
        thread.join()
        equal(seen, wanted, "the events")

    def collections(self):
        """delete of a collection by label"""
        for name in ["keep", "drop-1", "drop-2"]:
            body = config_map(name)
            body.metadata.labels["drop"] = str(name.startswith("drop"))
            self.core.create_namespaced_config_map(self.namespace, body)
        self.core.delete_collection_namespaced_config_map(self.namespace, label_selector="drop=True")
        left = self.core.list_namespaced_config_map(self.namespace, label_selector="drop in (True,False)")
        equal([item.metadata.name for item in left.items], ["keep"], "what is left")

    def dynamically(self):
        """the dynamic client finds kinds by discovery"""
        resources = dynamic.DynamicClient(client.ApiClient()).resources
        maps = resources.get(api_version="v1", kind="ConfigMap")
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"a": "1"}}
        maps.create(body=body, namespace=self.namespace)
        equal(maps.get(name="dynamic", namespace=self.namespace).data.a, "1", "the data")
        expect(any(item.metadata.name == "dynamic" for item in maps.get(namespace=self.namespace).items),
               "it is not listed")
        maps.delete(name="dynamic", namespace=self.namespace)
        leases = resources.get(api_version="coordination.k8s.io/v1", kind="Lease")
        equal(leases.namespaced, True, "that leases are namespaced")

    def from_yaml(self):
        """utils.create_from_yaml"""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("apiVersion: v1\nkind: Service\nmetadata: {name: made}\n"
                       "spec: {ports: [{port: 80}], selector: {a: b}}\n---\n"
                       "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: made}\n"
                       "spec:\n  schedule: '@daily'\n  suspend: true\n  jobTemplate: {spec: {template: {spec: "
                       "{restartPolicy: Never, containers: [{name: c, image: x}]}}}}\n")
            file.flush()
            utils.create_from_yaml(client.ApiClient(), file.name, namespace=self.namespace)
        expect(self.core.read_namespaced_service("made", self.namespace).spec.cluster_ip, "no clusterIP")
        equal(client.BatchV1Api().read_namespaced_cron_job("made", self.namespace).spec.schedule, "@daily",
              "the schedule")

    # --- With a node -------------------------------------------------------------------------------

    def pods(self):
        """a pod is run, asked, written into and deleted"""
        self.core.create_namespaced_pod(self.namespace, client.V1Pod(
            metadata=client.V1ObjectMeta(name="python"),
            spec=client.V1PodSpec(termination_grace_period_seconds=0, containers=[
                client.V1Container(name="web", image=IMAGE)])))
        for event in watch.Watch().stream(self.core.list_namespaced_pod, self.namespace, timeout_seconds=60,
                                          field_selector="metadata.name=python"):
            if any(c.type == "Ready" and c.status == "True" for c in event["object"].status.conditions or []):
                break
        self.executes()
        contains(self.core.read_namespaced_pod_log("python", self.namespace), "listens on port 8080", "the log")
        following = self.core.read_namespaced_pod_log("python", self.namespace, follow=True,
                                                      _preload_content=False)
        contains(following.readline().decode(), "listens on port 8080", "the followed log")
        following.close()
        forward = portforward(self.core.connect_get_namespaced_pod_portforward, "python", self.namespace,
                              ports="8080")
        with contextlib.closing(forward.socket(8080)) as socket:
            socket.settimeout(20)
            socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := socket.recv(4096):
                answer += part
        contains(answer.decode(), "python web 1", "the answer through port-forward")
        self.core.delete_namespaced_pod("python", self.namespace)
        wait(lambda: not self.core.list_namespaced_pod(self.namespace).items, "the pod's end")

    def executes(self):
        def run(*command, **more):
            return stream(self.core.connect_get_namespaced_pod_exec, "python", self.namespace,
                          command=list(command), stderr=True, stdout=True, tty=False,
                          **{"stdin": False, **more})
        equal(run("sh", "-c", "echo out; hostname"), "out\npython\n", "what exec prints")
        session = run("sh", "-c", "echo to-error >&2; read line; echo got $line; exit 7", stdin=True,
                      _preload_content=False)
        session.write_stdin("hello\n")
        session.run_forever(timeout=20)
        expect(not session.is_open(), "the command has not ended")
        equal((session.read_stdout(), session.read_stderr(), session.returncode),
              ("got hello\n", "to-error\n", 7), "output, errors and exit code")


API = [Checks.groups, Checks.life, Checks.patches, Checks.errors, Checks.identities, Checks.pages,
       Checks.watches, Checks.collections, Checks.dynamically, Checks.from_yaml]


def main():
    kubeconfig, namespace, which = sys.argv[1:]
    # The dynamic client keeps what it discovers in a file of the folder for temporary ones.
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        config.load_kube_config(kubeconfig)
        report, checks = Report(), Checks(namespace)
        for check in API if which == "api" else [Checks.pods]:
            report.check(title(check), check, checks)
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
