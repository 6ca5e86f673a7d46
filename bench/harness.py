# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: a server in a folder of its own, requests to it, what its process
uses, load programs that must not fail, and tables.

Every server is ended and its folder removed when its `with` block ends, also by an error or a signal;
should this program be killed, the kernel ends the server.

Environment: KEELSON_BUILD (build/release), KEELSON_BENCH_DATA, a folder on the disk to measure
(/var/lib; kept short, since sockets lie below it), KEELSON_BENCH_PORT, the first port to try (18443),
KEELSON_BENCH_NO_CLUSTER, which leaves out what needs root and containerd.
"""
import argparse
import base64
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("KEELSON_BUILD", os.path.join(ROOT, "build/release"))
DATA = os.environ.get("KEELSON_BENCH_DATA", "/var/lib")
FIRST_PORT = int(os.environ.get("KEELSON_BENCH_PORT", "18443"))
KEELSON = os.path.join(BUILD, "bin/keelson")
NO_CLUSTER = bool(os.environ.get("KEELSON_BENCH_NO_CLUSTER"))
API_LOAD = os.path.join(BUILD, "bin/api_load")
NAMESPACE = "/api/v1/namespaces/bench"
PR_SET_PDEATHSIG = 1


class BenchError(Exception):
    """The benchmark could not be made, or its load was not answered as it should be."""


# --- Running programs ---------------------------------------------------------------------------

def _end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(argv, timeout, stdin=None):
    """The output of a program. Fails if it fails or takes longer than `timeout` seconds."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, input=stdin,
                              preexec_fn=_end_with_parent)
    except FileNotFoundError:
        raise BenchError(f"{argv[0]} is missing: scripts/packages bench")
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(argv[:3])}... took longer than {timeout} s")
    if done.returncode != 0:
        raise BenchError(f"{' '.join(argv[:3])}... failed:\n{done.stderr[-2000:]}{done.stdout[-2000:]}")
    return done.stdout


def free_port():
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue
    raise BenchError(f"no free port from {FIRST_PORT} on")


# --- What a process uses ------------------------------------------------------------------------

class Usage:
    """Of a process, all its threads together, at one moment."""

    def __init__(self, pid):
        self.time = time.monotonic()
        ticks = os.sysconf("SC_CLK_TCK")
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        self.cpu_seconds = (int(fields[11]) + int(fields[12])) / ticks
        status = _fields(f"/proc/{pid}/status")
        self.rss_mb = int(status["VmRSS"].split()[0]) / 1024
        self.anonymous_mb = int(status["RssAnon"].split()[0]) / 1024
        self.threads = int(status["Threads"])
        self.written_bytes = int(_fields(f"/proc/{pid}/io")["write_bytes"])
        self.switches = {}
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                of_task = _fields(f"/proc/{pid}/task/{task}/status")
            except FileNotFoundError:
                continue
            self.switches[task] = int(of_task["voluntary_ctxt_switches"])

    def wakeups_since(self, before):
        return sum(count - before.switches.get(task, 0) for task, count in self.switches.items())


def _fields(path):
    with open(path) as lines:
        return dict(line.split(":", 1) for line in lines if ":" in line)


# --- The API ------------------------------------------------------------------------------------

class Api:
    """Requests with the administrator's certificate, over one connection."""

    def __init__(self, kubeconfig):
        with open(kubeconfig) as text:
            config = text.read()

        def entry(name):
            return re.search(name + r'"?:\s*"?([^\s",]+)', config).group(1)

        self.host, port = entry("server").rsplit("/", 1)[1].rsplit(":", 1)
        self.port = int(port)
        self.ssl = ssl.create_default_context(
            cadata=base64.b64decode(entry("certificate-authority-data")).decode())
        with tempfile.NamedTemporaryFile() as pem:
            pem.write(base64.b64decode(entry("client-certificate-data")) +
                      base64.b64decode(entry("client-key-data")))
            pem.flush()
            self.ssl.load_cert_chain(pem.name)
        self.connection = self._connect(60)

    def _connect(self, timeout):
        return http.client.HTTPSConnection(self.host, self.port, context=self.ssl, timeout=timeout)

    def request(self, method, path, body=None, headers=None, expect=(200, 201, 202)):
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = json.dumps(body)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in expect:
            raise BenchError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text) if text.startswith(b"{") else text

    def get(self, path):
        return self.request("GET", path)

    def create(self, path, body):
        return self.request("POST", path, body)

    def delete(self, path, options=None):
        return self.request("DELETE", path, options)

    def revision(self):
        return int(self.get("/api/v1/namespaces?limit=1")["metadata"]["resourceVersion"])

    def watch(self, path, timeout, revision=None):
        """Events as they come, for at most `timeout` seconds in all."""
        deadline = time.monotonic() + timeout
        connection = self._connect(timeout)
        try:
            query = ("&" if "?" in path else "?") + "watch=1"
            if revision is not None:
                query += f"&resourceVersion={revision}"
            connection.request("GET", path + query)
            answer = connection.getresponse()
            if answer.status != 200:
                raise BenchError(f"watch {path}: {answer.status} {answer.read()}")
            while True:
                line = answer.readline()
                if not line:
                    raise BenchError(f"the watch of {path} ended")
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise BenchError(f"watch {path}: {line}")
                yield event
                if time.monotonic() > deadline:
                    break
        except TimeoutError:
            pass
        finally:
            connection.close()
        raise BenchError(f"what was waited for in {path} did not come within {timeout} s")

    def wait(self, path, timeout, wanted, revision=None):
        """Waits for the first event that `wanted(event)` accepts."""
        for event in self.watch(path, timeout, revision):
            if wanted(event):
                return event

    def make_namespace(self):
        """The namespace "bench", usable for pods, and a token with all rights in the cluster."""
        self.create("/api/v1/namespaces", {"metadata": {"name": "bench"}})
        self.wait(NAMESPACE + "/serviceaccounts", 30,
                  lambda event: event["object"]["metadata"]["name"] == "default")
        self.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "metadata": {"name": "bench"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                        "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "bench"}]})
        asked = self.create(NAMESPACE + "/serviceaccounts/default/token",
                            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                             "spec": {"expirationSeconds": 7200}})
        return asked["status"]["token"]


