import gc
import io
import struct
import sys
import warnings
import zlib

import numpy as np
import psutil
import pytest
from PIL import Image, ImageCms, ImageFile

from mpox_keras.data.decode import MAX_PIXELS, PhotoError, decode_photo, read_photo, resize_photo


def encode(image, image_format, **options):
    stream = io.BytesIO()
    if image_format == "WEBP":
        options = {"lossless": True, **options}
    image.save(stream, image_format, **options)
    return stream.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, bits, colour_type, rows):
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png16(samples):
    height, width, channels = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return png(width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], rows)


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_keep_every_pixel(rgb, image_format):
    photo = decode_photo(encode(Image.fromarray(rgb), image_format))
    assert photo.dtype == np.uint8
    np.testing.assert_array_equal(photo, rgb)


def test_path_string_and_bytes_agree_and_result_is_writable(rgb, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(Image.fromarray(rgb), "JPEG"))
    photo = decode_photo(path)
    np.testing.assert_array_equal(photo, decode_photo(str(path)))
    np.testing.assert_array_equal(photo, decode_photo(path.read_bytes()))
    photo[0, 0] = 1


def test_content_decides_the_format_not_the_suffix(rgb, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(Image.fromarray(rgb), "PNG"))
    np.testing.assert_array_equal(decode_photo(path), rgb)


SAMPLES_16 = np.array([0, 1, 255, 256, 257, 32767, 32768, 65279, 65280, 65535], np.uint16)
SAMPLES_8 = np.array([0, 0, 0, 1, 1, 127, 128, 254, 255, 255], np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_png_keeps_the_upper_byte(channels):
    samples = np.tile(SAMPLES_16[None, :, None], (8, 1, channels))
    expected = np.tile(SAMPLES_8[None, :, None], (8, 1, 3))
    np.testing.assert_array_equal(decode_photo(png16(samples)), expected)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_png_with_transparency(channels):
    samples = np.tile(SAMPLES_16[None, :, None], (8, 1, channels))
    samples[..., -1] = 65535
    samples[:4, :, -1] = 0
    photo = decode_photo(png16(samples))
    assert (photo[:4] == 255).all()
    np.testing.assert_array_equal(photo[4:], np.tile(SAMPLES_8[None, :, None], (4, 1, 3)))


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_16_bit_grey_tiff_keeps_the_upper_byte(mode):
    samples = np.tile(SAMPLES_16, (8, 1)).astype({"I;16": "<u2", "I;16B": ">u2"}[mode])
    image = Image.frombytes(mode, (10, 8), samples.tobytes())
    expected = np.tile(SAMPLES_8[None, :, None], (8, 1, 3))
    np.testing.assert_array_equal(decode_photo(encode(image, "TIFF")), expected)


def test_16_bit_colour_tiff_keeps_the_upper_byte():
    cv2 = pytest.importorskip("cv2")
    samples = np.tile(SAMPLES_16[None, :, None], (8, 1, 3))
    samples[..., 0] = samples[:, ::-1, 0]
    expected = np.tile(SAMPLES_8[None, :, None], (8, 1, 3))
    expected[..., 0] = expected[:, ::-1, 0]
    data = cv2.imencode(".tiff", samples[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode_photo(data), expected)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bit_samples_are_refused(dtype):
    data = encode(Image.fromarray(np.zeros((10, 10), dtype)), "TIFF")
    with pytest.raises(PhotoError, match=r"scan\.tiff has 32-bit samples"):
        decode_photo(data, "scan.tiff")


def test_cmyk_jpeg():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    photo = decode_photo(encode(image, "JPEG", quality=95))
    assert np.abs(photo.astype(int) - [255, 0, 0]).max() < 6


def test_cmyk_tiff():
    photo = decode_photo(encode(Image.new("CMYK", (16, 16), (255, 0, 0, 51)), "TIFF"))
    np.testing.assert_array_equal(photo, np.tile(np.uint8([0, 204, 204]), (16, 16, 1)))


def test_grey_and_one_bit():
    grey = np.arange(120, dtype=np.uint8).reshape(10, 12)
    np.testing.assert_array_equal(decode_photo(encode(Image.fromarray(grey), "PNG")), np.stack([grey] * 3, -1))
    bits = grey % 3 == 0
    expected = np.stack([np.where(bits, 255, 0)] * 3, -1)
    np.testing.assert_array_equal(decode_photo(encode(Image.fromarray(bits), "PNG")), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode):
    colour = {"RGBA": (100, 50, 0), "LA": (100,)}[mode]
    image = Image.new(mode, (12, 12), (*colour, 0))
    image.paste((*colour, 255), (0, 0, 4, 12))
    image.paste((*colour, 51), (4, 0, 8, 12))
    photo = decode_photo(encode(image, "PNG"))
    opaque = np.array(colour if mode == "RGBA" else colour * 3)
    assert (photo[:, :4] == opaque).all()
    assert np.abs(photo[:, 4:8] - (0.2 * opaque + 0.8 * 255)).max() <= 1
    assert (photo[:, 8:] == 255).all()


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 255])])
def test_palette_with_transparency(transparency):
    image = Image.new("P", (12, 12), 1)
    image.putpalette([10, 20, 30, 0, 0, 0, 200, 100, 50])
    image.paste(0, (0, 0, 4, 12))
    image.paste(2, (4, 0, 8, 12))
    photo = decode_photo(encode(image, "PNG", transparency=transparency))
    np.testing.assert_array_equal(photo[0, ::4], [[10, 20, 30], [200, 100, 50], [255, 255, 255]])


