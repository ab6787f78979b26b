"""Splits that keep groups together and class shares alike."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from mpox_keras.data.folder import DataError, Photo


def assign_folds(photos: Sequence[Photo], folds: int, seed: int) -> np.ndarray:
    """Fold number of each photo: as given with the data, else stratified by class with groups kept together.

    Photos without a fold get one of as many as are given, or where none are, of so many: `(photos,)`, whole numbers from 0.
    DataError if a given fold splits a group, or a class has fewer groups than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    given = _given_folds(photos)
    if len(numbers := sorted(set(given.values()))) > 1:
        folds, missing = len(numbers), [photo for photo in photos if photo.group not in given]
        made = assign_folds([dataclasses.replace(photo, fold=None) for photo in missing], folds, seed) if missing else ()
        given |= {photo.group: numbers[fold] for photo, fold in zip(missing, made, strict=True)}
        return np.array([given[photo.group] for photo in photos])
    labels = np.array([photo.label for photo in photos])
    groups = np.array([photo.group for photo in photos])
    for label in np.unique(labels):
        if (found := len(set(groups[labels == label]))) < folds:
            raise DataError(
                f"{label} has {found} groups of photos, too few for {folds} folds. Add photos or lower the number of folds."
            )
    assigned = np.empty(len(photos), int)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
        assigned[held_out] = fold
    return assigned


def split_off_validation(photos: Sequence[Photo], fraction: float, seed: int) -> tuple[list[Photo], list[Photo]]:
    """Training and validation photos; about `fraction` of the photos, in whole groups, go to validation.

    DataError if a class has too few groups to be on both sides.

    Example:
        >>> training, validation = split_off_validation(photos, 0.2, seed=0)
    """
    if not fraction:
        return list(photos), []
    unfolded = [dataclasses.replace(photo, fold=None) for photo in photos]
    held_out = assign_folds(unfolded, max(2, round(1 / fraction)), seed) == 0
    return list(itertools.compress(photos, ~held_out)), list(itertools.compress(photos, held_out))


def _given_folds(photos):
    """Fold by group, of the groups that have one."""
    fold_of_group = {}
    for photo in photos:
        if photo.fold is not None and fold_of_group.setdefault(photo.group, photo.fold) != photo.fold:
            raise DataError(
                f"group {photo.group} straddles folds {fold_of_group[photo.group]} and {photo.fold} ({photo.file}): "
                "photos of one scene or patient would be on both sides of a split."
            )
    return fold_of_group
