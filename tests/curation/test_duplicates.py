import numpy as np
import pytest
from PIL import Image, ImageDraw
from scenes import make_scene, recode

from mpox_keras.curation import duplicates
from mpox_keras.curation.duplicates import MAX_SIDE, find_scene_pairs, to_comparison_copy


def resized(photo, width, height):
    return np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))


def found(photos):
    return [(pair.first, pair.second) for pair in find_scene_pairs([to_comparison_copy(photo) for photo in photos])]


CHANGES = {
    "re-encoded": lambda photo: recode(photo, 40),
    "reduced": lambda photo: resized(photo, 96, 96),
    "enlarged": lambda photo: resized(photo, 320, 320),
    "mirrored": lambda photo: photo[:, ::-1],
    "turned": lambda photo: np.rot90(photo),
    "turned and mirrored": lambda photo: np.rot90(photo)[:, ::-1],
    "upside down": lambda photo: photo[::-1],
    "cropped": lambda photo: photo[20:130, 40:150],
    "zoomed": lambda photo: resized(photo[40:110, 50:120], 160, 160),
    "zoomed and mirrored": lambda photo: resized(photo[40:120, 30:110], 160, 160)[:, ::-1],
    "squeezed": lambda photo: resized(photo, 105, 160),
    "cropped and squeezed": lambda photo: resized(photo[20:140], 105, 160),
    "brighter": lambda photo: np.clip(photo * 0.7 + 70, 0, 255).astype(np.uint8),
    "in a black border": lambda photo: np.pad(photo, ((30, 30), (10, 10), (0, 0))),
    "grey": lambda photo: np.repeat(photo.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2),
}


@pytest.mark.slow
def test_every_change_of_a_scene_is_found_and_nothing_else():
    photos = []
    for seed, change in enumerate(CHANGES.values()):
        scene = make_scene(seed, 160)
        photos += [scene, recode(np.ascontiguousarray(change(scene)), 85)]
    assert found(photos) == [(i, i + 1) for i in range(0, len(photos), 2)]


def test_overlap_tells_near_identical_photos_from_crops():
    scene = make_scene(1)
    photos = [scene, recode(scene, 60), scene[:, :112], recode(scene[:, ::-1], 60)]
    pairs = {(p.first, p.second): p for p in find_scene_pairs([to_comparison_copy(np.array(p)) for p in photos])}
    assert sorted(pairs) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert [pair.near_identical for _, pair in sorted(pairs.items())] == [True, False, True, False, True, False]
    assert pairs[0, 1].overlap == pytest.approx(1, abs=0.03)
    assert pairs[0, 2].overlap == pytest.approx(0.5, abs=0.03)
    assert pairs[0, 1].correlation > 0.9


def stamp(photo):
    image = Image.fromarray(photo)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 176, 224, 224), fill="black")
    draw.text((6, 178), "MEDICAL STOCK", fill="white", font_size=26)
    draw.text((6, 206), "image 4711 - all rights reserved", fill="white", font_size=13)
    return np.array(image)


@pytest.mark.slow
def test_a_caption_that_many_photos_share_does_not_link_them(monkeypatch):
    photos = [stamp(make_scene(seed)) for seed in range(5)]
    photos.append(stamp(recode(make_scene(2), 60)))
    assert found(photos) == [(2, 5)]
    # Without the comparison of pixels the caption would have linked all.
    monkeypatch.setattr(duplicates, "MIN_CORRELATION", -1)
    assert len(found(photos)) > 5


def test_a_small_logo_on_plain_ground_does_not_link_photos(monkeypatch):
    photos = []
    for colour in ("tan", "sienna", "peru", "wheat"):
        image = Image.new("RGB", (224, 224), colour)
        ImageDraw.Draw(image).text((8, 190), "agency 4711", fill="white", font_size=20, stroke_width=2, stroke_fill="black")
        photos.append(np.array(image))
    assert found(photos) == []
    monkeypatch.setattr(duplicates, "MIN_TEXTURED_SHARE", 0)
    assert len(found(photos)) > 0


def test_a_shared_border_does_not_link_photos():
    photos = [np.pad(make_scene(seed)[40:180, 30:190], ((42, 42), (32, 32), (0, 0))) for seed in range(6)]
    assert found(photos) == []


def test_many_copies_of_one_photo_are_connected():
    photos = [recode(make_scene(3, 100), quality) for quality in range(60, 88, 2)] + [make_scene(4, 100)]
    linked = found(photos)
    reached = {0}
    for _ in photos:
        reached |= {end for pair in linked for end in pair if set(pair) & reached}
    assert reached == set(range(len(photos) - 1))


def test_result_is_the_same_each_time():
    photos = [to_comparison_copy(make_scene(seed)[:160, :160]) for seed in (0, 1)]
    photos.append(to_comparison_copy(make_scene(0)[50:, 50:]))
    pairs = find_scene_pairs(photos)
    assert len(pairs) == 1
    assert find_scene_pairs(photos) == pairs


def test_photos_without_texture_are_linked_to_nothing():
    blank = np.full((60, 60, 3), 200, np.uint8)
    assert found([blank, blank]) == []
    assert found([blank, make_scene(0), blank]) == []
    assert found([make_scene(0)]) == []
    assert found([]) == []


def test_comparison_copy_is_grey_and_reduced():
    photo = np.zeros((300, 600, 3), np.uint8)
    photo[..., 1] = 100
    copy = to_comparison_copy(photo)
    assert copy.shape == (MAX_SIDE // 2, MAX_SIDE)
    assert copy.dtype == np.uint8
    assert (copy == 59).all()
    assert to_comparison_copy(photo[:50, :70]).shape == (50, 70)


def test_progress_reaches_the_end_of_each_step():
    calls = []
    scene = make_scene(0)
    find_scene_pairs([to_comparison_copy(p) for p in (scene, scene[20:])], lambda *call: calls.append(call))
    assert calls == [
        ("keypoints", 1, 2),
        ("keypoints", 2, 2),
        ("neighbours", 1, 2),
        ("neighbours", 2, 2),
        ("comparison", 1, 1),
    ]
