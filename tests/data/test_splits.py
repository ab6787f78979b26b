"""Splits never cut through a group and keep class shares alike."""

import collections
from dataclasses import replace

import numpy as np
import pytest

from mpox_keras.data.folder import DataError, Photo
from mpox_keras.data.splits import assign_folds, split_off_validation


def make_photos(seed, fold=lambda group: None):
    random = np.random.default_rng(seed)
    photos = []
    for label, groups in {"mpox": 40, "chickenpox": 20, "measles": 15, "normal": 60}.items():
        for group in range(groups):
            for view in range(random.integers(1, 6)):
                photos.append(Photo(f"{label}/{group}_{view}.png", b"", label, f"{label}-{group}", fold(group)))
    return photos


@pytest.mark.parametrize("seed", range(5))
def test_folds_keep_groups_together_and_class_shares_alike(seed):
    photos = make_photos(seed)
    folds = assign_folds(photos, 5, seed)
    folds_of_group = collections.defaultdict(set)
    for photo, fold in zip(photos, folds, strict=True):
        folds_of_group[photo.group].add(fold)
    assert all(len(found) == 1 for found in folds_of_group.values())
    labels = np.array([photo.label for photo in photos])
    for label in set(labels):
        shares = [np.mean(labels[folds == fold] == label) for fold in range(5)]
        assert max(shares) - min(shares) < 0.12
    assert np.array_equal(folds, assign_folds(photos, 5, seed))
    assert not np.array_equal(folds, assign_folds(photos, 5, seed + 1))


def test_given_folds_win():
    photos = make_photos(0, fold=lambda group: group % 3)
    assert assign_folds(photos, 5, 0).tolist() == [photo.fold for photo in photos]


def test_photos_without_a_fold_get_one_of_those_given():
    """As where a source that has folds is put together with one that has none."""
    given = make_photos(0, fold=lambda group: 2 * (group % 3))
    more = [replace(p, file=f"more/{p.file}", group=f"more-{p.group}", fold=None) for p in make_photos(1)]
    # A photo without a fold, of a group that has one.
    late = replace(given[0], file="late.png", fold=None)
    photos = [*more, *given, late]
    folds = assign_folds(photos, 5, 0)
    assert folds[len(more) : -1].tolist() == [photo.fold for photo in given]
    assert folds[-1] == given[0].fold
    assert set(folds.tolist()) == {0, 2, 4}
    folds_of_group = collections.defaultdict(set)
    for photo, fold in zip(photos, folds, strict=True):
        folds_of_group[photo.group].add(fold)
    assert all(len(found) == 1 for found in folds_of_group.values())
    labels = np.array([photo.label for photo in more])
    for label in set(labels):
        shares = [np.mean(labels[folds[: len(more)] == fold] == label) for fold in (0, 2, 4)]
        assert max(shares) - min(shares) < 0.12
    assert np.array_equal(folds, assign_folds(photos, 5, 0))


def test_one_fold_is_none():
    photos = make_photos(0, fold=lambda group: 3)
    assert set(assign_folds(photos, 5, 0).tolist()) == set(range(5))


def test_given_folds_that_cut_a_group_are_refused():
    photos = [Photo("a", b"", "mpox", "scene", 0), Photo("b", b"", "mpox", "scene", 1)]
    with pytest.raises(DataError, match="group scene straddles folds 0 and 1"):
        assign_folds(photos, 5, 0)


def test_too_few_groups_are_refused():
    photos = [Photo(f"{i}", b"", "mpox", "one scene") for i in range(10)]
    with pytest.raises(DataError, match="mpox has 1 groups of photos, too few for 5 folds"):
        assign_folds(photos, 5, 0)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_validation_shares_no_group_with_training(fraction):
    photos = make_photos(1, fold=lambda group: group % 5)
    training, validation = split_off_validation(photos, fraction, seed=0)
    assert not {photo.group for photo in training} & {photo.group for photo in validation}
    assert {photo.file for photo in training} | {photo.file for photo in validation} == {photo.file for photo in photos}
    assert abs(len(validation) / len(photos) - fraction) < 0.06
    assert {photo.label for photo in validation} == {photo.label for photo in photos}
    assert split_off_validation(photos, 0, seed=0) == (photos, [])
