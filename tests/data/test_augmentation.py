"""Training batches: repeatable, resumable, and changed in no other way than asked."""

import itertools

import numpy as np
import pytest

from mpox_keras.config import AugmentationConfig
from mpox_keras.data.augmentation import augment, is_skin_coloured, training_batches
from mpox_keras.data.styles import looks_like_skin

NOTHING = AugmentationConfig(
    crop_area=[1.0, 1.0], crop_aspect=[1.0, 1.0], flips=False, brightness=0, contrast=0, saturation=0, white_balance=0, mixup=0
)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    return random.integers(0, 256, (10, 32, 32, 3), dtype="uint8"), np.eye(10, dtype="float32")


def take(data, count, augmentation=NOTHING, seed=3, first_step=0):
    batches = training_batches(*data, augmentation, batch_size=4, seed=seed, first_step=first_step)
    return [tuple(array.numpy() for array in batch) for batch in itertools.islice(batches, count)]


def test_nothing_asked_changes_nothing(data):
    photos, _ = data
    for images, targets in take(data, 4):
        np.testing.assert_allclose(images, photos[targets.argmax(1)], atol=1e-3)


def test_an_epoch_sees_a_photo_at_most_once_and_epochs_differ(data):
    order = [targets.argmax(1).tolist() for _, targets in take(data, 8)]
    epochs = [order[i] + order[i + 1] for i in range(0, 8, 2)]
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert set(itertools.chain(*epochs)) == set(range(10))


