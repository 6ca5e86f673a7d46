# SPDX-License-Identifier: Apache-2.0
"""What containers find: environment, volumes, rights, names."""
import base64
import json
import os

from harness import contains, equal, expect, wait
from pods import create, execute, get, idle, output, pod, shell, status, wait_ready

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"},
          "data": {"colour": "green", "file.txt": "text of the file\n"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "secret"},
          "stringData": {"password": "hush"}}


def environment(c):
    """env from ConfigMap, Secret, fields and resources, with $(VAR)"""
    def field(path):
        return {"valueFrom": {"fieldRef": {"fieldPath": path}}}
    variables = [
        {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "config", "key": "colour"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "password"}}},
        {"name": "OPTIONAL", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "a", "optional": True}}},
        {"name": "NAME", **field("metadata.name")}, {"name": "SPACE", **field("metadata.namespace")},
        {"name": "LABEL", **field("metadata.labels['app']")}, {"name": "IP", **field("status.podIP")},
        {"name": "HOST_IP", **field("status.hostIP")}, {"name": "NODE", **field("spec.nodeName")},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "requests.memory"}}},
        {"name": "SUM", "value": "$(COLOUR)-$(PASSWORD)-$$(COLOUR)-$(NOTHING)"}]
    resources = {"limits": {"cpu": "250m", "memory": "64Mi"}, "requests": {"memory": "32Mi"}}
    container = shell("env; echo ARGS=$0 $1", env=variables, resources=resources,
                      envFrom=[{"configMapRef": {"name": "config"}, "prefix": "ALL_"},
                               {"secretRef": {"name": "secret"}}],
                      args=["$(NAME)", "$$(NAME)"])
    nothing = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "a"}}}
    create(c, CONFIG, SECRET, pod("env", container, labels={"app": "printer"}, restartPolicy="Never"),
           pod("lacking", idle(env=[nothing])))
    seen = dict(line.split("=", 1) for line in output(c, "env").splitlines())
    now = get(c, "env")
    wanted = {"COLOUR": "green", "PASSWORD": "hush", "NAME": "env", "SPACE": c.namespace, "LABEL": "printer",
              "IP": now["status"]["podIP"], "HOST_IP": now["status"]["hostIP"], "NODE": now["spec"]["nodeName"],
              "CPU": "250", "MEMORY": str(32 << 20), "SUM": "green-hush-$(COLOUR)-$(NOTHING)",
              "ALL_colour": "green",
              "password": "hush", "ARGS": "env $(NAME)", "KUBERNETES_SERVICE_PORT": "443", "HOSTNAME": "env"}
    equal({name: seen.get(name) for name in wanted}, wanted, "the environment")
    expect("OPTIONAL" not in seen, "an optional variable is there")
    wait(lambda: "CreateContainerConfigError" in c.kubectl("get", "pod", "lacking"), "a refusal to create it")
    contains(status(c, "lacking")["state"]["waiting"]["message"], 'secret "none" not found', "the message")


