"""A server on $PORT with nothing but Python's standard library."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    waiting = 0
    gate = threading.Event()

    def do_GET(self):
        if self.path == "/exit":
            os._exit(7)
        if self.path == "/wait":
            Handler.waiting += 1
            Handler.gate.wait(15)
        if self.path == "/waiting":
            return self.answer([Handler.waiting])
        if self.path == "/go":
            Handler.gate.set()
        if self.path == "/big":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for _ in range(40):
                self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        if self.path.startswith("/log"):
            print("this is", self.path, file=sys.stderr, flush=True)
        with open("/etc/resolv.conf") as file:
            names = file.read()
        self.answer({"uid": os.getuid(), "env": dict(os.environ), "names": names})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.answer({"body": body, "path": self.path, "headers": dict(self.headers)})

    def answer(self, value):
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
