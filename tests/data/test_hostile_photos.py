"""Photos made to harm: each is decoded or refused, quickly, silently and in bounded memory."""

import contextlib
import io
import resource
import struct
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mpox_keras.data.decode import PhotoError, decode_photo

TOOLS = Path(__file__).parents[2] / "tools"


def encoded(image_format, size=(16, 16), **options):
    stream = io.BytesIO()
    Image.new(options.pop("mode", "RGB"), size).save(stream, image_format, **options)
    return stream.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def tags_of_the_same_bytes(tags, size):
    """A TIFF directory, or an EXIF block, whose every tag has the value of the same bytes."""
    directory = b"".join(struct.pack("<HHII", 300 + tag, 1, size, 8) for tag in range(tags))
    return b"II*\0" + struct.pack("<IH", 8, tags) + directory + bytes(4) + bytes(max(0, size - len(directory)))


def png_with(*chunks):
    data = encoded("PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def jpeg_with_exif(blocks):
    exif = tags_of_the_same_bytes(20_000, 240_000)
    segments = [exif[start : start + 65_000] for start in range(0, len(exif), 65_000)][:blocks]
    data = encoded("JPEG")
    marked = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 8) + b"Exif\0\0" + part for part in segments)
    return data[:2] + marked + data[2:]


def webp_with_exif():
    image = Image.new("RGB", (16, 16))
    stream = io.BytesIO()
    image.save(stream, "WEBP", exif=tags_of_the_same_bytes(20_000, 100_000))
    return stream.getvalue()


def raw_profile():
    text = f"\nexif\n{1:8}\n{tags_of_the_same_bytes(20_000, 240_000).hex()}"
    return png_with(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text.encode())))


def run_length_bmp():
    header = struct.pack("<IiiHHIIIIII", 40, 6_000_000, 8, 1, 8, 1, 0, 0, 0, 256, 0) + bytes(1024)
    return b"BM" + struct.pack("<IHHI", 1082, 0, 0, 1078) + header + b"\0\2\xff\xff"


def gif_with_a_long_comment():
    data = encoded("GIF")
    start = data.index(b",")
    return data[:start] + b"!\xfe" + (b"\xff" + bytes(255)) * 40_000 + b"\0" + data[start:]


def jpeg_of_many_scans():
    data = encoded("JPEG", (2000, 2000), progressive=True)
    scan = data[data.rindex(b"\xff\xda") :][:10]
    return data[:-2] + scan * 20_000 + data[-2:]


def tiff_in_a_circle():
    """The second directory is the first."""
    data = bytearray(encoded("TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * tags, start)
    return bytes(data)


def many_frames(image_format):
    frames = [Image.new("RGB", (16, 16), (shade, 0, 0)) for shade in range(200)]
    return encoded(image_format, save_all=True, append_images=frames * 3)


BOMB = zlib.compress(bytes(200_000_000), 9)

REFUSED = {
    "tiff tags": (lambda: tags_of_the_same_bytes(20_000, 100_000), "more metadata"),
    "png exif": (lambda: png_with(chunk(b"eXIf", tags_of_the_same_bytes(20_000, 100_000))), "more metadata"),
    "png raw profile": (raw_profile, "more metadata"),
    "webp exif": (webp_with_exif, "more metadata"),
    "jpeg exif in parts": (lambda: jpeg_with_exif(4), "more metadata"),
    "gif comment": (gif_with_a_long_comment, "more metadata"),
    "jpeg scans": (jpeg_of_many_scans, "JPEG scans"),
    "run-length bmp": (run_length_bmp, "run-length"),
    "png text": (lambda: png_with(chunk(b"zTXt", b"Comment\0\0" + BOMB)), "cannot be decoded"),
    "png profile": (lambda: png_with(chunk(b"iCCP", b"profile\0\0" + BOMB)), "cannot be decoded"),
    "gif size": (lambda: encoded("GIF").replace(b"\x10\0\x10\0", b"\xff\xff\xff\xff"), "pixels"),
    "webp size": (lambda: encoded("WEBP", (16_000, 4_000), method=0), "16000 x 4000 pixels"),
    "tiff size": (lambda: encoded("TIFF", (10_000, 10_000), mode="1", compression="group4"), "10000 x 10000 pixels"),
    "bmp size": (lambda: encoded("BMP")[:18] + struct.pack("<ii", 2**30, 2**30) + encoded("BMP")[26:], "pixels"),
}
DECODED = {
    "jpeg exif": lambda: jpeg_with_exif(1),
    "tiff in a circle": tiff_in_a_circle,
    "gif frames": lambda: many_frames("GIF"),
    "tiff frames": lambda: many_frames("TIFF"),
}


@pytest.fixture(autouse=True)
def _bounded():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_files_that_would_take_all_time_or_memory_are_refused(name):
    make, message = REFUSED[name]
    data = make()
    start = time.process_time()
    with pytest.raises(PhotoError, match=f"^photo 7 .*{message}"):
        decode_photo(data, "photo 7")
    assert time.process_time() - start < 3


@pytest.mark.parametrize("name", DECODED)
@pytest.mark.filterwarnings("ignore")
def test_what_lies_beside_the_pixels_does_no_harm(name):
    assert decode_photo(DECODED[name]()).shape == (16, 16, 3)


def test_damaged_photos_are_decoded_or_refused_and_nothing_is_printed():
    """The short form of the campaign; in another process, because a crash would end this one."""
    script = f"""
import collections, logging, sys
logging.basicConfig()  # as TensorFlow does: warnings and errors are printed
sys.path.insert(0, {str(TOOLS)!r})
import fuzz
material = {{"pictures": fuzz.seeds()}}
outcomes = collections.Counter(fuzz.run_case("photo", number, material) for number in range(3000))
wrong = [outcome for outcome in outcomes if outcome[1] not in ("accepted", "refused")]
kinds = {{kind for kind, outcome in outcomes if outcome == "accepted"}}
print(wrong, len(kinds) > 25, sum(count for (_, outcome), count in outcomes.items() if outcome == "refused") > 1000)
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "[] True True\n", "")


def test_complaints_of_the_tiff_library_are_not_printed_from_threads(capfd):
    from mpox_keras.data.loading import map_in_order

    data = bytearray(encoded("TIFF", (64, 64), compression="tiff_adobe_deflate"))
    data[12:20] = bytes(8)

    def refused(photo):
        with pytest.raises(PhotoError):
            decode_photo(photo)
        return True

    assert all(map_in_order(refused, [bytes(data)] * 50))
    print("still heard", file=sys.stderr)
    assert capfd.readouterr().err == "still heard\n"


def test_warnings_made_errors_do_not_get_out():
    truncated = encoded("GIF")[:-4]
    damaged = encoded("TIFF")[:-30]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in (truncated, damaged, png_with(chunk(b"eXIf", b"II*\0garbage"))):
            with contextlib.suppress(PhotoError):
                assert decode_photo(data).dtype == np.uint8


def test_a_video_behind_a_photo_is_not_taken_for_scans():
    """Phones write moving photos so; any megabyte of video has a dozen times the bytes that begin a scan."""
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(stream, "JPEG", progressive=True)
    photo = decode_photo(stream.getvalue())
    np.testing.assert_array_equal(decode_photo(stream.getvalue() + b"\xff\xda video " * 500), photo)