def test_the_same_seed_gives_the_same_batches_and_a_resumed_run_the_rest_of_them(data):
    everything = AugmentationConfig()
    whole = take(data, 6, everything)
    for (a, b), (c, d) in zip(whole[3:], take(data, 3, everything, first_step=3), strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    assert not np.array_equal(whole[0][0], take(data, 1, everything, seed=4)[0][0])


def test_a_crop_is_a_part_of_the_photo():
    rows = np.broadcast_to(np.arange(64, dtype="float32")[None, :, None, None], (200, 64, 64, 3))
    targets = np.eye(200, dtype="float32")
    change = {"crop_area": [0.25, 0.25], "crop_aspect": [1.0, 1.0]}
    images, _ = augment(rows, targets, NOTHING.model_copy(update=change), [0, 0])
    span = np.ptp(images.numpy()[..., 0], axis=(1, 2))
    np.testing.assert_allclose(span, 0.5 * 63, atol=0.1)
    assert images.numpy().min() >= 0
    assert images.numpy().max() <= 63


def test_flips_mirror_half_of_the_photos():
    photo = np.random.default_rng(0).uniform(0, 255, (32, 32, 3)).astype("float32")
    batch = np.repeat(photo[None], 400, axis=0)
    images, _ = augment(batch, np.eye(400, dtype="float32"), NOTHING.model_copy(update={"flips": True}), [0, 0])
    forms = [photo, photo[::-1], photo[:, ::-1], photo[::-1, ::-1]]
    found = [np.argmin([np.abs(image - form).max() for form in forms]) for image in images.numpy()]
    assert max(np.abs(image - forms[form]).max() for image, form in zip(images.numpy(), found, strict=True)) < 1e-2
    assert np.bincount(found, minlength=4).min() > 60


@pytest.mark.parametrize(
    ("key", "check"),
    [
        ("brightness", lambda before, after: np.ptp(after - before) < 1e-2),
        ("contrast", lambda before, after: np.ptp((after - 127.5) / (before - 127.5)) < 1e-3),
        ("saturation", lambda before, after: abs(np.ptp((after - before) @ [0.299, 0.587, 0.114])) < 1e-2),
        ("white_balance", lambda before, after: np.ptp(after / before, axis=(0, 1)).max() < 1e-3),
        # A turn about the grey axis keeps the mean of the channels and their spread.
        (
            "hue",
            lambda before, after: (
                np.abs((after - before).mean(-1)).max() < 1e-2 and np.ptp(after.std(-1) / before.std(-1)) < 1e-3
            ),
        ),
    ],
)
def test_each_colour_change_does_what_its_name_says(key, check):
    photo = np.random.default_rng(0).uniform(1, 100, (32, 32, 3)).astype("float32")
    images, _ = augment(photo[None], np.eye(1, dtype="float32"), NOTHING.model_copy(update={key: 0.3}), [1, 3])
    assert np.abs(images[0] - photo).max() > 0.5
    assert check(photo, images[0].numpy())


def test_the_asked_share_of_photos_turns_grey():
    photos = np.random.default_rng(0).uniform(0, 255, (400, 8, 8, 3)).astype("float32")
    images, _ = augment(photos, np.eye(400, dtype="float32"), NOTHING.model_copy(update={"grey": 0.25}), [0, 0])
    grey = np.ptp(images.numpy(), axis=-1).max(axis=(1, 2)) < 1e-2
    assert 70 < grey.sum() < 130
    np.testing.assert_allclose(images.numpy()[grey][..., 0], photos[grey] @ [0.299, 0.587, 0.114], atol=1e-2)
    np.testing.assert_allclose(images.numpy()[~grey], photos[~grey], atol=1e-2)


def test_degradation_changes_a_share_of_the_photos_and_keeps_what_they_show():
    rows = np.linspace(30, 220, 64)[:, None, None]
    photos = np.broadcast_to(rows, (200, 64, 64, 3)).astype("float32")
    images, _ = augment(photos, np.eye(200, dtype="float32"), NOTHING.model_copy(update={"degradation": 0.3}), [0, 0])
    images = images.numpy()
    changed = np.abs(images - np.round(photos)).max(axis=(1, 2, 3)) > 2
    # Three changes, each drawn on its own, change 1 - 0.7^3 of the photos; some of them hardly to be seen.
    assert 50 < changed.sum() < 150
    assert np.abs(images.mean(axis=(2, 3)) - photos.mean(axis=(2, 3))).max() < 12
    assert np.ptp(images[changed].std(axis=2).mean(axis=(1, 2))) > 3
    again, _ = augment(photos, np.eye(200, dtype="float32"), NOTHING.model_copy(update={"degradation": 0.3}), [0, 0])
    np.testing.assert_array_equal(images, again.numpy())


def test_background_is_painted_in_one_colour_and_skin_with_its_lesions_stays():
    photos = np.empty((400, 64, 64, 3), "float32")
    photos[:, :, :32], photos[:, :, 32:] = [60, 90, 160], [200, 150, 120]  # a blue wall beside skin
    photos[:, 30:33, 46:49] = [120, 30, 40]
    images, _ = augment(photos, np.eye(400, dtype="float32"), NOTHING.model_copy(update={"background": 0.25}), [0, 0])
    images = images.numpy()
    painted = np.abs(images - photos).max(axis=(1, 2, 3)) > 1
    assert 70 < painted.sum() < 130
    np.testing.assert_array_less(np.ptp(images[painted, :, :28], axis=(1, 2)), 1e-2)
    assert images[painted, 0, 0].std(axis=0).min() > 50
    np.testing.assert_allclose(images[:, :, 36:], photos[:, :, 36:], atol=1e-2)


def test_skin_is_found_as_in_the_split_by_style():
    colours = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype="uint8")
    found = is_skin_coloured(colours.astype("float32")).numpy()
    expected = np.stack([looks_like_skin(photo) for photo in colours])
    assert 0.05 < expected.mean() < 0.5
    assert np.mean(found != expected) < 0.005  # Pillow computes in whole numbers and may be off by one


def test_photos_come_at_the_size_that_is_asked_for(data):
    photos, targets = data
    images, _ = next(iter(training_batches(photos, targets, NOTHING, 4, seed=0, size=16)))
    assert images.shape == (4, 16, 16, 3)


def test_mixup_mixes_targets_as_it_mixes_photos():
    levels = np.array([0, 100, 200, 250], "float32")
    photos = np.broadcast_to(levels[:, None, None, None], (4, 32, 32, 3))
    images, targets = augment(photos, np.eye(4, dtype="float32"), NOTHING.model_copy(update={"mixup": 0.5}), [0, 1])
    np.testing.assert_allclose(images.numpy()[:, 0, 0, 0], targets.numpy() @ levels, atol=1e-3)
    np.testing.assert_allclose(targets.numpy().sum(axis=1), 1, atol=1e-6)
    assert (np.diag(targets.numpy()) >= 0.5).all()
    assert (targets.numpy() < 1).any()


def test_too_few_photos_for_a_batch_are_explained(data):
    with pytest.raises(ValueError, match="lower training"):
        training_batches(*data, NOTHING, batch_size=11, seed=0)
