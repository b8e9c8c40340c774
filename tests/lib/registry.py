"""A real docker-registry to harvest: start and stop it, push images, move and delete tags. Standard library only.

    with Registry(folder) as registry:
        digest = registry.push("team/app", "v1", "content")
        registry.delete("team/app", digest)
"""

import hashlib
import http.client
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from process import Server

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = """\
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %s}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: "127.0.0.1:0", secret: not-a-secret}
"""


def find_program():
    return shutil.which("docker-registry") or shutil.which("registry")


def write_config(folder):
    """A configuration for a registry in that folder, on a free loopback port. Returns its path."""
    path = Path(folder) / "registry.yml"
    path.write_text(CONFIG % json.dumps(str(Path(folder) / "storage")))
    return path


def find_url(log):
    """Where a registry listens, as its log says; None while it doesn't."""
    match = re.search(r"listening on (127\.0\.0\.1:\d+)", Path(log).read_text(errors="replace"))
    return f"http://{match[1]}" if match else None


class Client:
    def __init__(self, url):
        self.url = url
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def ask(self, method, path, body=None, headers=None, expect=(200,)):
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status not in expect:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]!r}")
        return answer, data

    def push_blob(self, repo, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        answer, _ = self.ask("HEAD", f"/v2/{repo}/blobs/{digest}", expect=(200, 404))
        if answer.status == 404:
            answer, _ = self.ask("POST", f"/v2/{repo}/blobs/uploads/", expect=(202,))
            place = urlsplit(answer.getheader("Location"))
            self.ask("PUT", f"{place.path}?{place.query}&digest={digest}", data, {"Content-Type": "application/octet-stream"}, (201,))
        return {"digest": digest, "size": len(data)}

    def push_manifest(self, repo, reference, manifest, type=MANIFEST):
        answer, _ = self.ask("PUT", f"/v2/{repo}/manifests/{reference}", json.dumps(manifest), {"Content-Type": type}, (201,))
        return answer.getheader("Docker-Content-Digest")

    def manifest_of(self, repo, content):
        """The manifest of a tiny image with that text as its one layer. Pushes its blobs."""
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "config": {"Labels": {"content": content}}}
        return {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.docker.container.image.v1+json",
                           **self.push_blob(repo, json.dumps(config).encode())},
                "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                            **self.push_blob(repo, f"layer of {content}".encode())}]}

    def push(self, repo, tag, content):
        """Push a tiny image and tag it (a tag that exists moves). The same content is the same image. Returns its digest."""
        return self.push_manifest(repo, tag, self.manifest_of(repo, content))

    def digest(self, repo, tag):
        answer, _ = self.ask("HEAD", f"/v2/{repo}/manifests/{tag}", headers={"Accept": f"{MANIFEST}, {OCI_INDEX}"})
        return answer.getheader("Docker-Content-Digest")

    def manifest(self, repo, tag):
        return json.loads(self.ask("GET", f"/v2/{repo}/manifests/{tag}", headers={"Accept": f"{MANIFEST}, {OCI_INDEX}"})[1])

    def delete(self, repo, digest):
        """Delete an image, and with it all its tags (distribution 2.8 deletes by digest only)."""
        self.ask("DELETE", f"/v2/{repo}/manifests/{digest}", expect=(202,))

    def tags(self, repo):
        return json.loads(self.ask("GET", f"/v2/{repo}/tags/list")[1])["tags"]


class Registry(Client, Server):
    """A docker-registry of our own, stopped and forgotten at the end of the `with`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        config, log = write_config(self.folder), self.folder / "registry.log"
        with open(log, "wb") as out:
            self.process = subprocess.Popen([find_program(), "serve", str(config)], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not (url := find_url(log)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"docker-registry did not start:\n{log.read_text()}")
            time.sleep(0.02)
        super().__init__(url)

    def forget_repository(self, repo):
        """Take a repository off the storage: the API has no way."""
        shutil.rmtree(self.folder / "storage/docker/registry/v2/repositories" / repo)
