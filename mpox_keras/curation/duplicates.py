"""Photos of one scene: copies, crops, zooms, turned and mirrored versions, found by keypoints and confirmed by pixels.

Whole-image hashes miss crops and zooms, so photos are compared in three steps:

1. SIFT keypoints (Lowe 2004, doi 10.1023/B:VISI.0000029664.99615.94) as RootSIFT (Arandjelovic and Zisserman 2012, doi
   10.1109/CVPR.2012.6248018) of every photo go into one index of nearest neighbours. Each photo asks it as it is, and also
   narrowed and flattened, because photos squeezed to a square lose their aspect; and for all three mirrored.
2. Neighbours vote for the scale, turn and shift between two photos (section 7.3 of Lowe). Two photos with `MIN_VOTES` agreeing
   neighbours are matched on their own, and a similarity transform is fitted by RANSAC.
3. One photo is laid over the other, the fit is refined to an affine one (Evangelidis and Psarakis 2008, doi
   10.1109/TPAMI.2008.113), and the pixels are compared window by window over the whole overlap. Keypoints alone would link
   photos by a logo, caption or border that many share, and by the common shape of faces and hands.

All thresholds were chosen by hand on the photos of MSID, the ones that `tools/measure_duplicates.py` measures on: expect
somewhat worse figures on other photos. Two different photographs of one patient are rarely found, and copies of a photo that is
plain nearly all over are not; only people or a list of patients can tell.
"""

import contextlib
import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from mpox_keras.utils.errors import require

cv2 = require("cv2", "duplicates", "finding duplicates")

# Called with the name of a step, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]

MAX_SIDE = 256  # pixels on the longer side at which photos are compared
KEYPOINTS = 600
QUERIES = 300  # the strongest of them, which ask for their neighbours: asking takes most of the time
NEIGHBOURS = 12
MAX_DISTANCE_RATIO = 0.95
# Squared RootSIFT distance of the same spot in two encodings. The ratio alone would lose a photo with many copies,
# whose farthest neighbour is as near as its nearest.
COPY_DISTANCE = 0.05
MIN_VOTES = 4
MIN_INLIERS = 5
MIN_CORRELATION = 0.7
MIN_OVERLAP_PIXELS = 400
# Below this share of the overlap, what matches may be a small logo on plain ground.
MIN_TEXTURED_SHARE = 0.2
NEAR_IDENTICAL_OVERLAP = 0.7

# (mirrored, width factor, height factor); the first is the photo as it is.
_VARIANTS = tuple((mirrored, *squeeze) for mirrored in (False, True) for squeeze in ((1, 1), (0.65, 1), (1, 0.65)))
# Order of the numbers of a descriptor, 4 rows of 4 cells of 8 directions along its keypoint's own, in the mirrored photo's.
_MIRRORED = np.arange(128).reshape(4, 4, 8)[::-1, :, -np.arange(8) % 8].ravel()
_SCALE_BINS, _TURN_BINS, _SHIFT_BINS = 9, 9, 41


@dataclasses.dataclass(frozen=True)
class ScenePair:
    """Two photos found to show one scene, by their indices, the smaller one first, or by their files."""

    first: int | str
    second: int | str
    inliers: int  # keypoint matches that agree with one transform
    correlation: float  # mean local correlation of the pixels where the photos overlap, at most 1
    overlap: float  # the smaller of the two shares (0-1) that the overlap has of either photo

    @property
    def near_identical(self) -> bool:
        """Whether each photo shows nearly all that the other shows, so that their labels cannot differ."""
        return self.overlap >= NEAR_IDENTICAL_OVERLAP


@dataclasses.dataclass(frozen=True)
class _Keypoints:
    places: np.ndarray  # (keypoints, 4): x, y, size, angle in degrees; the strongest first
    sift: np.ndarray  # (keypoints, 128) uint8: a quarter of the memory of what is made of them
    width: int  # of the photo

    def mirrored(self) -> "_Keypoints":
        places = self.places * np.float32([-1, 1, 1, -1]) + np.float32([self.width - 1, 0, 0, 180])
        return _Keypoints(places, self.sift[:, _MIRRORED], self.width)

    def root_sift(self) -> np.ndarray:
        """`(keypoints, 128)` float32 of unit length."""
        descriptors = self.sift.astype(np.float32)
        return np.sqrt(descriptors / (descriptors.sum(axis=1, keepdims=True) + 1e-7))


def to_comparison_copy(photo: np.ndarray) -> np.ndarray:
    """Grey copy, `(height, width)`, of a photo, `(height, width, 3)` uint8, within `MAX_SIDE`: what is compared."""
    image = Image.fromarray(photo).convert("L")
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BILINEAR)
    return np.array(image)


