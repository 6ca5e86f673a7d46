# SPDX-License-Identifier: Apache-2.0
"""Connections that mean no good. After each check the server answers, and neither its memory nor its
descriptors have grown."""
import contextlib
import json
import os
import random
import select
import ssl
import struct
import time

import raw
from checks_bad_input import MERGE_PATCH, STRATEGIC_PATCH, YAML, config_map, maps
from harness import equal, expect, wait

GROWTH_MAX = 64 << 20  # Bytes; what allocators keep after a burst is well below.


@contextlib.contextmanager
def unharmed(c, growth_max=GROWTH_MAX):
    server = c.server
    memory, descriptors = server.resident_bytes(), server.descriptors()
    yield
    equal(c.kubectl("get", "--raw", "/readyz"), "ok", "/readyz")
    # What kubectl used itself may still be open.
    wait(lambda: server.descriptors() <= descriptors + 10,
         f"{server.descriptors()} descriptors to become {descriptors} again", 40)
    if not server.sanitized:
        growth = server.resident_bytes() - memory
        expect(growth < growth_max, f"memory grew by {growth >> 20} MiB from {memory >> 20} MiB")


def answered(c, request):
    """The first line of the answer to HTTP/1.1 bytes; empty if the connection just ended."""
    with raw.secure(c.server.port) as stream:
        with contextlib.suppress(OSError):
            stream.sendall(request)
        answer = raw.read_to_end(stream)
    expect(answer is not None, f"no end after {request[:60]!r}")
    return answer.split(b"\r\n")[0].decode(errors="replace")


