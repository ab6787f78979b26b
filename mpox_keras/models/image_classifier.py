"""A backbone under classification heads."""

import os
from collections.abc import Iterable, Mapping

import keras

from mpox_keras.models.backbones import Backbone
from mpox_keras.models.pyramid import moments_of, pyramid_of, textures_of, together

AUXILIARY_WEIGHTS = {"auxiliary_2": 0.1, "auxiliary_3": 0.2, "auxiliary_4": 0.3}
"""Auxiliary head -> weight of its loss, where that of `diagnosis` is 1; Yue et al. do not state theirs."""

_TAKE_LOGITS = {
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
}


class Network(keras.Model):
    """What `ImageClassifier` and `FastMpoxNet` share: a nested backbone, heads, and perhaps an out-of-distribution score.

    Args:
        backbone, inputs: the beginning of the graph.
        heads: name -> the maps that a head pools and classifies; the first is `diagnosis`.
        stages: maps whose means the out-of-distribution score is computed from.
        classes, dropout, ood_score: as in both.
    """

    def __init__(
        self,
        backbone: Backbone,
        inputs: keras.KerasTensor,
        heads: Mapping[str, keras.KerasTensor],
        stages: Iterable[keras.KerasTensor],
        classes: int,
        dropout: float,
        ood_score: bool,
        **kwargs,
    ):
        outputs, pool = {}, keras.layers.GlobalAveragePooling2D
        for name, maps in heads.items():
            x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(pool(name=f"{name}_pooling")(maps))
            # Logits stay in float32 under mixed precision, as Keras advises for outputs.
            outputs[name] = keras.layers.Dense(classes, dtype="float32", name=name)(x)
        features = [pool(dtype="float32", name=f"ood_pooling_{number}")(maps) for number, maps in enumerate(stages, 1)]
        if ood_score:
            score = keras.layers.Dense(1, "sigmoid", trainable=False, dtype="float32", name="ood_score")
            outputs["ood_score"] = score(together(features, "ood_features"))
        super().__init__(inputs, outputs, **kwargs)
        self.backbone, self.ood_features = backbone, features
        self.classes, self.dropout, self.ood_score = classes, dropout, ood_score
        self.heads = list(heads)

    def compile(self, optimizer="rmsprop", loss=None, loss_weights=None, metrics=None, weighted_metrics=None, **kwargs):
        """Like `keras.Model.compile`, but one loss and one list of metrics, as for any classifier, will do.

        The loss is that of every head; the auxiliary ones weigh as in `AUXILIARY_WEIGHTS` unless `loss_weights` says otherwise.
        Metrics are of `diagnosis`. Losses that are named by a text take logits, which is what the heads give.

        Example:
            >>> model.compile("adamw", "sparse_categorical_crossentropy", metrics=["accuracy"])
            >>> model.fit(keras.utils.image_dataset_from_directory("photos", image_size=(192, 192)))
        """
        if loss is not None and not isinstance(loss, Mapping):
            loss = _TAKE_LOGITS[loss](from_logits=True) if loss in _TAKE_LOGITS else loss
            loss = dict.fromkeys(self.heads, loss)
            loss_weights = loss_weights or {head: AUXILIARY_WEIGHTS.get(head, 1.0) for head in self.heads}
        lists = (metrics, weighted_metrics)
        by_head = [each if each is None or isinstance(each, Mapping) else {"diagnosis": each} for each in lists]
        super().compile(optimizer, loss, loss_weights, *by_head, **kwargs)

    def compile_from_config(self, config):
        """Compile as a saved network was; Keras leaves this to classes with a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def _maybe_symbolic_build(self, **batches):
        # Private; Keras is bounded in setup.cfg. Else losses make variables while a step is traced, and it is traced twice.
        self._symbolic_build(**batches)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Like `keras.Model.compute_loss`; labels that are not given by head are those of every head."""
        return super().compute_loss(x, *self._by_head(y, y_pred, sample_weight), training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Like `keras.Model.compute_metrics`; labels that are not given by head are those of every head."""
        return super().compute_metrics(x, *self._by_head(y, y_pred, sample_weight))

    def _by_head(self, y, y_pred, sample_weight):
        if y is None or isinstance(y, Mapping):
            return y, y_pred, sample_weight
        weights = sample_weight if sample_weight is None else dict.fromkeys(self.heads, sample_weight)
        return dict.fromkeys(self.heads, y), {head: y_pred[head] for head in self.heads}, weights

    def get_config(self):
        own = {name: getattr(self, name) for name in ("classes", "dropout", "ood_score", "name", "trainable")}
        return {"backbone": keras.saving.serialize_keras_object(self.backbone), **own}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        backbone = keras.saving.deserialize_keras_object(config["backbone"], custom_objects)
        return cls(**{**config, "backbone": backbone})

    def take_weights(self, other: "Network", origin: str | os.PathLike) -> None:
        """Copy the weights of another network wherever they fit; a head for another number of classes keeps its own.

        Raises:
            PretrainedWeightsError: its backbone is another one; `origin` is what the message calls it.
        """
        self.backbone.take_weights(other.backbone, origin)
        theirs = {layer.name: layer for layer in other.layers}
        for layer in self.layers:
            values = theirs[layer.name].get_weights() if layer.name in theirs else []
            if layer is not self.backbone and [v.shape for v in values] == [tuple(w.shape) for w in layer.weights]:
                layer.set_weights(values)


@keras.saving.register_keras_serializable(package="mpox_keras")
class ImageClassifier(Network):
    """The feature maps of a backbone, pooled and classified.

    Input: photos `(batch, height, width, 3)`, 0 to 255. Output: a dict with the logits `diagnosis`, `(batch, classes)`, as
    `FastMpoxNet` gives them, so that training, `deploy` with its class activation map, and the exports work alike.

    Args:
        backbone: nested as one layer, `model.backbone`.
        classes: number of classes.
        dropout: share of features dropped before the classifier in training, 0 to 1.
        pyramid: whether the classifier takes the maps of all strides from 8 on, see `mpox_keras.models.pyramid`, and the
            `SecondMoments` of the backbone's bottlenecks and of its map of stride 16; without it the last maps alone.
        ood_score: whether there is the output `ood_score` too, `(batch, 1)`, see `mpox_keras.training.out_of_distribution`.

    Example:
        >>> model = ImageClassifier(Backbone("MobileNetV3Small", width=0.5, weights="imagenet"), classes=4)
        >>> model.backbone.trainable = False
    """

    def __init__(
        self,
        backbone: Backbone,
        classes: int = 4,
        dropout: float = 0.2,
        pyramid: bool = True,
        ood_score: bool = False,
        name: str = "image_classifier",
        **kwargs,
    ):
        inputs = keras.Input(backbone.inputs[0].shape[1:], name="image")
        maps = backbone(inputs)
        used = [maps[f"stride_{stride}"] for stride in backbone.endpoints if stride >= 8 and pyramid]
        used = used or [maps[f"stride_{max(backbone.endpoints)}"]]
        features = used[-1]
        if pyramid:
            size = features.shape[1]
            textures = textures_of(maps, backbone.textures, size)
            features = together([pyramid_of(used), *moments_of(textures, size)], "features")
        super().__init__(backbone, inputs, {"diagnosis": features}, used, classes, dropout, ood_score, name=name, **kwargs)
        self.pyramid = pyramid

    def get_config(self):
        return {**super().get_config(), "pyramid": self.pyramid}
