"""A hub on two ports of this machine: the endpoint, and the server with large files that it redirects to. It speaks the
paths that clients of the Hugging Face hub use, and misbehaves as it is told."""
import hashlib
import http.server
import json
import re
import threading
import time
import urllib.parse

PIECE = 4096


class File:
    """A file of a repository. `lfs`: named by its SHA-256 and served by the other port, after a redirect."""

    def __init__(self, content, lfs=False):
        self.content, self.lfs = content, lfs
        self.etag = hashlib.sha256(content).hexdigest() if lfs else git_id(content)
        # How it misbehaves:
        self.head_size = None    # announced instead of the real size
        self.body = None         # sent instead of the content
        self.breaks = []         # the n-th GET ends after so many bytes of its body
        self.statuses = []       # the n-th request of either kind is answered so
        self.status = None       # every request is answered so
        self.ranges = True       # understands Range
        self.chunked = False     # tells no length
        self.piece_seconds = 0   # pause after each piece
        self.lie_range = 0       # begins so many bytes later than asked for
        self.loops = False       # redirects to itself
        self.headers = {}        # further ones of HEAD


def git_id(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Repo:
    def __init__(self, files, commit="0123456789abcdef0123456789abcdef01234567", revisions=("main",)):
        self.files = {name: f if isinstance(f, File) else File(f) for name, f in files.items()}
        self.commit, self.revisions = commit, revisions
        self.listing = None      # bytes instead of the JSON
        self.moved_to = None     # another name, by a relative redirect
        self.status, self.statuses, self.error_code = None, [], None

    def list(self):
        if self.listing is not None:
            return self.listing
        return json.dumps({"id": "x", "sha": self.commit, "siblings": [{"rfilename": n} for n in self.files]}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.serve()

    def do_GET(self):
        self.serve()

    def serve(self):
        hub = self.server.hub
        path = urllib.parse.urlsplit(self.path).path
        hub.log.append((self.server.name, self.command, urllib.parse.unquote(path), dict(self.headers)))
        listing = re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", path)
        content = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        tree = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path)
        try:
            if tree and tree[1] in hub.trees:
                self.answer(200, json.dumps(hub.trees[tree[1]]).encode(), {"Content-Type": "application/json"})
            elif listing and self.server.name == "endpoint":
                self.serve_listing(hub.repos.get(listing[1]), urllib.parse.unquote(listing[2]), path)
            elif content:
                self.serve_file(hub.repos.get(content[1]), urllib.parse.unquote(content[2]), urllib.parse.unquote(content[3]), path)
            else:
                self.answer(404)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def serve_listing(self, repo, revision, path):
        if repo is None:
            self.answer(404, headers={"X-Error-Code": "RepoNotFound"})
        elif repo.moved_to:
            self.answer(307, headers={"Location": path.replace(repo.moved_to[0], repo.moved_to[1])})
        elif repo.status or repo.statuses:
            self.answer(repo.statuses.pop(0) if repo.statuses else repo.status, b"no", {"X-Error-Code": repo.error_code or "x"})
        elif revision not in (*repo.revisions, repo.commit):
            self.answer(404, headers={"X-Error-Code": "RevisionNotFound"})
        else:
            self.answer(200, repo.list(), {"Content-Type": "application/json"})

    def serve_file(self, repo, revision, name, path):
        f = repo.files.get(name) if repo and (revision == repo.commit or revision in repo.revisions) else None
        headers = {"X-Repo-Commit": repo.commit if repo else "none"}
        if f is None:
            self.answer(404, headers={"X-Error-Code": "EntryNotFound"})
        elif f.loops:
            self.answer(302, headers={"Location": path})
        elif f.status or f.statuses:
            self.answer(f.statuses.pop(0) if f.statuses else f.status, b"no")
        elif f.lfs and self.server.name == "endpoint":
            headers |= {"X-Linked-Etag": f'"{f.etag}"', "X-Linked-Size": str(f.head_size or len(f.content)),
                        "Location": self.server.hub.cdn + path + "?signature=x"}
            self.answer(302, b"found", headers | f.headers)
        elif self.command == "HEAD":
            self.send_response(200)
            headers |= {"ETag": f'"{f.etag}"', "Content-Length": str(f.head_size or len(f.content))}
            for key, value in (headers | f.headers).items():
                if value is not None:
                    self.send_header(key, value)
            self.end_headers()
        else:
            self.send_body(f, headers)

    def send_body(self, f, headers):
        body = f.content if f.body is None else f.body
        total, first = len(body), 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and f.ranges:
            first = int(asked[1]) + f.lie_range
            if first >= total:
                self.answer(416)
                return
            headers["Content-Range"] = f"bytes {first}-{total - 1}/{total}"
        self.send_response(206 if asked and f.ranges else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header(*(("Transfer-Encoding", "chunked") if f.chunked else ("Content-Length", str(total - first))))
        self.end_headers()
        self.send_pieces(f, body[first:])

    def send_pieces(self, f, body):
        most = f.breaks.pop(0) if f.breaks else None
        for at in range(0, len(body), PIECE):
            piece = body[at:at + PIECE] if most is None else body[at:min(at + PIECE, most)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if f.chunked else piece)
            self.wfile.flush()
            time.sleep(f.piece_seconds)
            if most is not None and at + PIECE >= most:
                self.close_connection = True
                return
        if f.chunked:
            self.wfile.write(b"0\r\n\r\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub, name):
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub, self.name = hub, name
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class Hub:
    def __init__(self, repos):
        self.repos, self.log = repos, []
        self.trees = {}  # answers to /tree/, which other clients ask for
        self.servers = [Server(self, "endpoint"), Server(self, "files")]
        self.url, self.cdn = (f"http://127.0.0.1:{s.server_address[1]}" for s in self.servers)

    def stop(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def requests(self, method, ending="", server=None):
        """What was asked for, as (server, method, path, headers)."""
        return [r for r in self.log if r[1] == method and r[2].endswith(ending) and server in (None, r[0])]
