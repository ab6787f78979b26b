"""A large pretrained network teaches the small one: soft labels from a linear classifier on its features."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_PARTS = 4
_VIEWS_TO_FIT = 4
_STRENGTH = 3e-3  # inverse of the ridge penalty
_ITERATIONS = 100


def soft_labels(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """The teacher's probabilities for every view of the training photos.

    A teacher that was fitted on a photo would only repeat its label. So the photos are divided in four parts, groups kept
    together, and each part is taught by a logistic regression that was fitted on the other three.

    Args:
        features: of the teacher, `(photos, views, features)`.
        labels: `(photos,)`, class numbers.
        groups: `(photos,)`, a group's photos are taught by the same part.
        classes: number of classes.
        seed: of the division.

    Returns:
        `(photos, views, classes)`, each row summing to 1.

    Example:
        >>> targets = 0.3 * one_hot[:, None] + 0.7 * soft_labels(views.teacher, labels, groups, 4, seed=0)
    """
    result = np.zeros((*features.shape[:2], classes), np.float32)
    fitted = features[:, :_VIEWS_TO_FIT]
    for others, part in StratifiedGroupKFold(_PARTS, shuffle=True, random_state=seed).split(labels, labels, groups):
        teacher = make_pipeline(
            StandardScaler(), LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=_ITERATIONS)
        )
        teacher.fit(fitted[others].reshape(-1, features.shape[2]), np.repeat(labels[others], fitted.shape[1]))
        probabilities = teacher.predict_proba(features[part].reshape(-1, features.shape[2]))
        # A class that a part lacks has no column.
        result[np.ix_(part, range(features.shape[1]), teacher.classes_)] = probabilities.reshape(
            len(part), features.shape[1], -1
        )
    return result
