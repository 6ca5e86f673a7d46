# SPDX-License-Identifier: Apache-2.0
"""What the checks of a running cluster share: servers, kubectl, and lines that ./test counts."""
import concurrent.futures
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid


class Failed(AssertionError):
    pass


def expect(condition, message):
    if not condition:
        raise Failed(message)


def equal(actual, wanted, what):
    expect(actual == wanted, f"{what} is {actual!r}, not {wanted!r}")


def contains(text, part, what="the output"):
    expect(part in text, f"{what} has no {part!r}: {text[-600:]!r}")


def wait(condition, what, seconds=30, period=0.2):
    """What `condition` answers, as soon as that is true. An expectation that fails is asked again."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            if answer := condition():
                return answer
        except Failed as error:
            last = error
        if time.monotonic() >= deadline:
            raise Failed(f"timed out waiting for {what}" + (f": {last}" if last else ""))
        time.sleep(period)


def tail(path):
    """The last lines of a log."""
    try:
        with open(path, errors="replace") as log:
            return "".join(log.readlines()[-40:])
    except OSError:
        return ""


def findings(path):
    """What sanitizers wrote into a log, also before a kill -9."""
    with open(path, errors="replace") as log:
        return [line.strip() for line in log if "Sanitizer: " in line or ": runtime error: " in line]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def since(version):
    """Marks a check that older kubectls cannot do: with those it is not run, and not counted."""
    def mark(check):
        check.since = tuple(int(part) for part in version.split("."))
        return check
    return mark


class Report:
    """Prints a line for each check, and counts the failures. Threads may share it."""

    def __init__(self, only=""):
        self.only, self.failures = only, 0
        self.lock = threading.Lock()

    def say(self, line):
        with self.lock:
            print(line, flush=True)

    def failed(self, name, text):
        with self.lock:
            self.failures += 1
            print(f"FAILED - {name}: {text}", flush=True)

    def check(self, name, function, *arguments):
        if self.only and self.only not in name:
            return
        try:
            function(*arguments)
            self.say("ok - " + name)
        except Exception as error:  # Whatever goes wrong is a failed check.
            text = "; ".join("".join(traceback.format_exception_only(type(error), error)).split("\n")[:12])
            frames = traceback.extract_tb(error.__traceback__)
            # The line of the check itself tells more than that of the helper it called.
            own = [f for f in frames if os.path.basename(f.filename) != "harness.py"] or frames
            self.failed(name, f"{text} ({os.path.basename(own[-1].filename)}:{own[-1].lineno})")

    def together(self, jobs, workers):
        """Runs (function, arguments...) tuples, up to `workers` at a time, in order."""
        def run(function, *arguments):
            try:
                function(*arguments)
            except Exception as error:
                self.failed(f"{function.__name__} could be run", repr(error)[:1000])
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for job in jobs:
                pool.submit(run, *job)

    def program(self, label, command, seconds=180):
        """Runs a program that prints such lines itself; its lines are named after `label`."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            self.failed(label, f"not done after {seconds} s: {error.stdout} {error.stderr}"[-1500:])
            return
        lines = [line for line in done.stdout.splitlines() if re.match(r"ok - |FAILED - ", line)]
        for line in lines:
            word, name = line.split(" - ", 1)
            name = f"{label}: {name}"
            if self.only and self.only not in name:
                continue
            with self.lock:
                self.failures += word != "ok"
            self.say(f"{word} - {name}")
        if not lines or (done.returncode != 0 and not any(line.startswith("FAILED") for line in lines)):
            self.failed(label, f"exit code {done.returncode}: {done.stderr[-1500:]}")


