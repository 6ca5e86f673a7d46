# SPDX-License-Identifier: Apache-2.0
"""Requests that are well-formed HTTP with contents that must be refused, in upstream's words."""
import json

from harness import contains, equal, expect
from raw import Raw

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC_PATCH, YAML = "application/strategic-merge-patch+json", "application/yaml"


def config_map(name, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}, **more}


def maps(c, name="", query=""):
    return f"/api/v1/namespaces/{c.namespace}/configmaps" + ("/" + name if name else "") + query


def refused(answer, code, reason, *parts):
    equal(answer.code, code, f"the code ({answer.body[:300]})")
    equal(answer.json()["kind"], "Status", "the answer's kind")
    equal(answer.reason, reason, f"the reason ({answer.message})")
    for part in parts:
        contains(answer.message, part, "the message")


def malformed(c):
    """malformed JSON and YAML is a bad request"""
    raw = Raw(c.server)
    for body in ["", "{", '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}',
                 "[1, 2]", "null", "7", '"text"', "{'single': 1}", '{"a": 1,}', "\x00\x01", "\ufeff{}".encode(),
                 '{"apiVersion": "v1", "kind": "ConfigMap"} trailing', b"\xff\xfe{\x00}\x00"]:
        refused(raw.request("POST", maps(c), body), 400, "BadRequest")
    for body in ["a: [", "a: b: c", "\tkey: value", "apiVersion: v1\nkind: *nothing", "- just\n- a list",
                 "? {a: [}", "%YAML 9.9\n---\nx"]:
        refused(raw.request("POST", maps(c), body, YAML), 400, "BadRequest")
    for content_type, body in [(JSON_PATCH, "{"), (JSON_PATCH, "{}"), (MERGE_PATCH, "[1"),
                               (STRATEGIC_PATCH, "nonsense")]:
        raw.request("POST", maps(c), config_map("patched"))
        refused(raw.request("PATCH", maps(c, "patched"), body, content_type), 400, "BadRequest")


def wrong_types(c):
    """values of the wrong type are a bad request that names the field"""
    raw = Raw(c.server)
    for change, text in [
            ({"data": {"a": 1}}, "number into Go struct field ConfigMap.data of type string"),
            ({"data": []}, "array into Go struct field ConfigMap.data of type map[string]string"),
            ({"immutable": "yes"}, "string into Go struct field ConfigMap.immutable of type bool"),
            ({"metadata": "x"}, "string into Go struct field ConfigMap.metadata of type"),
            ({"metadata": {"name": "x", "generation": "1"}},
             "string into Go struct field ObjectMeta.metadata.generation of type int64")]:
        answer = raw.request("POST", maps(c), config_map("x", **change))
        refused(answer, 400, "BadRequest", 'ConfigMap in version "v1" cannot be handled as a ConfigMap',
                "json: cannot unmarshal " + text)
    other = raw.request("POST", maps(c), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}})
    refused(other, 400, "BadRequest", 'Secret in version "v1" cannot be handled as a ConfigMap')
    number = raw.request("POST", maps(c), '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x",'
                                          '"generation":99999999999999999999999999}}')
    refused(number, 400, "BadRequest", "cannot unmarshal number")


def unknown_fields(c):
    """unknown and duplicate fields: refused when strict, warned of, or ignored"""
    raw = Raw(c.server)
    unknown = json.dumps(config_map("x", nothing=1))
    duplicate = json.dumps(config_map("x")).replace('"data": {', '"data": {"b": "2"}, "data": {')
    for body, content_type, text in [
            (unknown, "application/json", 'unknown field "nothing"'),
            (duplicate, "application/json", 'duplicate field "data"'),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nnothing: 1\n", YAML,
             'unknown field "nothing"'),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\ndata: {c: d}\n", YAML,
             'key "data" already set in map')]:
        def post(validation):
            query = "?dryRun=All" + (f"&fieldValidation={validation}" if validation else "")
            return raw.request("POST", maps(c, query=query), body, content_type)
        refused(post("Strict"), 400, "BadRequest", "strict decoding error", text)
        for validation in ["Warn", ""]:
            warned = post(validation)
            equal(warned.code, 201, f"the code ({warned.body[:200]})")
            expect(any(text.replace('"', '\\"') in w for w in warned.warnings), f"warnings {warned.warnings}")
        ignored = post("Ignore")
        equal((ignored.code, ignored.warnings), (201, []), f"code and warnings ({ignored.body[:200]})")
    refused(raw.request("POST", maps(c, query="?fieldValidation=Perhaps"), unknown), 422, "Invalid",
            'fieldValidation: Unsupported value: "Perhaps"')