def find_scene_pairs(photos: Sequence[np.ndarray], progress: Progress = lambda *step: None) -> list[ScenePair]:
    """Find the photos that show one scene.

    Args:
        photos: results of `to_comparison_copy`.
        progress: told of every photo, in each of three steps.

    Returns:
        The confirmed pairs, sorted. Not every pair of a scene is confirmed on its own: take connected components.

    Example:
        >>> pairs = find_scene_pairs([to_comparison_copy(decode_photo(path)) for path in paths])
        >>> [(pair.first, pair.second) for pair in pairs]
        [(3, 17)]
    """
    keypoints = []
    for done, photo in enumerate(photos, 1):
        found = [_detect_keypoints(_make_variant(photo, *variant)) for variant in _VARIANTS[:3]]
        keypoints.append(found + [each.mirrored() for each in found])
        progress("keypoints", done, len(photos))

    candidates = defaultdict(list)
    for query, variant, other, votes in _vote(photos, keypoints, progress):
        candidates[min(query, other), max(query, other)].append((votes, query, variant, other))

    pairs = []
    for done, ((first, second), matches) in enumerate(sorted(candidates.items()), 1):
        for _, query, variant, other in sorted(matches, reverse=True)[:4]:
            queried = _make_variant(photos[query], *_VARIANTS[variant])
            if found := _compare(queried, keypoints[query][variant], photos[other], keypoints[other][0]):
                pairs.append(ScenePair(first, second, *found))
                break
        progress("comparison", done, len(candidates))
    return pairs


def _make_variant(photo: np.ndarray, mirrored: bool, width_factor: float, height_factor: float) -> np.ndarray:
    photo = cv2.flip(photo, 1) if mirrored else photo
    return cv2.resize(photo, None, fx=width_factor, fy=height_factor, interpolation=cv2.INTER_AREA)


def _detect_keypoints(photo: np.ndarray) -> _Keypoints:
    # The contrast threshold is far below the usual 0.04: a strong zoom is blurred and has few keypoints.
    sift = cv2.SIFT_create(nfeatures=KEYPOINTS, contrastThreshold=0.006, edgeThreshold=15)
    points, descriptors = sift.detectAndCompute(photo, None)
    strongest = sorted(range(len(points)), key=lambda index: -points[index].response)
    places = [(*points[index].pt, points[index].size, points[index].angle) for index in strongest]
    found = descriptors[strongest].astype(np.uint8) if points else np.zeros((0, 128), np.uint8)
    return _Keypoints(np.array(places, np.float32).reshape(-1, 4), found, photo.shape[1])


def _vote(photos, keypoints, progress) -> Iterator[tuple[int, int, int, int]]:
    """Yield `(query, variant, other, votes)` for the photos that agree with a variant of the queried photo."""
    indexed = [variants[0] for variants in keypoints]
    owner = np.repeat(np.arange(len(photos)), [len(item.places) for item in indexed])
    if len(owner) < 2:
        return
    places = np.concatenate([item.places for item in indexed])
    cv2.setRNGSeed(0)
    index = cv2.flann_Index(np.concatenate([item.root_sift() for item in indexed]), {"algorithm": 1, "trees": 4})
    for query, variants in enumerate(keypoints):
        for variant, item in enumerate(variants):
            if not len(item.places):
                continue
            found, distance = index.knnSearch(item.root_sift()[:QUERIES], min(NEIGHBOURS, len(owner)), params={"checks": 64})
            near = (distance < MAX_DISTANCE_RATIO**2 * distance[:, -1:]) | (distance < COPY_DISTANCE)
            near &= owner[found] != query
            rows, _ = np.nonzero(near)
            size = np.multiply(photos[query].shape[::-1], _VARIANTS[variant][1:])
            for other, votes in _count_votes(item.places[rows], places[found[near]], owner[found[near]], size).items():
                yield query, variant, other, votes
        progress("neighbours", query + 1, len(photos))


