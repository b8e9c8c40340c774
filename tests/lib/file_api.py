"""An API that serves files: file_api.py ADDRESS FOLDER; GET /NAME gives the file of that name as JSON. Prints a line once it
listens, at port 8000."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (Path(sys.argv[2]) / self.path.strip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # who asks may die meanwhile


server = Server((sys.argv[1], 8000), Handler)
print("listening", flush=True)
server.serve_forever()