def names(c):
    """invalid names, namespaces and labels are told with their field"""
    raw = Raw(c.server)
    long = "x" * 254
    for metadata, field, text in [
            ({"name": "Bad_Name"}, "metadata.name", "a lowercase RFC 1123 subdomain must consist of"),
            ({"name": long}, "metadata.name", "must be no more than 253"),
            ({"name": "a/b"}, "metadata.name", ""),
            ({"name": ".."}, "metadata.name", ""),
            ({"name": "x", "labels": {"a b": "c"}}, "metadata.labels", "name part must consist of"),
            ({"name": "x", "labels": {"a": "b" * 64}}, "metadata.labels", "must be no more than 63"),
            ({"name": "x", "annotations": {"/": "c"}}, "metadata.annotations", "prefix part must be non-empty"),
            ({"name": "x", "finalizers": ["not qualified"]}, "metadata.finalizers", "")]:
        answer = raw.request("POST", maps(c), config_map("x", metadata=metadata))
        refused(answer, 422, "Invalid", text)
        equal(answer.json()["details"]["causes"][0]["field"].split("[")[0], field, "the field")
    refused(raw.request("POST", maps(c), config_map("x", metadata={})), 422, "Invalid",
            "name or generateName is required")
    other = raw.request("POST", maps(c), config_map("x", metadata={"name": "x", "namespace": "other"}))
    refused(other, 400, "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request")


def conflicts(c):
    """conflicting versions, uids and names, in upstream's words"""
    raw = Raw(c.server)
    old = raw.request("POST", maps(c), config_map("one")).json()
    changed = raw.request("PATCH", maps(c, "one"), {"data": {"b": "2"}}, MERGE_PATCH)
    equal(changed.code, 200, "the patch's code")
    modified = ('Operation cannot be fulfilled on configmaps "one": the object has been modified; '
                "please apply your changes to the latest version and try again")
    refused(raw.request("PUT", maps(c, "one"), {**old, "data": {"c": "3"}}), 409, "Conflict", modified)
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {"c": "3"}}
    refused(raw.request("PATCH", maps(c, "one"), stale, MERGE_PATCH), 409, "Conflict", modified)
    other = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "other"}}
    refused(raw.request("DELETE", maps(c, "one"), other), 409, "Conflict",
            f"the UID in the precondition (other) does not match the UID in record ({old['metadata']['uid']})")
    refused(raw.request("PUT", maps(c, "one"), config_map("one", metadata={"name": "one", "uid": "other"})),
            409, "Conflict", "Precondition failed")
    refused(raw.request("PUT", maps(c, "one"), config_map("two")), 400, "BadRequest",
            "the name of the object (two) does not match the name on the URL (one)")
    refused(raw.request("POST", maps(c), config_map("one")), 409, "AlreadyExists",
            'configmaps "one" already exists')
    equal(raw.request("GET", maps(c, "one")).json()["data"], {"a": "1", "b": "2"}, "the data after all that")


def parameters(c):
    """query parameters, paths, methods and media types that mean nothing"""
    raw = Raw(c.server)
    for query in ["?labelSelector=a+in+(", "?fieldSelector=spec.nothing%3D1", "?continue=nonsense&limit=1",
                  "?watch=1&resourceVersion=abc", "?limit=abc", "?resourceVersionMatch=Exact",
                  "?timeoutSeconds=abc"]:
        answer = raw.request("GET", maps(c, query=query))
        expect(answer.code in (400, 422), f"{query} was answered {answer.code}: {answer.body[:200]}")
    refused(raw.request("POST", maps(c, query="?dryRun=Some"), config_map("x")), 422, "Invalid")
    equal(raw.request("GET", "/api/v1/nothing").code, 404, "the code of an unknown resource")
    equal(raw.request("GET", "/apis/nothing/v1").code, 404, "the code of an unknown group")
    equal(raw.request("GET", "/" + "a" * 5000).code, 404, "the code of a long path")
    refused(raw.request("PUT", maps(c), config_map("x")), 405, "MethodNotAllowed")
    refused(raw.request("BREW", maps(c)), 405, "MethodNotAllowed")
    refused(raw.request("POST", maps(c), "x", "text/plain"), 415, "UnsupportedMediaType")
    refused(raw.request("POST", maps(c), "x", "application/vnd.kubernetes.protobuf"), 400, "BadRequest")
    raw.request("POST", maps(c), config_map("x"))
    refused(raw.request("PATCH", maps(c, "x"), "{}", "text/plain"), 415, "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include:")
    equal(raw.request("GET", maps(c), Accept="text/html,image/png").code, 406, "the code of Accept: text/html")


def oversized(c):
    """bodies that are too large are refused"""
    raw = Raw(c.server)
    large = json.dumps(config_map("big", data={"a": "x" * 4_000_000}))
    refused(raw.request("POST", maps(c), large), 413, "RequestEntityTooLarge", "limit is 3145728")

    def chunks():
        for i in range(0, len(large), 50_000):
            yield large[i:i + 50_000].encode()
    connection_answer = raw.stream("POST", maps(c), chunks())
    equal(connection_answer.code, 413, "the code of a chunked body")
    # Within the limit of bodies, beyond that of the kind.
    middle = raw.request("POST", maps(c), config_map("middle", data={"a": "x" * 1_100_000}))
    refused(middle, 422, "Invalid", "Too long: may not be more than 1048576 bytes")


CHECKS = [malformed, wrong_types, unknown_fields, names, conflicts, parameters, oversized]