def volumes(c):
    """volumes of every kind, and a ConfigMap that changes while the pod runs"""
    folder = os.path.join(c.server.folder, c.namespace)
    os.makedirs(folder)
    with open(folder + "/given", "w") as file:
        file.write("from the host")
    mounts = {"memory": "/memory", "host": "/host", "config": "/config", "secret": "/secret", "about": "/about",
              "token": "/token"}
    container = idle(volumeMounts=[{"name": name, "mountPath": path} for name, path in mounts.items()] +
                     [{"name": "config", "mountPath": "/etc/single", "subPath": "file.txt"}])
    projected = [{"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 600}},
                 {"configMap": {"name": "kube-root-ca.crt"}}]
    create(c, CONFIG, SECRET, pod("volumes", container, labels={"app": "first"}, volumes=[
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "host", "hostPath": {"path": folder}},
        {"name": "config", "configMap": {"name": "config"}},
        {"name": "secret", "secret": {"secretName": "secret", "defaultMode": 0o400,
                                      "items": [{"key": "password", "path": "deep/word"}]}},
        {"name": "about", "downwardAPI": {"items": [
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu"}}]}},
        {"name": "token", "projected": {"sources": projected}}]))
    wait_ready(c, "volumes")

    def read(path):
        return execute(c, "volumes", "cat", path)
    equal(read("/config/colour"), "green", "the ConfigMap's file")
    equal(read("/etc/single"), "text of the file\n", "a single file")
    equal(read("/secret/deep/word"), "hush", "the secret's file")
    contains(execute(c, "volumes", "stat", "-L", "-c", "%a", "/secret/deep/word"), "400", "its mode")
    equal(read("/about/labels"), 'app="first"', "the labels")
    equal(read("/host/given"), "from the host", "the host's file")
    execute(c, "volumes", "sh", "-c", "echo back >/host/taken")
    with open(folder + "/taken") as file:
        equal(file.read(), "back\n", "what the container wrote")
    mounted = read("/proc/mounts")
    contains([line for line in mounted.splitlines() if " /memory " in line][0], "tmpfs", "the mount of /memory")
    contains([line for line in mounted.splitlines() if " /secret " in line][0], "tmpfs", "the mount of /secret")
    payload = read("/token/token").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    equal((claims["aud"], claims["sub"], claims["kubernetes.io"]["pod"]["name"]),
          (["vault"], f"system:serviceaccount:{c.namespace}:default", "volumes"), "the token's claims")
    expect(500 <= claims["exp"] - claims["iat"] <= 700, f"it is valid for {claims['exp'] - claims['iat']} s")
    contains(read("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"), "BEGIN CERTIFICATE", "the CA")
    equal(read("/var/run/secrets/kubernetes.io/serviceaccount/namespace"), c.namespace, "the namespace")

    c.kubectl("patch", "configmap", "config", "--type=merge", "-p", '{"data":{"colour":"red"}}')
    c.kubectl("label", "pod", "volumes", "app=second", "--overwrite")
    wait(lambda: read("/config/colour") == "red", "the changed ConfigMap", 120, 1)
    wait(lambda: read("/about/labels") == 'app="second"', "the changed labels", 120, 1)


def rights(c):
    """users, groups, capabilities, a root that cannot be written, privileges"""
    secure = {"runAsUser": 1234, "runAsGroup": 2345, "capabilities": {"drop": ["ALL"]},
              "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False}
    show = ("id -u; id -g; id -G; grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status; "
            "touch /x || echo read-only")
    create(c, pod("few", shell(show + "; touch /data/x && stat -c %g /data/x", securityContext=secure,
                               volumeMounts=[{"name": "data", "mountPath": "/data"}]),
                  volumes=[{"name": "data", "emptyDir": {}}], restartPolicy="Never",
                  securityContext={"fsGroup": 3456, "supplementalGroups": [4567]}),
           pod("some", shell(show, securityContext={"capabilities": {"add": ["NET_ADMIN"], "drop": ["CHOWN"]}}),
               restartPolicy="Never"),
           pod("all", shell(show, securityContext={"privileged": True}), restartPolicy="Never"),
           pod("root", idle(securityContext={"runAsNonRoot": True})))
    few = output(c, "few").split("\n")
    equal(few[:2], ["1234", "2345"], "user and group")
    equal(set(few[2].split()), {"2345", "3456", "4567"}, "the groups")
    text = "\n".join(few)
    for part in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "read-only", "3456"]:
        contains(text, part, "what the pod of few rights prints")

    def effective(name):
        return int(output(c, name).split("CapEff:\t")[1].split()[0], 16)
    some = effective("some")
    equal((some >> 12 & 1, some & 1), (1, 0), "NET_ADMIN and CHOWN")
    expect(effective("all").bit_count() > some.bit_count() + 10, "a privileged container has few capabilities")
    wait(lambda: "CreateContainerConfigError" in c.kubectl("get", "pod", "root"), "a refusal to create it")
    contains(status(c, "root")["state"]["waiting"]["message"],
             "container has runAsNonRoot and image will run as root", "the message")


def names(c):
    """host network, DNS policies, host aliases, host names, shared processes"""
    show = "hostname; hostname -f; cat /etc/resolv.conf /etc/hosts"
    create(c, pod("host", shell("ip -o link; " + show), hostNetwork=True, restartPolicy="Never"),
           pod("cluster", shell(show), restartPolicy="Never", hostname="named", subdomain="below",
               hostAliases=[{"ip": "192.0.2.1", "hostnames": ["other.example"]}]),
           pod("own", shell(show), dnsPolicy="None", restartPolicy="Never",
               dnsConfig={"nameservers": ["192.0.2.53"], "searches": ["example.org"],
                          "options": [{"name": "ndots", "value": "2"}]}),
           pod("default", shell(show), dnsPolicy="Default", restartPolicy="Never"),
           pod("shared", shell("until ps -o args | grep -q '[t]rap'; do sleep 0.1; done; ps -o args", "one"),
               idle("two"), shareProcessNamespace=True, restartPolicy="Never"))
    cluster = output(c, "cluster")
    equal(cluster.split("\n")[:2], ["named", f"named.below.{c.namespace}.svc.cluster.local"], "the host names")
    contains(cluster, f"search {c.namespace}.svc.cluster.local svc.cluster.local cluster.local")
    contains(cluster, "options ndots:5")
    contains(cluster, "192.0.2.1\tother.example")
    own = output(c, "own")
    contains(own, "search example.org\nnameserver 192.0.2.53\noptions ndots:2\n")
    expect("cluster.local" not in output(c, "default"), "dnsPolicy Default asks the cluster")
    host = output(c, "host")
    contains(host, "keelson0", "the interfaces of the host")
    now = get(c, "host")["status"]
    equal(now["podIP"], now["hostIP"], "the address of a pod in the host's network")
    wait(lambda: "terminated" in status(c, "shared", "one")["state"], "the end of one")
    contains(c.kubectl("logs", "shared", "-c", "one"), "trap", "the processes seen")


CHECKS = [environment, volumes, rights, names]
