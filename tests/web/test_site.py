"""The static site and its server, without a browser."""

import gzip
import hashlib
import http.client
import json
import re
import shutil
import socket
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner
from web_app import serving

from mpox_keras.cli import main
from mpox_keras.export.bundle import ExportError, export_bundle
from mpox_keras.inference.metadata import ClassifierError, read_checksums
from mpox_keras.web.server import make_server
from mpox_keras.web.site import HEADERS, SiteError, build_site

APP = Path(__file__).parents[2] / "mpox_keras" / "web" / "app"
RESULTS = Path(__file__).parents[2] / "configs" / "results"


def listed(site):
    """The files that the service worker keeps."""
    return json.loads(re.sub(r"^self.SITE = |;\s*$", "", (site / "version.js").read_text()))


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_every_file_is_listed_with_its_hash(site):
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file() and path.suffix != ".gz"}
    hashes = listed(site)["files"] | listed(site)["later"]
    assert files - set(hashes) == {"index.html", "version.js", "service-worker.js", "_headers"}
    for name, expected in hashes.items():
        content = (site / (name if name != "./" else "index.html")).read_bytes()
        assert hashlib.sha256(content).hexdigest() == expected, name


def test_every_file_is_listed_with_its_hash_where_some_are_kept_later(site_with_litert, site):
    test_every_file_is_listed_with_its_hash(site_with_litert)
    later = {"bundle/model.tflite", "vendor/litert_wasm_compat_internal.js", "vendor/litert_wasm_compat_internal.wasm"}
    assert set(listed(site_with_litert)["later"]) == later
    assert listed(site)["later"] == {}


def test_compressed_copies_hold_the_same(site):
    copies = list(site.rglob("*.gz"))
    assert {"index.html.gz", "main.js.gz", "tfjs-backend-wasm-simd.wasm.gz", "model.json.gz"} <= {path.name for path in copies}
    for copy in copies:
        assert gzip.decompress(copy.read_bytes()) == copy.with_suffix("").read_bytes()


def test_a_first_visit_loads_less_than_a_megabyte_and_a_half(site_with_litert):
    site, files = site_with_litert, []
    for path in site.rglob("*"):
        if path.is_file() and path.suffix != ".gz" and path.relative_to(site).as_posix() not in listed(site)["later"]:
            files.append(path)
    sent = sum(min(path.stat().st_size, _size(path.with_name(f"{path.name}.gz"))) for path in files)
    assert sent < 1.5e6


def _size(path):
    return path.stat().st_size if path.is_file() else float("inf")


