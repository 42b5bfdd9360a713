#!/usr/bin/python3
"""A small Hugging Face-compatible hub for tests, with the standard library only.

    with TestHub() as hub:
        hub.add("owner/name", {"config.json": b"{}", "model.safetensors": weights})
        hub.fault("cdn", "cut", after=1000, times=2)
        subprocess.run([puna, "pull", "owner/name"], env=hub.environment(cache))
        hub.requests                            # what arrived: .origin, .method, .path, .headers

It answers as the real one did in 2026 (recorded replies, huggingface_hub's and huggingface.js' sources): two origins with
different names (the hub on localhost, its storage on 127.0.0.1), a relative redirect to resolve-cache for git files of
public repositories, an absolute one to a signed address of the storage for large files, with X-Repo-Commit, X-Linked-Etag,
X-Linked-Size and Xet's headers on it, ranges, pages of the file list, error codes, rate limits, and uploads through the
Git LFS protocol. A storage that gets a token refuses, as S3 does.

usage: test_hub.py FOLDER    serves the repositories FOLDER/OWNER/NAME until it is killed; prints its address, then requests
"""
import base64
import contextlib
import dataclasses
import functools
import gzip
import hashlib
import http.server
import json
import os
import pathlib
import pty
import re
import signal
import socket
import ssl
import sys
import threading
import time
import traceback
import urllib.parse

LARGE = 10_000          # bytes from which a file goes through Git LFS
PAGE = 3                # files on a page of the list
RATE = {"RateLimit": '"resolvers";r=2999;t=200', "RateLimit-Policy": '"fixed window";"resolvers";q=3000;w=300'}
HTML = b"<!DOCTYPE html><html><head><title>Too many requests</title></head></html>"