def _count_votes(places, other_places, owners, size) -> dict[int, int]:
    """Largest number of matches that agree on a transform, per other photo; those below `MIN_VOTES` are left out."""
    scale = np.log2(other_places[:, 2] / places[:, 2])
    turn = (other_places[:, 3] - places[:, 3]) % 360
    factor, angle = 2**scale, np.deg2rad(turn)
    # Where the match puts the centre of the queried photo: the same place for all matches of one transform.
    from_centre = size / 2 - places[:, :2]
    x = other_places[:, 0] + factor * (np.cos(angle) * from_centre[:, 0] - np.sin(angle) * from_centre[:, 1])
    y = other_places[:, 1] + factor * (np.sin(angle) * from_centre[:, 0] + np.cos(angle) * from_centre[:, 1])
    votes = {}
    # Bins shifted by half their width as well, so that no transform falls between two bins.
    for scale_shift, turn_shift, x_shift, y_shift in itertools.product((0, 0.5), repeat=4):
        scale_bin = (np.floor(scale + scale_shift).astype(int) + _SCALE_BINS // 2).clip(0, _SCALE_BINS - 1)
        turn_bin = np.floor(turn * _TURN_BINS / 360 + turn_shift).astype(int) % _TURN_BINS
        width = size.max() / 4 * np.maximum(2.0 ** (scale_bin - _SCALE_BINS // 2), 0.5)
        x_bin = (np.floor(x / width + x_shift).astype(int) + _SHIFT_BINS // 2).clip(0, _SHIFT_BINS - 1)
        y_bin = (np.floor(y / width + y_shift).astype(int) + _SHIFT_BINS // 2).clip(0, _SHIFT_BINS - 1)
        bins = ((owners * _SCALE_BINS + scale_bin) * _TURN_BINS + turn_bin) * _SHIFT_BINS**2 + x_bin * _SHIFT_BINS + y_bin
        bins, counts = np.unique(bins, return_counts=True)
        agreed = counts >= MIN_VOTES
        agreed_owners = bins[agreed] // (_SCALE_BINS * _TURN_BINS * _SHIFT_BINS**2)
        for other, count in zip(agreed_owners.tolist(), counts[agreed].tolist(), strict=True):
            votes[other] = max(votes.get(other, 0), count)
    return votes


def _compare(first, first_keypoints, second, second_keypoints) -> tuple[int, float, float] | None:
    """`(inliers, correlation, overlap)` if the two photos show one scene, else None."""
    transform, inliers = _fit_transform(first_keypoints, second_keypoints)
    if inliers < MIN_INLIERS:
        return None
    scale = np.sqrt(abs(np.linalg.det(transform[:, :2])))
    if not 1 / 6.5 < scale < 6.5:
        return None
    # The finer photo is brought down to the coarser one: enlarging would compare pixels that were never seen.
    if scale > 1:
        first, second, scale = second, first, 1 / scale
    else:
        transform = cv2.invertAffineTransform(transform)
    fine = cv2.GaussianBlur(first.astype(np.float32), (0, 0), 0.7 / scale)
    coarse = cv2.GaussianBlur(second.astype(np.float32), (0, 0), 0.7)
    correlation, overlap = _correlate(fine, coarse, transform)
    if correlation < 0.1:  # too far off for the refinement to find anything
        return None
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-3)
    with contextlib.suppress(cv2.error):  # no convergence
        refined = cv2.findTransformECC(coarse, fine, transform.astype(np.float32), cv2.MOTION_AFFINE, criteria, None, 5)[1]
        stretch = np.linalg.svd(refined[:, :2], compute_uv=False)
        if stretch[0] < 2 * stretch[1]:
            correlation, overlap = max((correlation, overlap), _correlate(fine, coarse, refined))
    return (inliers, correlation, overlap) if correlation >= MIN_CORRELATION else None


def _fit_transform(first: _Keypoints, second: _Keypoints) -> tuple[np.ndarray | None, int]:
    if min(len(first.places), len(second.places)) < MIN_INLIERS:
        return None, 0
    similarity = first.root_sift() @ second.root_sift().T
    rows = np.arange(len(similarity))
    nearest = similarity.argmax(axis=1)
    mutual = similarity.argmax(axis=0)[nearest] == rows
    distance = 1 - similarity[rows, nearest]
    similarity[rows, nearest] = -1
    chosen = mutual & (distance < 0.9**2 * (1 - similarity.max(axis=1)))
    if chosen.sum() < MIN_INLIERS:
        return None, 0
    start, end = first.places[chosen, :2], second.places[nearest[chosen], :2]
    transform, inlier = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=4, confidence=0.99)
    if transform is None:
        return None, 0
    # SIFT may give one spot several orientations; a spot counts once.
    return transform, min(len(np.unique(points[inlier[:, 0] > 0].round(), axis=0)) for points in (start, end))


def _correlate(fine, coarse, transform) -> tuple[float, float]:
    """Mean local correlation where there is texture, and overlap; `transform` takes places of `coarse` to those of `fine`."""
    size = coarse.shape[::-1]
    laid = cv2.warpAffine(fine, transform, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    inside = cv2.warpAffine(np.ones_like(fine), transform, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    area = float(inside.sum())
    if area < MIN_OVERLAP_PIXELS:
        return 0.0, 0.0
    overlap = area * min(1 / coarse.size, abs(np.linalg.det(transform[:, :2])) / fine.size)

    def local_mean(values):
        return cv2.GaussianBlur(values, (0, 0), 6) / weight

    weight = cv2.GaussianBlur(inside, (0, 0), 6) + 1e-6
    a = (laid - local_mean(laid * inside)) * inside
    b = (coarse - local_mean(coarse * inside)) * inside
    variance_a, variance_b, covariance = local_mean(a * a), local_mean(b * b), local_mean(a * b)
    # Two flat areas look alike whatever they show, so they say nothing.
    textured = (inside > 0) & (np.maximum(variance_a, variance_b) > 9)
    if textured.sum() < MIN_TEXTURED_SHARE * area:
        return 0.0, 0.0
    # The 4 keeps the noise of encoders from counting as texture.
    correlation = covariance[textured] / np.sqrt(variance_a[textured] * variance_b[textured] + 4)
    return float(correlation.mean()), min(float(overlap), 1.0)