def test_the_bundle_in_the_site_is_whole(site, bundle):
    checksums = read_checksums(site / "bundle")
    assert checksums["metadata.json"] == read_checksums(bundle)["metadata.json"]
    files = [path for path in (site / "bundle").rglob("*") if path.is_file() and path.suffix != ".gz"]
    found = {path.relative_to(site / "bundle").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    del found["SHA256SUMS"]
    assert found == checksums


def test_equal_bundles_give_equal_sites_and_others_another_version(bundle, another_bundle, tmp_path):
    versions = [build_site(bundle, tmp_path / name) for name in ("a", "b")]
    assert versions[0] == versions[1] == listed(tmp_path / "a")["version"]
    for path in (tmp_path / "a").rglob("*"):
        assert path.is_dir() or path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
    assert build_site(another_bundle, tmp_path / "a") != versions[0]


def test_headers_and_page_have_the_same_policy(site):
    page = (site / "index.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert "connect-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert HEADERS["Content-Security-Policy"] == f"{policy}; frame-ancestors 'none'"
    assert f"  Content-Security-Policy: {policy}" in (site / "_headers").read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)


def test_a_bundle_of_another_format_is_refused(classifier, tmp_path):
    export_bundle(classifier, tmp_path / "bundle", "keras")
    with pytest.raises(ExportError, match="is exported already, as keras"):
        build_site(tmp_path / "bundle", tmp_path / "site")
    with pytest.raises(ClassifierError, match="neither a preset"):
        build_site(tmp_path / "missing", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_damaged_bundle_is_refused(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "bundle")
    (tmp_path / "bundle" / "labels.txt").write_text("acne\n")
    with pytest.raises(ClassifierError, match=r"labels\.txt"):
        build_site(tmp_path / "bundle", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_other_folders_are_left_alone(bundle, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SiteError, match="is no site"):
        build_site(bundle, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_server_compresses_and_sends_its_headers(server):
    plain, content = ask(server, "/main.js")
    small, packed = ask(server, "/main.js", Accept_Encoding="gzip, br")
    assert gzip.decompress(packed) == content
    assert small.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Content-Encoding"] is None
    for name, value in HEADERS.items():
        assert plain.headers[name] == value
    again, nothing = ask(server, "/main.js", If_None_Match=plain.headers["ETag"])
    assert (again.status, nothing) == (304, b"")
    head, nothing = ask(server, "/main.js", "HEAD")
    assert (head.status, nothing, head.headers["Content-Length"]) == (200, b"", str(len(content)))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/main.js?x=1", "text/javascript"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/vendor/tfjs-backend-wasm-simd.wasm", "application/wasm"),
        ("/icons/icon.svg", "image/svg+xml"),
        ("/bundle/tfjs/group1-shard1of1.bin", "application/octet-stream"),
    ],
)
def test_files_have_their_type(server, path, kind):
    answer, _ = ask(server, path)
    assert answer.status == 200
    assert answer.headers["Content-Type"].split(";")[0] == kind


@pytest.mark.parametrize(
    "path",
    [
        "/../setup.cfg",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5csetup.cfg",
        "//etc/passwd",
        "file:///etc/passwd",
        "/main.js%00",
        "/%ff%fe",
        "/vendor",
        "/vendor/",
        "/main",
        "/nothing",
    ],
)
def test_nothing_else_is_served(server, path):
    answer, content = ask(server, path)
    assert (answer.status, content) == (404, b"not found\n")


def test_odd_requests_are_answered_and_nothing_is_printed(server, capfd):
    for method, status in (("POST", 501), ("DELETE", 501), ("<script>", 501)):
        assert ask(server, "/main.js", method)[0].status == status
    assert ask(server, f"/{'a' * 100_000}")[0].status == 414
    assert ask(server, "/main.js", A="a" * 100_000)[0].status == 431
    # Ranges may be left out of account; the whole file is an answer.
    whole = ask(server, "/main.js")[1]
    assert ask(server, "/main.js", Range="bytes=5-2,0-,x")[1] == whole
    address = ("127.0.0.1", server.server_port)
    with socket.create_connection(address) as strange:
        strange.sendall(b"GET http://[x/main.js HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert strange.recv(100).startswith(b"HTTP/1.1 404 ")
    with socket.create_connection(address) as gone:
        gone.sendall(b"GET /main.js HTTP/1.1\r\nHo")
        # Closed with a reset, as by a browser that was ended.
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(server, "/main.js")[1] == whole
    assert capfd.readouterr() == ("", "")


def test_the_server_listens_at_this_machine_alone(site):
    with serving(site) as running:
        assert running.server_address[0] == "127.0.0.1"
        with pytest.raises(SiteError, match="Give another --port"):
            make_server(site, port=running.server_port)


def test_the_command_writes_a_site(bundle, tmp_path):
    result = CliRunner().invoke(main, ["web", "--model", str(bundle), "--out", str(tmp_path / "site")])
    assert result.exit_code == 0, result.output
    assert listed(tmp_path / "site")["version"] in result.output
    result = CliRunner().invoke(main, ["web", "--model", str(tmp_path / "none"), "--out", str(tmp_path / "other")])
    assert result.exit_code == 2
    assert "neither a preset" in result.output


def test_copies_of_tfjs_are_those_that_were_published():
    entries = json.loads((APP / "vendor" / "vendor.json").read_text())["files"]
    assert {entry["file"] for entry in entries} == {path.name for path in (APP / "vendor").iterdir()} - {
        "LICENSE",
        "vendor.json",
    }
    for entry in entries:
        assert hashlib.sha256((APP / "vendor" / entry["file"]).read_bytes()).hexdigest() == entry["sha256"], entry["file"]


LANGUAGES = sorted(path.stem for path in (APP / "languages").iterdir())


def words(language):
    return json.loads((APP / "languages" / f"{language}.json").read_text(encoding="utf-8"))


def test_languages_are_those_of_the_page():
    assert LANGUAGES == ["ar", "en", "es", "fr", "pt", "sw"]
    assert (
        sorted(re.findall(r'"(\w\w)"', re.search(r"LANGUAGES = \[(.*?)\]", (APP / "language.js").read_text()).group(1)))
        == LANGUAGES
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_words_and_places(language):
    english, other = words("en"), words(language)
    assert set(other) == set(english)
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", other[key])) == sorted(re.findall(r"\{\w+\}", text)), key
        assert other[key].strip()
        assert language == "en" or other[key] != text or len(text) < 12, key


def test_no_line_breaks_before_a_french_sign():
    for key, text in words("fr").items():
        assert not re.search(r" [:;!?»%…]|« ", text), key
        assert not re.search(r"[^\s\u00a0][;!?»]", text), key


def test_dark_skin_is_not_called_too_dark():
    """What tools/measure_photo_checks.py found: dark photos are told from dark skin."""
    tones = json.loads((RESULTS / "photo_checks.json").read_text())["tones"]
    assert {"dark", "brown", "light"} <= {name for name, figures in tones.items() if figures["photos"] > 400}
    for change, least, most in (("as they are", 0, 0.01), ("a quarter of the light", 0.9, 1)):
        rates = [figures[change]["too_dark"] for figures in tones.values()]
        assert max(rates) <= 2 * min(rates)
        assert least <= min(rates)
        assert max(rates) <= most


def test_every_word_is_used_and_every_word_used_is_there():
    sources = "".join(path.read_text() for path in APP.iterdir() if path.suffix in {".js", ".html"})
    # Put together from the name of a class, a place or a reason.
    families = ("class_", "place_", "next_", "abstention_")
    assert {"abstention_out_of_distribution", "abstention_uncertain"} <= set(words("en"))
    assert set(re.findall(r'(?:data-text=|data-label=|\btext\(|Failure\()"(\w+)"', sources)) <= set(words("en"))
    assert not [name for name in words("en") if not name.startswith(families) and f'"{name}"' not in sources]
