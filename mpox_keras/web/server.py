"""A server for one's own machine. It answers with the files of one site, and with nothing else of the disk."""

from __future__ import annotations

import hashlib
import http.server
import mimetypes
import os
import sys
from pathlib import Path
from urllib.parse import unquote

from mpox_keras.web.site import HEADERS, SiteError

# The machine's own table may lack them, or hold others.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".md": "text/markdown; charset=utf-8",
}


def make_server(site: str | os.PathLike, host: str = "127.0.0.1", port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server of a site that `build_site` wrote; `serve_forever` runs it.

    All files are read first, so that no request reaches the disk. Compressed copies are sent to browsers that take them.

    Args:
        site: folder.
        host: address to listen at; the default is reached from this machine alone.
        port: 0 takes a free one; `server_port` says which.

    Raises:
        SiteError: the address can't be had.
    """
    site = Path(site)
    files = {f"/{path.relative_to(site).as_posix()}": path.read_bytes() for path in site.rglob("*") if path.is_file()}
    files["/"] = files["/index.html"]
    files["/.gz"] = files["/index.html.gz"]
    try:
        return _Server((host, port), type("SiteHandler", (_Handler,), {"files": files}))
    except OSError as error:
        raise SiteError(f"{host}:{port} can't be listened at ({error.strerror}). Give another --port or --host.") from None


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A browser that goes away in the middle is no error.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "mpox-keras"
    sys_version = ""
    files: dict[str, bytes]

    def do_GET(self):
        self._answer(with_body=True)

    def do_HEAD(self):
        self._answer(with_body=False)

    def _answer(self, with_body):
        path = unquote(self.path.partition("?")[0])
        content = self.files.get(path)
        if content is None:
            content, status, headers = b"not found\n", 404, {"Content-Type": "text/plain"}
        else:
            status, headers = 200, {"Content-Type": _content_type(path), "ETag": f'W/"{hashlib.sha256(content).hexdigest()}"'}
            if f"{path}.gz" in self.files:
                headers["Vary"] = "Accept-Encoding"
                if "gzip" in self.headers.get("Accept-Encoding", ""):
                    content = self.files[f"{path}.gz"]
                    headers["Content-Encoding"] = "gzip"
            if self.headers.get("If-None-Match") == headers["ETag"]:
                status, content = 304, b""
        self.send_response(status)
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *arguments):
        """Requests are nobody's business."""


def _content_type(path):
    suffix = ".html" if path.endswith("/") else Path(path).suffix
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
