"""Networks of keras.applications with the project's head: peers to compare with on the same folds."""

import keras

from mpox_keras.layers.pointwise import BATCH_NORM

NETWORKS = {"MobileNetV2": (1 / 127.5, -1.0), "MobileNetV3Small": None, "MobileNetV3Large": None}
"""Name in keras.applications -> scale and offset from 0 to 255 to what the network expects; None where it rescales itself."""


def TransferModel(network, width=1.0, classes=4, weights=None, input_shape=(224, 224, 3), dropout=0.2):
    """A network of keras.applications whose features are pooled and classified.

    Input: photos `(batch, height, width, 3)`, 0 to 255. Output: a dict with the logits `diagnosis`, `(batch, classes)`, as
    `FastMpoxNet` gives them, so that `deploy` and the training work alike.

    Args:
        network: a name in `NETWORKS`.
        width: multiplier of the channels (`alpha` in keras.applications).
        classes: number of classes.
        weights: None (random), `"imagenet"` (downloaded by Keras), or the path of a weights file of Keras, without the top.
        input_shape: height, width and 3.
        dropout: share of features dropped before the classifier in training, 0 to 1.

    Returns:
        An uncompiled functional `keras.Model`.

    Raises:
        ValueError: the network is unknown.

    Example:
        >>> model = TransferModel("MobileNetV3Small", width=0.5)
    """
    if network not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}; got {network!r}.")
    inputs = x = keras.Input(input_shape, name="image")
    if NETWORKS[network]:
        x = keras.layers.Rescaling(*NETWORKS[network], name="rescaling")(inputs)
    backbone = getattr(keras.applications, network)(
        input_shape=input_shape, alpha=width, include_top=False, weights=weights, input_tensor=x
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # keras.applications takes up to 0.999: a few hundred steps would end with statistics far from the weights.
            layer.momentum = BATCH_NORM["momentum"]
    x = keras.layers.GlobalAveragePooling2D(name="diagnosis_pooling")(backbone.output)
    x = keras.layers.Dropout(dropout, name="diagnosis_dropout")(x)
    logits = keras.layers.Dense(classes, dtype="float32", name="diagnosis")(x)
    return keras.Model(inputs, {"diagnosis": logits}, name=f"{network.lower()}_{round(100 * width):03d}")