class Server:
    """`keelson server --disable-agent` in a folder of its own."""

    def __init__(self, program):
        self.program = os.path.abspath(program)
        # Sanitizers keep what is freed; bounds on memory say nothing with them.
        self.sanitized = any(f"/{preset}/" in self.program for preset in ("asan", "tsan"))
        self.folder = tempfile.mkdtemp(prefix="keelson-it-")
        self.port = free_port()
        self.kubeconfig = os.path.join(self.folder, "kubeconfig")
        self.process = None

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "server", "--disable-agent", "--data-dir", self.folder,
                 "--bind-address", "127.0.0.1", "--https-listen-port", str(self.port),
                 "--write-kubeconfig", self.kubeconfig],
                stdout=log, stderr=log, start_new_session=True)
        try:
            wait(self.ready, "the server", 60, 0.1)
        except Failed as error:
            raise RuntimeError("the server did not become ready:\n" + self.tail()) from error

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("the server ended:\n" + self.tail())
        return os.path.exists(self.kubeconfig) and subprocess.run(
            ["kubectl", "--kubeconfig", self.kubeconfig, "get", "--raw", "/readyz"],
            capture_output=True).returncode == 0

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def tail(self):
        return tail(os.path.join(self.folder, "log"))

    def findings(self):
        return findings(os.path.join(self.folder, "log"))

    def clean(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Kubectl:
    """A kubectl program and the version it says it has, such as (1, 20)."""

    def __init__(self, path):
        self.path = path
        out = subprocess.run([path, "version", "--client", "-o", "json"], capture_output=True, text=True)
        version = json.loads(out.stdout)["clientVersion"]["gitVersion"]
        self.version = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        self.name = ".".join(map(str, self.version))


def kubectls():
    """The kubectl on PATH, and those that lie beside what it is a link to (kubectl.1.27 and so on)."""
    default = shutil.which("kubectl")
    beside = os.path.dirname(os.path.realpath(default))
    found = {}
    for path in [default, *sorted(glob.glob(beside + "/kubectl.1.*"))]:
        kubectl = Kubectl(path)
        found.setdefault(kubectl.version, kubectl)
    return list(found.values())


class Cluster:
    """One kubectl against a cluster, in a namespace of the check's own, which goes with `with`."""

    def __init__(self, server, kubectl):
        self.server, self.program, self.version = server, kubectl.path, kubectl.version
        self.namespace = "t-" + uuid.uuid4().hex[:8]
        self.kubectl("create", "namespace", self.namespace, namespaced=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("delete", "namespace", self.namespace, "--wait=false", namespaced=False)

    def command(self, *arguments, namespaced=True):
        where = ["-n", self.namespace] if namespaced else []
        return [self.program, "--kubeconfig", self.server.kubeconfig, *where, *arguments]

    def environment(self, **more):
        return {**os.environ, "HOME": self.server.folder, **more}

    def run(self, *arguments, stdin=None, namespaced=True, seconds=60, **environment):
        return subprocess.run(self.command(*arguments, namespaced=namespaced), input=stdin,
                              capture_output=True, text=True, timeout=seconds,
                              env=self.environment(**environment))

    def kubectl(self, *arguments, stdin=None, namespaced=True, seconds=60):
        done = self.run(*arguments, stdin=stdin, namespaced=namespaced, seconds=seconds)
        expect(done.returncode == 0,
               f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def background(self, *arguments, **options):
        """A kubectl that goes on; use it in a `with` of closing()."""
        return Background(subprocess.Popen(self.command(*arguments), text=True, env=self.environment(),
                                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options))

    def refused(self, *arguments, stdin=None, text=""):
        done = self.run(*arguments, stdin=stdin)
        expect(done.returncode != 0, f"kubectl {' '.join(arguments)} should have failed")
        expect(text in done.stderr + done.stdout,
               f"kubectl {' '.join(arguments)} said: {done.stderr.strip()}")

    def json(self, *arguments):
        return json.loads(self.kubectl(*arguments, "-o", "json"))

    def path(self, path, *arguments):
        """One value of an object, by jsonpath."""
        return self.kubectl("get", *arguments, "-o", "jsonpath=" + path)


class Background:
    """A program that runs beside the check and ends with it; its lines are read as they come."""

    def __init__(self, process):
        self.process, self.lines = process, []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def line(self, part, seconds=30):
        """The first line with `part` in it, once it has come."""
        def found():
            return next((line for line in self.lines if part in line), None)
        with self.changed:
            expect(self.changed.wait_for(found, seconds), f"no line with {part!r} in {self.lines[-20:]}")
            return found()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join(10)
        self.process.stdout.close()


def applicable(checks, kubectl):
    return [check for check in checks if kubectl.version >= getattr(check, "since", (1, 0))]


def title(check):
    return check.__doc__.strip().splitlines()[0]


def python_with(module):
    """A Python that has `module`: Debian's packages belong to Debian's, which another may hide."""
    for path in [sys.executable, "/usr/bin/python3"]:
        if subprocess.run([path, "-c", "import " + module], capture_output=True).returncode == 0:
            return path
    return None