def test_palette_without_transparency():
    image = Image.new("P", (12, 12), 1)
    image.putpalette([10, 20, 30, 1, 2, 3])
    assert (decode_photo(encode(image, "PNG")) == [1, 2, 3]).all()


def test_first_of_the_pictures_a_phone_stores_in_one_jpeg():
    frames = [Image.new("RGB", (16, 16), grey) for grey in ("white", "black")]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert (decode_photo(data) == 255).all()


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animation_gives_its_first_frame(image_format):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    photo = decode_photo(encode(frames[0], image_format, save_all=True, append_images=frames[1:]))
    np.testing.assert_array_equal(photo, np.tile(np.uint8([255, 0, 0]), (16, 16, 1)))


# Where EXIF says the first row and first column of the stored pixels belong.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(rgb, image_format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(rgb), image_format, exif=exif)
    np.testing.assert_array_equal(decode_photo(data), UPRIGHT[orientation](rgb))


def test_exif_orientation_of_jpeg_and_of_16_bit_grey(rgb):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode_photo(encode(Image.fromarray(rgb), "JPEG", exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(decode_photo(encode(Image.fromarray(rgb), "JPEG")), -1))
    grey = (rgb[..., 0].astype(np.uint16) << 8) + 7
    data = encode(Image.fromarray(grey), "PNG", exif=exif)
    np.testing.assert_array_equal(decode_photo(data)[..., 0], np.rot90(rgb[..., 0], -1))


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_unknown_exif_orientation_leaves_the_photo(rgb, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode_photo(encode(Image.fromarray(rgb), "PNG", exif=exif)), rgb)


def test_damaged_exif_leaves_the_photo(rgb):
    plain = encode(Image.fromarray(rgb), "JPEG")
    damaged = encode(Image.fromarray(rgb), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xffgarbage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(decode_photo(damaged), decode_photo(plain))


def test_embedded_colour_profile_is_ignored(rgb):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    data = encode(Image.fromarray(rgb), "PNG", icc_profile=profile)
    assert b"iCCP" in data
    np.testing.assert_array_equal(decode_photo(data), rgb)


def test_a_hundred_megapixels_are_refused(tmp_path):
    side = 10_000
    data = png(side, side, 1, 0, bytes((side // 8 + 1) * side))
    assert side * side > MAX_PIXELS
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(PhotoError, match=r"bomb\.png has 10000 x 10000 pixels.*50,000,000"):
            decode_photo(path)


def test_sizes_are_read_from_the_header_before_decoding():
    header_only = png(7100, 7100, 8, 2, b"")
    with pytest.raises(PhotoError, match="7100 x 7100 pixels"):
        decode_photo(header_only)
    with pytest.raises(PhotoError, match="more than the 50,000,000 pixels"):
        decode_photo(png(2**20, 2**20, 8, 2, b""))


def test_tiny_photo_is_refused():
    assert decode_photo(encode(Image.new("RGB", (8, 8)), "PNG")).shape == (8, 8, 3)
    with pytest.raises(PhotoError, match="dot has 7 x 8 pixels"):
        decode_photo(encode(Image.new("RGB", (7, 8)), "PNG"), "dot")


def test_files_that_are_no_photo(tmp_path):
    missing = tmp_path / "missing.jpg"
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    text = tmp_path / "text.jpg"
    text.write_text("this is no photo\n" * 50)
    for path, reason in [(missing, "does not exist"), (empty, "is empty"), (text, "is not"), (tmp_path, "is a folder")]:
        with pytest.raises(PhotoError, match=reason) as caught:
            decode_photo(path)
        assert str(path) in str(caught.value)
    with pytest.raises(PhotoError, match="cannot be opened"):
        decode_photo("a\0b.png")
    with pytest.raises(PhotoError, match=r"^upload 7 is empty"):
        decode_photo(b"", "upload 7")


def test_other_formats_are_refused():
    with pytest.raises(PhotoError, match="not a readable PNG"):
        decode_photo(encode(Image.new("RGB", (20, 20)), "EPS"))


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_truncated_photo_is_refused(image_format, tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), image_format)
    for share in (0.001, 0.01, 0.1, 0.5, 0.9):
        path = tmp_path / f"cut{share}.img"
        path.write_bytes(data[: max(1, int(len(data) * share))])
        with pytest.raises(PhotoError) as caught:
            decode_photo(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_give_a_photo_or_a_photo_error(image_format):
    generator = np.random.default_rng(2)
    image = Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if image_format in ("BMP", "GIF") else {"exif": exif}
    data = np.frombuffer(encode(image, image_format, **options), np.uint8)
    refused = 0
    for _ in range(200):
        damaged = data.copy()
        # Headers lie at the front, so most of the damage goes there.
        places = generator.integers(0, generator.choice([32, 200, len(data)]), 3) % len(data)
        damaged[places] = generator.integers(0, 256, 3)
        try:
            assert decode_photo(damaged.tobytes()).shape[2:] == (3,)
        except PhotoError:
            refused += 1
    assert refused > 0


def test_pillow_settings_are_left_alone(rgb):
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    decode_photo(encode(Image.fromarray(rgb), "PNG"))
    with pytest.raises(PhotoError):
        decode_photo(encode(Image.fromarray(rgb), "PNG")[:60])
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_size_limit_holds_without_pillow_s_own(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(PhotoError, match="1048576 x 1048576 pixels"):
        decode_photo(png(2**20, 2**20, 8, 2, b""))


def test_no_file_stays_open(rgb, tmp_path):
    """Neither while somebody still holds it, nor until Python clears it away, of which it warns."""
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(encode(Image.fromarray(rgb), "PNG"))
    bad.write_bytes(good.read_bytes()[:60])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        decode_photo(good)
        with pytest.raises(PhotoError) as kept:
            decode_photo(bad)
        still_open = [file.path for file in psutil.Process().open_files()]
        del kept
        gc.collect()
    assert not [path for path in still_open if path.startswith(str(tmp_path))]
    assert not [str(warning.message) for warning in said if str(tmp_path) in str(warning.message)]


def test_resize_uses_every_pixel():
    photo = np.zeros((90, 60, 3), np.uint8)
    photo[:, 1::2] = 200  # stripes that sampling without antialiasing would turn into bands
    small = resize_photo(photo, 10)
    assert small.shape == (10, 10, 3)
    assert small.dtype == np.uint8
    assert np.abs(small.astype(int) - 100).max() <= 12


def test_resize_keeps_what_lies_at_the_border():
    photo = np.zeros((100, 400, 3), np.uint8)
    photo[:, :40] = [255, 0, 0]
    photo[:, -40:] = [0, 0, 255]
    small = resize_photo(photo, 50)
    assert (small[:, 0] == [255, 0, 0]).all()
    assert (small[:, -1] == [0, 0, 255]).all()


def test_resize_matches_bilinear_interpolation_when_enlarging():
    photo = np.zeros((8, 8, 3), np.uint8)
    photo[:] = (np.arange(8) * 32)[None, :, None]
    centres = (np.arange(16) + 0.5) / 2 - 0.5
    expected = np.interp(centres, np.arange(8), np.arange(8) * 32)
    assert np.abs(resize_photo(photo, 16)[3, :, 1] - expected).max() <= 1


def test_resize_is_identity_at_the_same_size():
    photo = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_photo(photo, 32), photo)


@pytest.mark.parametrize(("image_format", "largest"), [("AVIF", 40), ("HEIF", 10)])
def test_photos_of_phones_are_read(image_format, largest):
    if image_format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:20, :30] = (200, 80, 80)
    difference = decode_photo(encode(Image.fromarray(photo), image_format, quality=90)).astype(int) - photo
    assert np.abs(difference).max() <= largest
    assert np.abs(difference).mean() < 2


def test_a_heic_photo_without_its_extra_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match=r'arm\.heic is a HEIC photo.*pip install "mpox-keras\[heic\]".*JPEG'):
        decode_photo(b"\0\0\0\x18ftypheic" + bytes(64), name="arm.heic")


def test_a_photo_may_be_given_in_any_form(rgb, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encode(Image.fromarray(rgb), "PNG"))
    with path.open("rb") as stream:
        for given in (path, str(path), path.read_bytes(), stream, Image.fromarray(rgb), rgb):
            np.testing.assert_array_equal(read_photo(given), rgb)


@pytest.mark.parametrize("given", [3, None, ["photo.png"], np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_photo_is_named(given):
    with pytest.raises(TypeError, match=r"\(height, width, 3\)"):
        read_photo(given)
