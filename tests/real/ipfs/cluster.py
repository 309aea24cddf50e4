"""An IPFS Cluster's proxy in front of real daemons, as its documents describe it; the real program cannot be had here.

It answers `pin/add`, `pin/rm` and `pin/ls` for the cluster and hands every other call to the first node as it came.
A pin is taken into the cluster's own list, and every peer fetches and pins it: here the proxy carries the blocks.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.cluster.handle(self)

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def say(self, status, body, media_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Cluster:
    """A proxy on loopback; ``peers`` are daemons, the first of them is the one behind the proxy."""

    def __init__(self, *peers):
        self.peers = [f"http://127.0.0.1:{peer.port}/api/v0" for peer in peers]
        self.pins = set()
        self.calls = []
        self.authorized = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
        self._server.cluster = self
        self.port = self._server.server_port
        self.address = f"/ip4/127.0.0.1/tcp/{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request):
        parts = urlsplit(request.path)
        call, arguments = parts.path.removeprefix("/api/v0/"), parse_qs(parts.query)
        self.calls.append(call)
        self.authorized.append(request.headers.get("Authorization"))
        body = request.body()
        cid = arguments.get("arg", [""])[0].removeprefix("/ipfs/")
        if call == "pin/add":
            self._pin(cid)
            request.say(200, json.dumps({"Pins": [cid]}).encode())
        elif call == "pin/rm":
            self.pins.discard(cid)
            request.say(200, json.dumps({"Pins": [cid]}).encode())
        elif call == "pin/ls":
            self._list(request, cid)
        else:
            self._forward(request, body)

    def _pin(self, cid):
        self.pins.add(cid)
        first, *others = self.peers
        for peer in others:
            archive = self._post(f"{first}/dag/export", {"arg": cid}).content
            self._post(f"{peer}/dag/import", {"pin-roots": "true"}, {"path": ("x.car", archive)})
        self._post(f"{first}/pin/add", {"arg": cid})

    def _list(self, request, cid):
        if cid and cid not in self.pins:
            error = {"Message": f"Error: {cid} is not pinned", "Code": 0, "Type": "error"}
            request.say(500, json.dumps(error).encode())
            return
        keys = {one: {"Type": "recursive"} for one in ([cid] if cid else sorted(self.pins))}
        request.say(200, json.dumps({"Keys": keys}).encode())

    def _forward(self, request, body):
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        url = self.peers[0].removesuffix("/api/v0") + request.path
        answer = httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False)
        request.say(answer.status_code, answer.content, answer.headers.get("Content-Type", "text/plain"))

    def _post(self, url, params, files=None):
        return httpx.post(url, params=params, files=files, timeout=60, trust_env=False).raise_for_status()
