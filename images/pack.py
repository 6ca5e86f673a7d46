#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs files into an OCI image archive (one layer) that containerd imports.

usage: pack.py OUTPUT.tar IMAGE[,IMAGE...] [--entrypoint ARG]... [--env K=V]... [--user U] SOURCE:TARGET...

A SOURCE of "=PATH" makes TARGET a symbolic link to PATH; a TARGET that ends in "/" with an empty
SOURCE makes a directory. The same input gives the same bytes: no times, no owners.
Source of the format: OCI image-spec v1, image layout.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import tarfile


def add(tar, name, data=None, mode=0o644, link=None, directory=False):
    info = tarfile.TarInfo(name)
    info.mode = mode
    if link is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, link, 0o777
    elif directory:
        info.type = tarfile.DIRTYPE
    else:
        info.size = len(data)
    tar.addfile(info, io.BytesIO(data) if data is not None else None)


def layer(entries):
    raw = io.BytesIO()
    made = set()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        def parents(path):
            folder = os.path.dirname(path)
            if folder and folder not in made:
                parents(folder)
                made.add(folder)
                add(tar, folder, directory=True, mode=0o1777 if folder == "tmp" else 0o755)
        for source, target in entries:
            path = target.strip("/")
            if target.endswith("/"):
                parents(path + "/x")
                continue
            parents(path)
            if source.startswith("="):
                add(tar, path, link=source[1:])
            else:
                with open(source, "rb") as file:
                    data = file.read()
                add(tar, path, data, 0o755 if os.access(source, os.X_OK) else 0o644)
    return raw.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("images")
    parser.add_argument("--entrypoint", action="append", default=[])
    parser.add_argument("--cmd", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--user", default="")
    parser.add_argument("entries", nargs="+")
    options = parser.parse_intermixed_args()

    blobs = {}

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"digest": "sha256:" + digest, "size": len(data)}

    content = layer([entry.rsplit(":", 1) for entry in options.entries])
    packed = gzip.compress(content, 6, mtime=0)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": options.entrypoint,
            "Cmd": options.cmd,
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    *options.env],
            "User": options.user,
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers",
                   "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]},
        "history": [{"created_by": "images/pack.py"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   **blob(json.dumps(config).encode())},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **blob(packed)}],
    }
    described = blob(json.dumps(manifest).encode())
    index = {
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            **described,
            "annotations": {"io.containerd.image.name": image,
                            "org.opencontainers.image.ref.name": image.rsplit(":", 1)[-1]},
        } for image in options.images.split(",")],
    }
    temporary = options.output + ".tmp"
    with tarfile.open(temporary, "w") as tar:
        add(tar, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        for digest in sorted(blobs):
            add(tar, "blobs/sha256/" + digest, blobs[digest])
        add(tar, "index.json", json.dumps(index).encode())
    os.replace(temporary, options.output)


if __name__ == "__main__":
    main()