@functools.cache
def git_id(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@functools.cache
def sha256(content):
    return hashlib.sha256(content).hexdigest()


def xet_hash(content):
    """Also 64 hexadecimal digits, and not the SHA-256."""
    return sha256(b"xet " + sha256(content).encode())


@dataclasses.dataclass
class Request:
    origin: str
    method: str
    path: str
    headers: dict
    body: bytes = b""

    def range(self):
        """(first, last or None) of the Range header; None without one."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        return match and (int(match[1]), int(match[2]) if match[2] else None)


@dataclasses.dataclass
class Fault:
    origin: str
    kind: str
    path: str = ""              # a regular expression that the request's path contains
    method: str = ""
    times: int = 1 << 30
    skip: int = 0               # matching requests before the first that fails
    options: dict = dataclasses.field(default_factory=dict)


class Repository:
    """Its files by commit, and the commits of its branches."""

    def __init__(self, name, **options):
        self.name, self.commits, self.refs, self.parents = name, {}, {}, {}
        self.private, self.gated, self.disabled, self.access = False, False, False, set()
        self.large = LARGE
        self.card = None
        for key, value in options.items():
            setattr(self, key, value)

    def commit(self, files, branch="main"):
        listing = "".join(f"{path} {sha256(content)}\n" for path, content in sorted(files.items()))
        commit = hashlib.sha1(f"{self.name} {self.refs.get(branch)} {len(self.commits)} {listing}".encode()).hexdigest()
        self.commits[commit], self.parents[commit] = dict(files), self.refs.get(branch)
        self.refs[branch] = commit
        return commit

    def find_commit(self, revision):
        revision = self.refs.get(revision, revision)
        return revision if revision in self.commits else None

    def is_large(self, content):
        return len(content) >= self.large

    def etag(self, content):
        return sha256(content) if self.is_large(content) else git_id(content)


class Failure(Exception):
    def __init__(self, status, message, code=None, **headers):
        self.status, self.message, self.code, self.headers = status, message, code, headers


class TestHub:
    def __init__(self, tls=None, same_name=False, signed_seconds=3600):
        """tls: a file with certificate and key for the hub's origin. same_name: the storage is on localhost too."""
        self.repositories, self.renamed, self.stored, self.requests, self.faults = {}, {}, {}, [], []
        self.errors, self.on_request = [], None                 # of the hub itself; called with each request
        self.tokens = {"hf_valid": "me", "hf_other": "other"}
        self.signed_seconds, self.page, self.link_origin = signed_seconds, PAGE, None
        self.part_bytes, self.commits_seen = 0, []              # above 0: uploads in parts of this size
        self.lock, self.clock = threading.Lock(), 0
        self.servers = {"hub": self.serve("hub", tls), "cdn": self.serve("cdn", None)}
        self.endpoint = f"{'https' if tls else 'http'}://localhost:{self.servers['hub'].server_port}"
        self.cdn = f"http://{'localhost' if same_name else '127.0.0.1'}:{self.servers['cdn'].server_port}"

    def serve(self, origin, tls):
        hub = self

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, address):
                if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
                    hub.errors.append(traceback.format_exc())

        handler = type("Handler", (HubHandler if origin == "hub" else StorageHandler,), {"hub": hub, "origin": origin})
        server = Server(("127.0.0.1", 0), handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def add(self, name, files, **options):
        repository = self.repositories[name] = Repository(name, **options)
        repository.commit(files)
        return repository

    def fault(self, origin, kind, path="", times=1 << 30, skip=0, method="", **options):
        self.faults.append(Fault(origin, kind, path, method, times, skip, options))

    def take_fault(self, request, *kinds):
        """The first fault of these kinds that this request has, which then has happened once more."""
        with self.lock:
            for fault in self.faults:
                if (fault.origin, True) != (request.origin, fault.kind in kinds) or not fault.times:
                    continue
                if not re.search(fault.path, request.path) or fault.method not in ("", request.method):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def environment(self, cache, token=None, **more):
        """Of a program that uses this hub and a cache of its own."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING", "TRANSFORMERS", "XDG_"))
                and key.lower() not in ("http_proxy", "https_proxy", "all_proxy")}
        hub = {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(cache), "HOME": str(cache), "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
        return kept | hub | ({"HF_TOKEN": token} if token else {}) | more

    def in_a_terminal(self, command, cache, key, until, **more):
        """What a program shows in a terminal, to this pattern; the key is pressed when one is asked for, without Enter. Then it is killed."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(command[0], command, self.environment(cache, TERM="vt100", **more))
        shown = ""
        with contextlib.suppress(OSError):
            while not re.search(until, shown):
                shown += os.read(terminal, 10_000).decode(errors="replace")
                if "any other key" in shown and key:
                    os.write(terminal, key.encode())
                    key = ""
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
        assert re.search(until, shown), shown
        return shown

    def signed(self, sha):
        self.clock += 1
        return f"{self.cdn}/xet-bridge-us/{sha}?X-Amz-Expires={self.signed_seconds}&at={time.time()}&n={self.clock}&Signature=secret"

    def seen(self, origin=None, method=None, path=""):
        return [request for request in self.requests if origin in (None, request.origin) and method in (None, request.method) and re.search(path, request.path)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub, origin = None, None

    def log_message(self, *_):
        pass

    def handle_one(self):
        length = int(self.headers.get("content-length", 0))
        request = Request(self.origin, self.command, self.path, {key.lower(): value for key, value in self.headers.items()}, self.rfile.read(length))
        with self.hub.lock:
            self.hub.requests.append(request)
        if self.hub.on_request:
            self.hub.on_request(request)
        if fault := self.hub.take_fault(request, "status", "close", "silent"):
            return self.early_fault(fault)
        try:
            self.answer(request)
        except Failure as failure:
            self.send_failure(failure)

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def early_fault(self, fault):
        if fault.kind == "close":
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if fault.kind == "silent":
            time.sleep(fault.options.get("seconds", 5))
            self.close_connection = True
            return None
        return self.send_bytes(fault.options["status"], fault.options.get("body", b"{}"), fault.options.get("headers", {}))

    def send_failure(self, failure):
        headers = {"Content-Type": "application/json", "X-Error-Message": failure.message, "X-Request-Id": "Root=1-test", **failure.headers}
        if failure.code:
            headers["X-Error-Code"] = failure.code
        self.send_bytes(failure.status, json.dumps({"error": failure.message}).encode(), headers)

    def send_json(self, value, **headers):
        self.send_bytes(200, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **headers})

    def send_head(self, status, headers):
        self.send_response(status)
        for name, value in {**RATE, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_bytes(self, status, body, headers):
        self.send_head(status, {"Content-Length": str(len(body)), **headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_content(self, request, content, headers, compressible):
        """A file, or a range of it, with the faults that the test wants."""
        headers = {"Accept-Ranges": "bytes", **headers}
        if compressible and "gzip" in request.headers.get("accept-encoding", ""):
            return self.send_gzip(content, headers)
        if request.headers.get("if-none-match") == headers.get("ETag"):
            return self.send_bytes(304, b"", headers)
        wrong = self.hub.take_fault(request, "wrong_bytes", "short", "long")
        if wrong and wrong.kind == "wrong_bytes":
            content = bytes(len(content) - 1) + b"\1"
        if wrong and wrong.kind in ("short", "long"):           # another file altogether
            content = content[:-100] if wrong.kind == "short" else content + b"more"
        first, last, status, body = 0, len(content) - 1, 200, content
        wanted = request.range()
        if wanted and not self.hub.take_fault(request, "no_range"):
            if wanted[0] >= len(content):
                return self.send_bytes(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            first, last = wanted[0], min(wanted[1] if wanted[1] is not None else last, last)
            if self.hub.take_fault(request, "wrong_start"):
                first = max(first - 10, 0) if first else 10
            status, body = 206, content[first:last + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            if self.hub.take_fault(request, "range_200"):
                status = 200
        return self.send_body(request, status, body, headers)

    def send_gzip(self, content, headers):
        headers = {**headers, "Content-Encoding": "gzip", "ETag": "W/" + headers.get("ETag", '""'), "Transfer-Encoding": "chunked"}
        packed = gzip.compress(content)
        self.send_head(200, headers)
        if self.command != "HEAD":
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed))

    def send_body(self, request, status, body, headers):
        if self.command == "HEAD":
            return self.send_head(status, {**headers, "Content-Length": str(len(body))})
        fault = self.hub.take_fault(request, "cut", "cut_chunked", "stall", "slow")
        after = min(fault.options.get("after", 0), len(body)) if fault else len(body)
        if fault and fault.kind == "cut_chunked":
            self.send_head(status, {**headers, "Transfer-Encoding": "chunked"})
            self.wfile.write(b"%x\r\n%s\r\n" % (after, body[:after]) if after else b"")
        else:
            self.send_head(status, {**headers, "Content-Length": str(len(body))})
            self.wfile.write(body[:after])
        if not fault:
            return None
        self.wfile.flush()
        self.close_connection = True
        if fault.kind == "stall":
            time.sleep(fault.options.get("seconds", 5))
        if fault.kind == "slow":
            for at in range(after, len(body)):
                self.wfile.write(body[at:at + 1])
                time.sleep(fault.options.get("pause", 1))
        return None


class HubHandler(Handler):
    def answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        path, query = url.path, dict(urllib.parse.parse_qsl(url.query))
        for pattern, method in ROUTES:
            if match := re.fullmatch(pattern, path):
                return getattr(self, method)(request, query, *(urllib.parse.unquote(group) for group in match.groups() if group is not None))
        raise Failure(404, "Sorry, we can't find the page you are looking for.")

    def user(self, request):
        header = request.headers.get("authorization")
        if header is None:
            return None
        token = header.removeprefix("Bearer ")
        if token not in self.hub.tokens:
            raise Failure(401, "Invalid credentials in Authorization header")
        return self.hub.tokens[token]

    def repository(self, request, name, rest):
        """The repository if the request may see it; (None, None) after a redirect to its present name."""
        user = self.user(request)
        spelled = self.hub.renamed.get(name) or next((known for known in self.hub.repositories if known.lower() == name.lower()), name)
        if spelled != name:
            location = rest(spelled)
            return self.send_bytes(307, b"Temporary Redirect. Redirecting to " + location.encode(), {"Location": location}), None
        found = self.hub.repositories.get(name)
        if found and found.disabled:
            raise Failure(403, "Access to this resource is disabled.")
        if not found or (found.private and user not in found.access):
            if user is None:
                raise Failure(401, "Invalid username or password.")
            raise Failure(404, "Repository not found", "RepoNotFound")
        return found, user

    def commit(self, repository, revision):
        commit = repository.find_commit(revision)
        if not commit:
            raise Failure(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def files(self, repository, commit):
        return repository.commits[commit]

    # Information

    def info(self, request, query, owner, name, revision=None):
        suffix = f"/revision/{urllib.parse.quote(revision, safe='')}" if revision else ""
        repository, _ = self.repository(request, f"{owner}/{name}", lambda spelled: f"/api/models/{spelled}{suffix}")
        if not repository:
            return
        commit = self.commit(repository, revision or "main")
        siblings = []
        for path, content in sorted(self.files(repository, commit).items()):
            entry = {"rfilename": path}
            if query.get("blobs") == "true":
                entry |= {"size": len(content), "blobId": git_id(content)}
                if repository.is_large(content):
                    entry["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        self.send_json({"_id": "0" * 24, "id": repository.name, "modelId": repository.name, "sha": commit, "private": repository.private,
                        "gated": repository.gated or False, "disabled": False, "downloads": 1, "tags": [], "siblings": siblings,
                        **({"cardData": repository.card} if repository.card else {})})

    def refs(self, request, query, owner, name):
        repository, _ = self.repository(request, f"{owner}/{name}", lambda spelled: f"/api/models/{spelled}/refs")
        branches = [{"name": ref, "ref": f"refs/heads/{ref}", "targetCommit": commit} for ref, commit in repository.refs.items()]
        self.send_json({"branches": branches, "tags": [], "converts": []})

    def tree(self, request, query, owner, name, revision, folder=""):
        repository, _ = self.repository(request, f"{owner}/{name}", lambda spelled: f"/api/models/{spelled}/tree/{revision}?{urllib.parse.urlencode(query)}")
        if not repository:
            return
        files = self.files(repository, self.commit(repository, revision))
        entries = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in sorted({str(parent) for path in files for parent in pathlib.PurePosixPath(path).parents} - {"."})]
        for path, content in sorted(files.items()):
            entry = {"type": "file", "oid": git_id(content), "size": len(content), "path": path}
            if repository.is_large(content):
                entry |= {"oid": "1" * 40, "lfs": {"oid": sha256(content), "size": len(content), "pointerSize": 134}, "xetHash": xet_hash(content)}
            entries.append(entry)
        if fault := self.hub.take_fault(request, "entry"):
            entries += fault.options["entries"]
        first = int(query.get("cursor", 0))
        page = entries[first:first + self.hub.page]
        headers = {}
        if first + self.hub.page < len(entries):
            more = urllib.parse.urlencode({**query, "cursor": first + self.hub.page})
            origin = self.hub.link_origin or self.hub.endpoint
            headers["Link"] = f'<{origin}/api/models/{repository.name}/tree/{revision}?{more}>; rel="next"'
        self.send_json(page, **headers)

    def paths_info(self, request, query, owner, name, revision):
        repository, _ = self.repository(request, f"{owner}/{name}", lambda spelled: "/")
        files = self.files(repository, self.commit(repository, revision))
        if request.headers.get("content-type", "").startswith("application/json"):
            paths = json.loads(request.body)["paths"]
        else:
            paths = urllib.parse.parse_qs(request.body.decode())["paths"]
        entries = []
        for path in paths:
            if path not in files:
                continue
            content = files[path]
            entry = {"type": "file", "oid": git_id(content), "size": len(content), "path": path}
            if repository.is_large(content):
                entry |= {"lfs": {"oid": sha256(content), "size": len(content), "pointerSize": 134}}
            entries.append(entry)
        self.send_json(entries)

    def xet_token(self, request, query, owner, name, kind, revision):
        self.send_json({"accessToken": "xet_token", "exp": int(time.time()) + 3600, "casUrl": "https://cas.invalid"})

    # Content

    def resolve(self, request, query, owner, name, revision, path):
        quoted = urllib.parse.quote(path)
        repository, user = self.repository(request, f"{owner}/{name}", lambda spelled: f"/{spelled}/resolve/{urllib.parse.quote(revision, safe='')}/{quoted}")
        if not repository:
            return
        if repository.gated and user not in repository.access:
            raise Failure(403 if user else 401, f"Access to model {repository.name} is restricted. You must have access to it and be authenticated to access it.", "GatedRepo")
        commit = self.commit(repository, revision)
        files = self.files(repository, commit)
        if path not in files:
            raise Failure(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit})
        content = files[path]
        etag, headers = repository.etag(content), {"X-Repo-Commit": commit}
        if fault := self.hub.take_fault(request, "redirect"):
            return self.send_bytes(302, b"Found", {**headers, "Location": fault.options["to"]})
        if fault := self.hub.take_fault(request, "metadata"):
            headers |= fault.options
        if repository.is_large(content):
            self.hub.stored[etag] = content
            location = self.hub.signed(etag)
            xet = f'<{self.hub.endpoint}/api/models/{repository.name}/xet-read-token/{commit}>; rel="xet-auth", <https://cas.invalid/v1/reconstructions/x>; rel="xet-reconstruction-info"'
            headers = {"X-Linked-Size": str(len(content)), "X-Linked-ETag": f'"{etag}"', "X-Xet-Hash": xet_hash(content), "Link": xet, "Location": location, **headers}
            return self.send_bytes(302, b"Found. Redirecting to " + location.encode(), headers)
        if content and not repository.private and not repository.gated:
            location = f"/api/resolve-cache/models/{repository.name}/{commit}/{quoted}?{urllib.parse.quote(path, safe='')}=&etag=%22{etag}%22"
            return self.send_bytes(307, b"Temporary Redirect. Redirecting to " + location.encode(), {**headers, "Location": location})
        return self.send_content(request, content, {**headers, "ETag": f'"{etag}"'}, compressible=True)

    def resolve_cache(self, request, query, owner, name, commit, path):
        repository = self.hub.repositories[f"{owner}/{name}"]
        content = self.files(repository, commit)[path]
        self.send_content(request, content, {"X-Repo-Commit": commit, "ETag": f'"{repository.etag(content)}"'}, compressible=True)

    # Uploads

    def writable(self, request, name):
        user = self.user(request)
        if user is None:
            raise Failure(401, "Invalid username or password.")
        if name.split("/")[0] != user:
            raise Failure(403, "You don't have the rights to write to this repository")
        if name not in self.hub.repositories:
            raise Failure(404, "Repository not found", "RepoNotFound")
        return self.hub.repositories[name]

    def create(self, request, query):
        wanted = json.loads(request.body)
        user = self.user(request)
        if user is None:
            raise Failure(401, "Invalid username or password.")
        owner = wanted.get("organization") or user
        if owner != user:
            raise Failure(403, f"You don't have the rights to create a model under the namespace \"{owner}\"")
        name = f"{owner}/{wanted['name']}"
        if name in self.hub.repositories:
            return self.send_bytes(409, json.dumps({"error": "You already created this model repo", "url": f"{self.hub.endpoint}/{name}"}).encode(), {})
        private = wanted.get("visibility") == "private" or wanted.get("private", False)
        repository = self.hub.add(name, {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"}, private=private, access={user})
        return self.send_json({"url": f"{self.hub.endpoint}/{name}", "id": repository.name})

    def whoami(self, request, query):
        user = self.user(request)
        if user is None:
            raise Failure(401, "Invalid username or password.")
        self.send_json({"type": "user", "name": user, "orgs": []})

    def validate_yaml(self, request, query):
        self.send_json({"warnings": [], "errors": []})

    def preupload(self, request, query, owner, name, revision):
        repository = self.writable(request, f"{owner}/{name}")
        wanted = json.loads(request.body)["files"]
        if len(wanted) > 256:
            raise Failure(413, "too many files")
        files = self.files(repository, self.commit(repository, revision))
        answer = []
        for file in wanted:
            base64.b64decode(file["sample"], validate=True)
            large = file["size"] >= repository.large or file["path"].endswith((".safetensors", ".gguf")) and file["size"] > 0
            old = files.get(file["path"])
            answer.append({"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": file["path"].startswith(".git/"),
                           "oid": None if old is None else repository.etag(old)})
        self.send_json({"files": answer})

    def lfs_batch(self, request, query, owner, name):
        self.writable(request, f"{owner}/{name}")
        assert request.headers["content-type"].startswith("application/vnd.git-lfs+json"), request.headers
        objects = []
        for wanted in json.loads(request.body)["objects"]:
            sha, size = wanted["oid"], wanted["size"]
            if fault := self.hub.take_fault(request, "lfs_error"):
                objects.append({"oid": sha, "size": size, "error": {"code": 422, "message": fault.options.get("message", "Object is too large")}})
            elif sha in self.hub.stored:
                objects.append({"oid": sha, "size": size})
            else:
                objects.append({"oid": sha, "size": size, "authenticated": True, "actions": self.lfs_actions(f"{owner}/{name}", sha, size)})
        self.send_bytes(200, json.dumps({"transfer": "multipart" if self.hub.part_bytes else "basic", "objects": objects}).encode(), {"Content-Type": "application/vnd.git-lfs+json"})

    def lfs_actions(self, name, sha, size):
        verify = {"href": f"{self.hub.endpoint}/{name}.git/info/lfs/objects/verify", "header": {"Authorization": "Basic ignored"}}
        address = f"{self.hub.cdn}/upload/{sha}?X-Amz-Expires=900&at={time.time()}"
        if not self.hub.part_bytes:
            return {"upload": {"href": address}, "verify": verify}
        parts = {f"{n + 1:05}": f"{address}&part={n + 1}" for n in range(-(-size // self.hub.part_bytes))}
        return {"upload": {"href": f"{self.hub.endpoint}/api/complete_multipart?sha={sha}&size={size}", "header": {"chunk_size": str(self.hub.part_bytes), **parts}}, "verify": verify}

    def complete(self, request, query):
        if "authorization" in request.headers:
            raise Failure(400, "only one auth mechanism allowed")
        wanted = json.loads(request.body)
        parts = self.hub.stored.get(("parts", query["sha"]), {})
        count = -(-int(query["size"]) // self.hub.part_bytes)
        if [part["partNumber"] for part in wanted["parts"]] != list(range(1, count + 1)) or len(parts) != count:
            raise Failure(400, "part count mismatch")
        if any(part["etag"] != f'"{hashlib.md5(parts[part["partNumber"]]).hexdigest()}"' for part in wanted["parts"]):
            raise Failure(400, "InvalidPart")
        content = b"".join(parts[number] for number in sorted(parts))
        assert sha256(content) == query["sha"], "the parts make other content"
        self.hub.stored[query["sha"]] = content
        self.send_json({})

    def verify(self, request, query, owner, name):
        self.writable(request, f"{owner}/{name}")
        wanted = json.loads(request.body)
        if len(self.hub.stored.get(wanted["oid"], b"")) != wanted["size"]:
            raise Failure(404, "Object does not exist")
        self.send_json({})

    def commit_files(self, request, query, owner, name, revision):
        repository = self.writable(request, f"{owner}/{name}")
        assert request.headers["content-type"].startswith("application/x-ndjson"), request.headers
        lines = [json.loads(line) for line in request.body.decode().splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        parent = self.commit(repository, revision)
        if header.get("parentCommit") and header["parentCommit"] != parent:
            raise Failure(412, "A commit has happened since. Please refresh and try again.")
        files = dict(self.files(repository, parent))
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                assert value["encoding"] == "base64"
                files[value["path"]] = base64.b64decode(value["content"], validate=True)
            elif line["key"] == "lfsFile":
                assert value["algo"] == "sha256"
                files[value["path"]] = self.hub.stored[value["oid"]]
                assert len(files[value["path"]]) == value["size"]
            elif line["key"] == "deletedFile":
                files.pop(value["path"], None)
        self.hub.commits_seen.append(lines)
        pull_request = {}
        if query.get("create_pr") == "1":
            number = sum(ref.startswith("refs/pr/") for ref in repository.refs) + 1
            repository.refs[f"refs/pr/{number}"] = parent
            revision, pull_request = f"refs/pr/{number}", {"pullRequestUrl": f"{self.hub.endpoint}/{repository.name}/discussions/{number}"}
        commit = repository.commit(files, revision)
        if fault := self.hub.take_fault(request, "lost_answer"):
            return self.send_bytes(fault.options.get("status", 504), HTML, {"Content-Type": "text/html"})
        return self.send_json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.endpoint}/{repository.name}/commit/{commit}", "hookOutput": "", **pull_request})


REPO = r"([^/]+)/([^/]+)"
ROUTES = [
    (r"/api/whoami-v2", "whoami"),
    (r"/api/repos/create", "create"),
    (r"/api/validate-yaml", "validate_yaml"),
    (r"/api/complete_multipart", "complete"),
    (rf"/api/models/{REPO}/tree/([^/]+)(?:/(.*))?", "tree"),
    (rf"/api/models/{REPO}/paths-info/([^/]+)", "paths_info"),
    (rf"/api/models/{REPO}/revision/([^/]+)", "info"),
    (rf"/api/models/{REPO}/refs", "refs"),
    (rf"/api/models/{REPO}/preupload/([^/]+)", "preupload"),
    (rf"/api/models/{REPO}/commit/([^/]+)", "commit_files"),
    (rf"/api/models/{REPO}/xet-(read|write)-token/([^/]+)", "xet_token"),
    (rf"/api/models/{REPO}", "info"),
    (rf"/api/resolve-cache/models/{REPO}/([^/]+)/(.+)", "resolve_cache"),
    (r"/([^/]+)/([^/]+)\.git/info/lfs/objects/batch", "lfs_batch"),
    (r"/([^/]+)/([^/]+)\.git/info/lfs/objects/verify", "verify"),
    (rf"/{REPO}/resolve/([^/]+)/(.+)", "resolve"),
]


class StorageHandler(Handler):
    def answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if "authorization" in request.headers:
            return self.send_bytes(400, b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>", {"Content-Type": "application/xml"})
        if float(query.get("at", 0)) + float(query.get("X-Amz-Expires", 0)) < time.time() or self.hub.take_fault(request, "expired"):
            return self.send_bytes(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", {"Content-Type": "application/xml"})
        if match := re.fullmatch(r"/upload/([0-9a-f]{64})", url.path):
            return self.upload(request, query, match[1])
        sha = url.path.rsplit("/", 1)[-1]
        if sha not in self.hub.stored:
            return self.send_bytes(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"})
        content = self.hub.stored[sha]
        return self.send_content(request, content, {"ETag": f'"{xet_hash(content)}"'}, compressible=True)

    def upload(self, request, query, sha):
        if "part" in query:
            self.hub.stored.setdefault(("parts", sha), {})[int(query["part"])] = request.body
        elif sha256(request.body) == sha:
            self.hub.stored[sha] = request.body
        else:
            return self.send_bytes(400, b"<Error><Code>BadDigest</Code></Error>", {"Content-Type": "application/xml"})
        headers = {"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'}
        if self.hub.take_fault(request, "no_part_etag"):
            headers = {}
        return self.send_bytes(200, b"", headers)


def main():
    root = pathlib.Path(sys.argv[1])
    with TestHub() as hub:
        for folder in sorted(root.glob("*/*")):
            files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
            hub.add(f"{folder.parent.name}/{folder.name}", files)
        hub.on_request = lambda request: print(request.origin, request.method, request.path, flush=True)
        print(hub.endpoint, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