# --- Servers ------------------------------------------------------------------------------------

class Server:
    """`keelson server` in a folder of its own; the control plane only."""

    flags = ["--disable-agent"]

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kb", dir=DATA)
        self.port = free_port()
        self.kubeconfig = os.path.join(self.folder, "kubeconfig")
        self.url = f"https://127.0.0.1:{self.port}"
        self.process = None
        self.api = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clean()

    def spawn(self):
        """Starts the program; returns when that was, by the monotonic clock."""
        if not os.path.exists(KEELSON):
            raise BenchError(f"{KEELSON} is missing: scripts/build release keelson images bench")
        with open(os.path.join(self.folder, "server.log"), "ab") as log:
            start = time.monotonic()
            self.process = subprocess.Popen(
                [KEELSON, "server", "--data-dir", self.folder, "--https-listen-port", str(self.port),
                 "--write-kubeconfig", self.kubeconfig, *self.flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=_end_with_parent)
        return start

    def wait_ready(self, timeout=60):
        """Asks /readyz, again and again, until it says 200; returns when that was."""
        anybody = ssl._create_unverified_context()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=anybody, timeout=5)
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return time.monotonic()
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.001)  # Nothing tells when the port opens.
        raise BenchError("the server did not become ready:\n" + self.tail())

    def start(self):
        """Until it can be used; returns the seconds to /readyz."""
        start = self.spawn()
        seconds = self.wait_ready() - start
        self.open_api()
        return seconds

    def open_api(self):
        """Once the server is ready; the file that says how comes a moment later."""
        deadline = time.monotonic() + 10
        while not os.path.exists(self.kubeconfig) and time.monotonic() < deadline:
            time.sleep(0.001)
        self.api = Api(self.kubeconfig)
        return self.api

    def stop(self):
        if not self.process or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BenchError("SIGTERM did not end the server within 20 s")

    def clean(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def usage(self):
        return Usage(self.process.pid)

    def tail(self):
        with open(os.path.join(self.folder, "server.log"), errors="replace") as log:
            return "".join(log.readlines()[-20:])


class Cluster(Server):
    """Everything: a containerd of its own, with the images in it, and a node. Only one at a time
    can be on a machine, since its interface and rules have fixed names."""

    def __init__(self):
        if os.geteuid() != 0:
            raise BenchError("a node needs root")
        if os.path.exists("/sys/class/net/keelson0"):
            raise BenchError("another cluster runs on this machine: the interface keelson0 exists")
        super().__init__()
        self.environment = dict(os.environ, KEELSON_DATA=self.folder)
        self.socket = os.path.join(self.folder, "containerd/containerd.sock")
        self.flags = ["--container-runtime-endpoint", "unix://" + self.socket, "--node-name", "bench"]

    def __enter__(self):
        try:
            self.start_runtime()
        except BaseException:
            self.clean()
            raise
        return self

    def start_runtime(self):
        run_quietly([os.path.join(ROOT, "scripts/containerd"), "start", self.folder], 60)
        images = os.path.join(BUILD, "images")
        for archive in sorted(os.listdir(images)):
            if archive.endswith(".tar"):
                run(["ctr", "-a", self.socket, "-n", "k8s.io", "images", "import",
                     os.path.join(images, archive)], 60)

    def node_ready(self, timeout=60):
        """When the node was first seen Ready."""
        self.api.wait("/api/v1/nodes", timeout, is_ready)
        return time.monotonic()

    def clean(self):
        try:
            self.stop()
        finally:
            run_quietly([os.path.join(ROOT, "down")], 120, self.environment)


def run_quietly(argv, timeout, environment=None):
    """For scripts that leave daemons behind, which would hold a pipe open."""
    with tempfile.TemporaryFile() as out:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=timeout,
                              env=environment)
        if done.returncode != 0:
            out.seek(0)
            raise BenchError(f"{argv[0]} failed: {out.read().decode(errors='replace')[-2000:]}")