def garbage(c):
    """garbage and half-open connections on the TLS port"""
    with unharmed(c):
        for data in [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 40, b"\x16\x03\x01\xff\xff" + b"a" * 100,
                     b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", os.urandom(100_000), b"\x80\x2e\x01\x03\x00"]:
            with raw.connect(c.server.port) as stream, contextlib.suppress(OSError):
                stream.sendall(data)
        with contextlib.ExitStack() as open_ones:
            for _ in range(200):
                open_ones.enter_context(raw.connect(c.server.port))
            equal(c.kubectl("get", "--raw", "/readyz"), "ok", "/readyz beside 200 silent connections")
        with contextlib.ExitStack() as open_ones:
            for _ in range(100):
                open_ones.enter_context(raw.secure(c.server.port))
            equal(c.kubectl("get", "--raw", "/readyz"), "ok", "/readyz beside 100 idle connections")


def slow(c):
    """handshakes never finished and headers fed in drips are ended by the server"""
    hello = ssl.MemoryBIO()
    client = raw.anybody().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    first = hello.read()
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(raw.connect(c.server.port)) for _ in range(20)]
        half = [stack.enter_context(raw.connect(c.server.port)) for _ in range(20)]
        for stream in half:
            stream.sendall(first[:len(first) // 2])
        drips = [stack.enter_context(raw.secure(c.server.port)) for _ in range(10)]
        for stream in drips:
            stream.sendall(b"GET /healthz HTTP/1.1\r\n")
        preface = [stack.enter_context(raw.secure(c.server.port, protocols=["h2"])) for _ in range(5)]
        for stream in preface:
            stream.sendall(raw.PREFACE[:10])
        open_ones = {*silent, *half, *drips, *preface}
        deadline = time.monotonic() + 60
        while open_ones and time.monotonic() < deadline:
            for stream in open_ones.intersection(drips):
                with contextlib.suppress(OSError):
                    stream.sendall(b"a")
            for stream in select.select(list(open_ones), [], [], 0.5)[0]:
                try:
                    ended = not stream.recv(4096)
                except OSError:
                    ended = True
                if ended:
                    open_ones.remove(stream)
        left = {name: len(open_ones.intersection(group)) for name, group in
                [("silent", silent), ("half a hello", half), ("drips", drips), ("half a preface", preface)]}
        expect(not open_ones, f"still open after a minute: {left}")


def http1(c):
    """HTTP/1.1 that must not be understood"""
    with unharmed(c):
        head = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        equal(answered(c, head + b"\r\n"), "HTTP/1.1 200 OK", "a request in good order")
        post = b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        for request in [
                b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 2000 + b"X\r\n\r\n",
                b"GET /\x00 HTTP/1.1\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\na b: y\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\na: \x00\r\n\r\n",
                post + b"Content-Length: -1\r\n\r\n",
                post + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                post + b"Transfer-Encoding: gzip\r\n\r\n", post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"]:
            line = answered(c, request)
            # A request nobody may make is answered 401 or 403 before its body is looked at.
            expect(not line or line.split()[1] in ("400", "401", "403", "501", "505"),
                   f"{request[:80]!r}: {line}")
        large = b"a" * (2 << 20)
        for request in [b"GET /" + large + b" HTTP/1.1\r\n\r\n", head + b"a: " + large + b"\r\n\r\n",
                        head + b"".join(b"h%d: v\r\n" % i for i in range(200_000)) + b"\r\n"]:
            line = answered(c, request)
            expect(not line or line.split()[1] in ("400", "414", "431"),
                   f"a head of {len(request)} bytes: {line}")
        many = head + b"".join(b"h%d: v\r\n" % i for i in range(2000)) + b"\r\n"
        equal(answered(c, many), "HTTP/1.1 200 OK", "a request of 2000 headers")


def http2_session(c):
    stream = raw.secure(c.server.port, protocols=["h2"])
    equal(stream.selected_alpn_protocol(), "h2", "the protocol")
    stream.sendall(raw.PREFACE + raw.frame(raw.SETTINGS))
    return stream


def http2_garbage(c):
    """HTTP/2: a preface, then garbage frames"""
    rng = random.Random(1)
    request = raw.frame(raw.HEADERS, raw.END_STREAM | raw.END_HEADERS, 1, raw.get("/livez"))
    ends = {
        "noise": rng.randbytes(5000),
        "a frame too large": struct.pack(">I", 1 << 23)[1:] + b"\x00\x00" + struct.pack(">I", 1) + b"x" * 20000,
        "headers of stream 0": raw.frame(raw.HEADERS, 5, 0, raw.get("/livez")),
        "headers of an even stream": raw.frame(raw.HEADERS, 5, 2, raw.get("/livez")),
        "data of an idle stream": raw.frame(raw.DATA, 0, 5, b"abc"),
        "a reset of an idle stream": raw.frame(raw.RST_STREAM, 0, 5, bytes(4)),
        "a continuation of nothing": raw.frame(raw.CONTINUATION, 4, 1, b""),
        "settings of 5 bytes": raw.frame(raw.SETTINGS, 0, 0, b"12345"),
        "a window beyond its limit": raw.frame(raw.SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)),
        "a promise": raw.frame(5, 4, 1, bytes(4) + raw.get("/livez")),
        "header compression nobody knows": raw.frame(raw.HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff"),
        "a header table too large": raw.frame(raw.HEADERS, 5, 1, b"\x3f\xe1\xff\xff\xff\x07"),
        "something between headers":
            raw.frame(raw.HEADERS, 0, 1, raw.get("/livez")) + raw.frame(raw.PING, 0, 0, bytes(8)),
    }
    with unharmed(c):
        for name, data in ends.items():
            with http2_session(c) as stream:
                stream.sendall(data)
                answer = raw.read_to_end(stream, 10)
                expect(answer is not None, f"{name}: the connection stays open")
                expect(any(kind == raw.GOAWAY for kind, *_ in raw.frames(answer)), f"{name}: no GOAWAY")
        # What is not known must be ignored; an empty header list concerns its stream only.
        no_path = raw.frame(raw.HEADERS, 5, 3, raw.fields((":method", "GET")))
        for name, data in [("a frame of an unknown type", raw.frame(0x77, 0xff, 3, b"what")),
                           ("a request without a path", no_path)]:
            with http2_session(c) as stream:
                stream.sendall(data + request.replace(struct.pack(">I", 1), struct.pack(">I", 5), 1))
                wait(lambda: any(kind == raw.HEADERS and number == 5
                                 for kind, _, number, _ in read_frames(stream)), f"the answer after {name}", 10)


def read_frames(stream):
    stream.settimeout(1)
    with contextlib.suppress(TimeoutError):
        return raw.frames(stream.recv(65536))
    return []


def flood(c, stream, pieces):
    """Sends pieces until all are sent or the server ends it, and reads what comes meanwhile."""
    stream.settimeout(20)
    received = b""
    try:
        for piece in pieces:
            stream.sendall(piece)
            while stream.pending() or select.select([stream], [], [], 0)[0]:
                part = stream.recv(65536)
                received += part
                if not part:
                    return received
    except OSError:
        pass
    return received


def http2_floods(c):
    """HTTP/2: rapid resets and endless headers, pings and settings stay within bounds"""
    def resets():
        for i in range(200):
            yield b"".join(raw.frame(raw.HEADERS, 5, number, raw.get("/api/v1/pods?limit=500")) +
                           raw.frame(raw.RST_STREAM, 0, number, struct.pack(">I", 8))
                           for number in range(1 + 200 * i, 1 + 200 * (i + 1), 2))

    def continuations():
        yield raw.frame(raw.HEADERS, 1, 1, raw.get("/livez"))
        for i in range(3000):
            yield raw.frame(raw.CONTINUATION, 0, 1, raw.fields((f"h{i}", "x" * 16000)))

    def small_continuations():
        yield raw.frame(raw.HEADERS, 1, 1, raw.get("/livez"))
        for _ in range(1000):
            yield raw.frame(raw.CONTINUATION, 0, 1, b"") * 1000

    def table_bomb():
        # One field of 4000 bytes enters the table; each further byte stands for all of it.
        entry = b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4000
        yield raw.frame(raw.HEADERS, 5, 1, raw.get("/livez") + entry + b"\xbe" * 10000)
        for number in range(3, 401, 2):
            yield raw.frame(raw.HEADERS, 5, number, raw.get("/livez") + b"\xbe" * 12000)

    def pings():
        for _ in range(200):
            yield raw.frame(raw.PING, 0, 0, bytes(8)) * 1000

    def settings():
        for _ in range(200):
            yield raw.frame(raw.SETTINGS, 0, 0, struct.pack(">HI", 3, 100)) * 500

    def streams():
        # All of them open at once: none ends its request.
        for i in range(20):
            yield b"".join(raw.frame(raw.HEADERS, 4, number, raw.get("/livez"))
                           for number in range(1 + 2000 * i, 1 + 2000 * (i + 1), 2))
    for pieces in [resets, continuations, small_continuations, table_bomb, pings, settings, streams]:
        with unharmed(c), http2_session(c) as stream:
            flood(c, stream, pieces())


def unread(c):
    """answers nobody reads are held once a connection, and hold nobody up"""
    for i in range(20):
        raw.Raw(c.server).request("POST", maps(c), config_map(f"large-{i}", data={"a": "x" * 500_000}))
    with unharmed(c, 400 << 20), contextlib.ExitStack() as stack:
        context = raw.administrator(c.server)
        for _ in range(30):
            stream = stack.enter_context(raw.secure(c.server.port, context))
            stream.sendall(f"GET {maps(c)} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
        before = time.monotonic()
        equal(c.kubectl("get", "--raw", "/readyz"), "ok", "/readyz meanwhile")
        expect(time.monotonic() - before < 10, "others had to wait")


def nested(c):
    """deeply nested JSON and YAML, and YAML that unfolds without end"""
    client = raw.Raw(c.server)
    client.request("POST", maps(c), config_map("deep"))
    body = json.dumps(config_map("deeper", nothing=0))
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]\n" for i in range(1, 12))
    with unharmed(c):
        for depth in [900, 100_000, 1_400_000]:
            for value in ["[" * depth + "]" * depth, "[" * depth, '{"a":' * depth + "1" + "}" * depth,
                          '{"a":[' * (depth // 2)]:
                value = value[:3_000_000]
                dry = maps(c, query="?dryRun=All")
                for method, path, text, kind in [
                        ("POST", dry, body.replace("0}", value + "}"), "application/json"),
                        ("POST", dry, "apiVersion: v1\nkind: ConfigMap\nnothing: " + value, YAML),
                        ("PATCH", maps(c, "deep"), '{"nothing": ' + value + "}", MERGE_PATCH),
                        ("PATCH", maps(c, "deep"), '{"data": ' + value + "}", STRATEGIC_PATCH)]:
                    answer = client.request(method, path, text, kind)
                    what = f"{method} of depth {depth} as {kind} ({answer.body[:200]})"
                    expect(answer.code < 500, f"{what} was answered {answer.code}")
                    if depth > 1000:
                        equal(answer.code, 400, what)
        head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
        answer = client.request("POST", maps(c), head + bomb, YAML)
        equal(answer.code, 400, f"an unfolding document ({answer.body[:200]})")
        wide = "[" + "1," * 1_400_000 + "1]"
        answer = client.request("POST", maps(c), head + "nothing: " + wide, YAML)
        equal(answer.code, 400, f"a wide YAML list ({answer.body[:200]})")
        expect("line 4: more than" in answer.body, answer.body[:200])
        # Where any JSON may stand it is kept, and comes back.
        data = "[" * 900 + "]" * 900
        revisions = f"/apis/apps/v1/namespaces/{c.namespace}/controllerrevisions"
        made = client.request("POST", revisions, '{"apiVersion":"apps/v1","kind":"ControllerRevision",'
                              '"metadata":{"name":"deep"},"revision":1,"data":{"a":' + data + "}}")
        equal(made.code, 201, f"a deep ControllerRevision ({made.body[:200]})")
        expect(data in client.request("GET", revisions + "/deep").body.replace(" ", ""), "its data is another")


CHECKS = [garbage, http1, http2_garbage, http2_floods, unread, nested]
TOGETHER = [slow]
