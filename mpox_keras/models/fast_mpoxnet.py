"""Fast-MpoxNet."""

import os

import keras

from mpox_keras.layers.ablgfm import ABLGFM
from mpox_keras.models.backbones import Backbone, load_trained
from mpox_keras.models.image_classifier import Network
from mpox_keras.models.pyramid import moments_of, pyramid_of, textures_of, together

_WIDTHS = {True: (16, 20), False: (24, 112)}
"""With the pyramid or without -> `fusion_filters`, as wide as 0.275 M parameters, when deployed, allow."""

_STAGES = {2: 8, 3: 16, 4: 32}
"""Stage number, in the names of outputs and layers -> stride."""


@keras.saving.register_keras_serializable(package="mpox_keras")
class FastMpoxNet(Network):
    """Fast-MpoxNet (Yue et al. 2024, arXiv 2308.13492) in its training form.

    The maps of a small backbone at strides 8, 16 and 32 are fused by two ABLGFM modules and classified; in training each of the
    three also has a head of its own. The README lists what the paper states and what is reconstructed here.

    Input: photos `(batch, height, width, 3)`, 0 to 255; the rescaling is inside the model. Output: a dict of logits, each
    `(batch, classes)`: `diagnosis` and, with auxiliary heads, `auxiliary_2`, `auxiliary_3`, `auxiliary_4` for strides 8, 16 and
    32. `mpox_keras.deploy` turns the model into the form that gives probabilities.

    Args:
        classes: number of classes.
        weights: None (random); `"imagenet"` or an `.h5` file of Keras, for the backbone; or a preset's name, a run folder or a
            `.keras` file, whose weights are taken wherever they fit: a head for other classes starts anew.
        input_shape: height and width, each a multiple of 32, and 3.
        backbone: any `Backbone` with endpoints of these strides, nested as `model.backbone`; by default MobileNetV2 at width
            0.35 up to its last block.
        pyramid: whether the classifier takes the backbone's own maps too, and the `SecondMoments` of its bottlenecks and of its
            map of stride 16, see `mpox_keras.models.pyramid`. This is for a backbone that stays as it was pretrained. There a
            head on its maps would teach nothing, so the auxiliary heads of strides 16 and 32 are on what the fusion gives.
        fusion: whether the maps of strides 8 and 16 are fused into those of stride 32; without it these alone are classified.
        auxiliary_heads: whether there are the heads of training.
        fusion_filters: channels of the two modules.
        dropout: share of features dropped before each classifier in training.
        ood_score: whether there is the output `ood_score` too, `(batch, 1)`, see `mpox_keras.training.out_of_distribution`.

    Raises:
        ValueError: a size is not a multiple of 32, or the backbone lacks an endpoint.
        PretrainedWeightsError: the pretrained weights can't be had or don't fit.

    Example:
        >>> photos = keras.utils.image_dataset_from_directory("photos", image_size=(192, 192))
        >>> model = FastMpoxNet(classes=len(photos.class_names), weights="fast_mpoxnet")
        >>> model.backbone.trainable = False
        >>> model.compile("adamw", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> model.fit(photos)
    """

    def __init__(
        self,
        classes: int = 4,
        weights: str | os.PathLike | None = None,
        input_shape: tuple[int, int, int] = (192, 192, 3),
        backbone: Backbone | None = None,
        pyramid: bool = True,
        fusion: bool = True,
        auxiliary_heads: bool = True,
        fusion_filters: tuple[int, int] | None = None,
        dropout: float = 0.2,
        ood_score: bool = False,
        name: str = "fast_mpoxnet",
        **kwargs,
    ):
        if backbone is not None:
            input_shape = backbone.inputs[0].shape[1:]
        if len(input_shape) != 3 or input_shape[2] != 3 or any(not size or size % 32 for size in input_shape[:2]):
            raise ValueError(f"input_shape must be (height, width, 3) with multiples of 32; got {input_shape}.")
        of_backbone = str(weights) == "imagenet" or str(weights).endswith(".h5")
        if backbone is not None and of_backbone:
            raise ValueError(f"weights={weights!r} is for the backbone; give it to the Backbone.")
        if backbone is None:
            backbone = Backbone(
                "MobileNetV2", 0.35, input_shape, last="block_16_project", weights=weights if of_backbone else None
            )
        if missing := set(_STAGES.values()).difference(backbone.endpoints):
            raise ValueError(f"the backbone {backbone.network} has no feature maps of stride {min(missing)}.")
        fusion_filters = fusion_filters or _WIDTHS[pyramid]

        inputs = keras.Input(input_shape, name="image")
        maps = backbone(inputs)
        stages = {stage: maps[f"stride_{stride}"] for stage, stride in _STAGES.items()}
        at_heads, features = dict(stages), stages[4]
        if fusion:
            finer = ABLGFM(fusion_filters[0], name="fusion_3")([stages[2], stages[3]])
            features = ABLGFM(fusion_filters[1], name="fusion_4")([finer, stages[4]])
        if pyramid and fusion:
            at_heads |= {3: finer, 4: features}
        if pyramid:
            size = stages[4].shape[1]
            textures = textures_of(maps, backbone.textures, size)
            parts = [pyramid_of(list(stages.values()), (size, 2, 1)), *moments_of(textures, size)]
            features = together([*parts, features] if fusion else parts, "features")
        heads = {"diagnosis": features}
        if auxiliary_heads:
            heads |= {f"auxiliary_{stage}": maps for stage, maps in at_heads.items()}
        super().__init__(backbone, inputs, heads, stages.values(), classes, dropout, ood_score, name=name, **kwargs)
        self.pyramid, self.fusion, self.auxiliary_heads = pyramid, fusion, auxiliary_heads
        self.fusion_filters = tuple(fusion_filters)
        if weights is not None and not of_backbone:
            self.take_weights(load_trained(weights), weights)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("pyramid", "fusion", "auxiliary_heads")}
        return {**super().get_config(), **own, "fusion_filters": list(self.fusion_filters)}