def is_ready(event):
    """Whether a pod's or node's event says that it is Ready."""
    return any(condition["type"] == "Ready" and condition["status"] == "True"
               for condition in event["object"].get("status", {}).get("conditions", []))


# --- Load ---------------------------------------------------------------------------------------

def api_load(server, *arguments, timeout=200):
    return json.loads(run([API_LOAD, server.kubeconfig, *map(str, arguments)], timeout))


def h2load(server, path, token, clients, streams, seconds):
    """Answers a second. Every one has to be 2xx."""
    out = run(["h2load", "-t1", f"-c{clients}", f"-m{streams}", "-D", str(seconds),
               "--warm-up-time", "1", "-H", f"Authorization: Bearer {token}", server.url + path],
              seconds + 60)
    rate = re.search(r"finished in [\d.]+m?s, ([\d.]+) req/s", out)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
    requests = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", out)
    if not rate or not codes or not requests:
        raise BenchError("h2load said something else:\n" + out)
    if int(codes[1]) == 0 or any(int(n) for n in codes.groups()[1:] + requests.groups()):
        raise BenchError("not every request was answered well:\n" + out)
    return float(rate[1])


def wrk(server, path, token, script, threads, connections, seconds):
    """Answers a second. Every one has to be 2xx."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script)
        lua.flush()
        out = run(["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "-s", lua.name,
                   "-H", f"Authorization: Bearer {token}", server.url + path], seconds + 60)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if not rate or "Non-2xx" in out or "Socket errors" in out or float(rate[1]) == 0:
        raise BenchError("not every request was answered well:\n" + out)
    return float(rate[1])


class Measured:
    """What the server uses while something is done: `with Measured(server) as used: ...`"""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.before = self.server.usage()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        after = self.server.usage()
        self.seconds = after.time - self.before.time
        self.cpu_seconds = after.cpu_seconds - self.before.cpu_seconds
        self.wakeups = after.wakeups_since(self.before)
        self.written_bytes = after.written_bytes - self.before.written_bytes
        self.rss_mb = after.rss_mb - self.before.rss_mb
        self.after = after

    @property
    def cores(self):
        return self.cpu_seconds / self.seconds


# --- Tables -------------------------------------------------------------------------------------

def fdatasync_ms(folder):
    """How long the disk takes to keep 4 KiB: the median of 50."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(50):
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            start = time.monotonic()
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - start) * 1000)
    return statistics.median(times)


def processor():
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    return os.uname().machine


class Table:
    """Prints its head at once, its rows when all is measured; rows say whether a budget is kept."""

    def __init__(self, title):
        self.title = title
        self.rows = []
        self.load = os.getloadavg()[0]
        self.sync = fdatasync_ms(DATA)

    def row(self, what, measured, unit="", budget=None, upstream="", most=None, least=None):
        """`budget` is its text; `most` or `least` is the number that `measured` is held to."""
        kept = ""
        if most is not None:
            kept = "yes" if measured <= most else "**no**"
        if least is not None:
            kept = "yes" if measured >= least else "**no**"
        self.rows.append([what, f"{number(measured)} {unit}".strip(), budget or "", kept, upstream])

    def print(self):
        heads = ["what", "measured", "budget", "kept", "upstream"]
        print(f"\n### {self.title}\n")
        print(f"{os.cpu_count()} cores ({processor()}), Linux {os.uname().release.split('-')[0]}, load "
              f"{self.load:.2f} before, fdatasync {self.sync:.2f} ms, "
              f"{os.path.basename(BUILD)} build.\n")
        print("| " + " | ".join(heads) + " |")
        print("|" + " --- |" * len(heads))
        for row in self.rows:
            print("| " + " | ".join(row) + " |")
        sys.stdout.flush()


def number(value):
    if not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def main(benchmark, description):
    """Runs `benchmark(fast)`; errors end the program with 1 after everything is cleaned up."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--fast", action="store_true", help="less of everything, for a first look")
    options = parser.parse_args()

    def end(number, _frame):
        raise SystemExit(128 + number)

    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, end)
    os.umask(0o077)
    try:
        benchmark(options.fast)
    except BenchError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        sys.exit(1)
