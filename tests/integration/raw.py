# SPDX-License-Identifier: Apache-2.0
"""Requests that no client library would make: HTTP/1.1 with any body, HTTP/2 frames, half a handshake."""
import base64
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess

# HTTP/2 frame types and flags. Source: RFC 9113, section 6.
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Answer:
    def __init__(self, code, headers, body):
        self.code, self.headers, self.body = code, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def reason(self):
        return self.json().get("reason")

    @property
    def message(self):
        return self.json().get("message", "")

    @property
    def warnings(self):
        return [value for name, value in self.headers if name.lower() == "warning"]


def administrator(server):
    """A TLS context with the client certificate that the kubeconfig holds."""
    out = subprocess.run(["kubectl", "--kubeconfig", server.kubeconfig, "config", "view", "--raw",
                          "-o", "json"], capture_output=True, check=True).stdout
    user = json.loads(out)["users"][0]["user"]
    context = anybody()
    path = os.path.join(server.folder, "client.pem")
    with open(path, "wb") as file:
        file.write(base64.b64decode(user["client-certificate-data"]))
        file.write(base64.b64decode(user["client-key-data"]))
    context.load_cert_chain(path)
    return context


def anybody():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Raw:
    """HTTP/1.1 requests as the administrator."""

    def __init__(self, server):
        self.port, self.context = server.port, administrator(server)

    def request(self, method, path, body=None, content_type="application/json", **headers):
        """The answer. Strings and bytes go as they are, everything else as JSON."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        fields = {"Content-Type": content_type} if body is not None else {}
        return self.send(method, path, body, fields | headers)

    def stream(self, method, path, chunks):
        """The answer to a body in chunks, which may come before all of them are sent."""
        return self.send(method, path, chunks, {"Content-Type": "application/json"})

    def send(self, method, path, body, headers):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=30)
        try:
            try:
                connection.request(method, path, body, headers)
            except OSError:
                pass  # The server has heard enough; its answer is there to be read.
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read().decode(errors="replace"))
        finally:
            connection.close()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 10)


def secure(port, context=None, protocols=()):
    context = context or anybody()
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context.wrap_socket(connect(port), server_hostname="localhost")


def read_to_end(stream, seconds=30):
    """What comes until the peer closes; None if it does not in time."""
    stream.settimeout(seconds)
    data = b""
    try:
        while part := stream.recv(65536):
            data += part
    except (TimeoutError, socket.timeout):
        return None
    except OSError:  # A reset is an end as well.
        pass
    return data


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def fields(*pairs):
    """A header block of literals without indexing and without Huffman coding. Source: RFC 7541, 6.2.2."""
    def text(value):
        value = value.encode()
        if len(value) < 127:
            return bytes([len(value)]) + value
        rest, length = len(value) - 127, b"\x7f"
        while rest >= 128:
            length += bytes([rest % 128 + 128])
            rest //= 128
        return length + bytes([rest]) + value
    return b"".join(b"\x00" + text(name) + text(value) for name, value in pairs)


def get(path):
    return fields((":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", path))


def frames(data):
    """The (type, flags, stream, payload) of each whole frame."""
    found = []
    while len(data) >= 9:
        length = int.from_bytes(data[:3], "big")
        if len(data) < 9 + length:
            break
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9:9 + length]))
        data = data[9 + length:]
    return found
