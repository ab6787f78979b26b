"""A server for one's own machine. It answers with the files of one site, and with nothing else of the disk."""

import hashlib
import http.server
import mimetypes
import os
import sys
from pathlib import Path
from urllib.parse import unquote

from mpox_keras.web.site import HEADERS, SiteError

# Without the machine's own table, which may hold others.
_TYPES = mimetypes.MimeTypes().types_map[True] | {".js": "text/javascript", ".md": "text/markdown"}


def make_server(site: str | os.PathLike, host: str = "127.0.0.1", port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server of a site that `build_site` wrote; `serve_forever` runs it.

    All files are read first, so that no request reaches the disk. Compressed copies are sent to browsers that take them. The
    default host is reached from this machine alone; port 0 takes a free one, and `server_port` says which. SiteError if the
    address can't be had.
    """
    site = Path(site)
    files = {f"/{path.relative_to(site).as_posix()}": path.read_bytes() for path in site.rglob("*") if path.is_file()}
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
        path = unquote(self.path.partition("?")[0])
        path = "/index.html" if path == "/" else path
        content = self.files.get(path)
        if content is None:
            content, status, headers = b"not found\n", 404, {"Content-Type": "text/plain"}
        else:
            kind = _TYPES.get(Path(path).suffix, "application/octet-stream")
            kind += "; charset=utf-8" if kind.startswith("text/") else ""
            status, headers = 200, {"Content-Type": kind, "ETag": f'W/"{hashlib.sha256(content).hexdigest()}"'}
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
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *arguments):
        """Requests are nobody's business."""
