"""Training batches: repeatable, resumable, and changed in no other way than asked."""

import itertools

import keras
import numpy as np
import pytest
from PIL import Image

from mpox_keras.config import AugmentationConfig
from mpox_keras.data.augmentation import RandomColour, RandomResizedCrop, augment, augmentation_layers, training_batches
from mpox_keras.data.decode import resize_photo


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    return random.integers(0, 256, (10, 32, 32, 3), dtype="uint8"), np.eye(10, dtype="float32")


def take(data, count, layers=(), seed=3, first_step=0):
    batches = training_batches(*data, layers, batch_size=4, seed=seed, first_step=first_step)
    return [tuple(array.numpy() for array in batch) for batch in itertools.islice(batches, count)]


def change(photos, *layers, seed=0):
    return augment(layers, photos, np.eye(len(photos), dtype="float32"), seed, 0)[0].numpy()


def test_an_epoch_sees_a_photo_at_most_once_and_epochs_differ(data):
    photos, _ = data
    batches = take(data, 8)
    for images, targets in batches:
        np.testing.assert_array_equal(images, photos[targets.argmax(1)])
    order = [targets.argmax(1).tolist() for _, targets in batches]
    epochs = [order[i] + order[i + 1] for i in range(0, 8, 2)]
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert set(itertools.chain(*epochs)) == set(range(10))


@pytest.mark.parametrize(
    "make",
    [
        lambda: augmentation_layers(AugmentationConfig(), 32),
        lambda: [keras.layers.RandomFlip(), keras.layers.RandAugment((0, 255)), keras.layers.CutMix()],
    ],
    ids=["of the config", "of Keras"],
)
def test_the_same_seed_gives_the_same_batches_and_a_resumed_run_the_rest_of_them(data, make):
    """Layers are made anew, as in another process."""
    whole = take(data, 4, make())
    for (a, b), (c, d) in zip(whole[2:], take(data, 2, make(), first_step=2), strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    assert not np.array_equal(whole[0][0], take(data, 1, make(), seed=4)[0][0])
    # Another epoch changes the same photos in another way.
    assert not any(np.array_equal(first, other) for first, other in itertools.combinations([a for a, _ in whole], 2))


def test_the_config_says_what_is_changed():
    def names(**changes):
        return [type(layer).__name__ for layer in augmentation_layers(AugmentationConfig(**changes), 32)]

    assert names() == ["RandomResizedCrop", "RandomColour", "MixUp"]
    assert names(colour=0.0, mixup=0.0) == ["RandomResizedCrop"]


def test_a_crop_is_a_part_of_the_photo_of_the_area_asked_for():
    rows = np.broadcast_to(np.arange(64, dtype="uint8")[None, :, None, None], (200, 64, 64, 3))
    height = np.ptp(change(rows, RandomResizedCrop(64, (0.25, 0.25)))[:, 4:60, 0, 0], axis=1) / 55
    width = np.ptp(change(rows.transpose(0, 2, 1, 3), RandomResizedCrop(64, (0.25, 0.25)))[:, 0, 4:60, 0], axis=1) / 55
    np.testing.assert_allclose(height * width, 0.25, atol=0.01)
    assert 1.25 < (height / width).max() <= 1.4


def test_a_whole_photo_is_reduced_by_the_filter_of_evaluation():
    photo = np.asarray(Image.effect_noise((96, 96), 80).convert("RGB"))
    expected = resize_photo(photo, 40)
    crops = change(np.repeat(photo[None], 20, axis=0), RandomResizedCrop(40, (1.0, 1.0)))
    nearest = min(np.abs(crop - expected).max() for crop in crops)
    assert nearest <= 1, "the resized photo itself, but for rounding, is among its mirror images"


def test_mirror_images_are_made_either_way():
    photo = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype="uint8")
    images = change(np.repeat(photo[None], 400, axis=0), RandomResizedCrop(32, (1.0, 1.0)))
    forms = np.stack([photo, photo[::-1], photo[:, ::-1], photo[::-1, ::-1]])
    distance = np.abs(images[:, None] - forms).max(axis=(2, 3, 4))
    assert distance.min(axis=1).max() < 1e-2
    assert np.bincount(distance.argmin(axis=1), minlength=4).min() > 60


def test_colours_change_by_one_affine_map_as_strong_as_asked():
    photos = np.random.default_rng(0).uniform(0, 255, (300, 8, 8, 3)).astype("float32")
    images = change(photos, RandomColour(0.3))
    maps = []
    for before, after in zip(photos.reshape(300, -1, 3), images.reshape(300, -1, 3), strict=True):
        found, residual, *_ = np.linalg.lstsq(np.c_[before, np.ones(64)], after, rcond=None)
        assert residual.max() < 1e-2
        maps.append(found)
    of_grey = np.array([1, 1, 1, 0]) @ maps  # contrast and the channels' gains
    assert 0.7 * 0.85 < of_grey.min() < 0.7
    assert 1.3 < of_grey.max() < 1.3 * 1.15
    assert np.abs(images - photos).mean(axis=(1, 2, 3)).min() > 0.5


def test_photos_come_at_the_size_that_is_asked_for(data):
    layers = augmentation_layers(AugmentationConfig(), 16)
    assert take(data, 1, layers)[0][0].shape == (4, 16, 16, 3)


def test_mixup_mixes_targets_as_it_mixes_photos():
    levels = np.array([0, 100, 200, 250], "float32")
    photos = np.broadcast_to(levels[:, None, None, None], (4, 32, 32, 3))
    layers = augmentation_layers(AugmentationConfig(colour=0.0, mixup=0.5), 32)
    images, targets = augment(layers, photos, np.eye(4, dtype="float32"), 0, 1)
    np.testing.assert_allclose(images.numpy()[:, 0, 0, 0], targets.numpy() @ levels, atol=1e-3)
    np.testing.assert_allclose(targets.numpy().sum(axis=1), 1, atol=1e-6)
    assert (targets.numpy().max(axis=1) < 1).any()
