"""The form of a trained network that answers."""

import keras
import numpy as np

from mpox_keras.layers.second_moments import SecondMoments
from mpox_keras.models.image_classifier import Network


def deploy(model: Network, class_activation_map: bool = False, temperature: float = 1.0) -> keras.Model:
    """A trained network without its auxiliary heads, that gives probabilities.

    Args:
        class_activation_map: whether the map is an output too.
        temperature: what logits are divided by before the softmax (Guo et al. 2017, arXiv 1706.04599); over 1 makes the answer
            less sure.

    Returns:
        A functional model that shares its layers with `model`. Input: photos `(batch, height, width, 3)`, 0 to 255. Output: a
        dict with `probabilities`, `(batch, classes)`; on request `class_activation_map`, `(batch, height / 32, width / 32,
        classes)`: each position's share of the logits (Zhou et al. 2016, arXiv 1512.04150), of which they are the mean over all
        positions; and, if the model has it, `ood_score`, `(batch, 1)`.

    Raises:
        ValueError: the temperature is not positive.

    Example:
        >>> deployed = deploy(model, class_activation_map=True)
        >>> deployed.predict(photos)["probabilities"]
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive; got {temperature}.")
    classifier, pooling = model.get_layer("diagnosis"), model.get_layer("diagnosis_pooling")
    outputs = {}
    if class_activation_map:
        outputs["class_activation_map"] = scores = _scores(pooling.input, *classifier.get_weights())
        logits = keras.layers.GlobalAveragePooling2D(dtype="float32", name="logits")(scores)
    else:
        logits = classifier(pooling.output)
    if temperature != 1:
        logits = keras.layers.Rescaling(1 / temperature, dtype="float32", name="temperature")(logits)
    outputs["probabilities"] = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    if model.ood_score:
        outputs["ood_score"] = model.get_layer("ood_score").output
    return keras.Model(model.input, outputs, name=model.name)


def _scores(maps, kernel, bias):
    """The linear classifier at each position of `maps`, part by part.

    Parts that were repeated are classified before, as that costs least, and second moments as all products, as to pick each
    pair once takes longer. Each part has numbers of another size, and integers for all together would be too coarse for most.
    """
    parts, scores = _parts(maps), []
    kernels = np.split(kernel, np.cumsum([part.shape[-1] for part in parts])[:-1])
    for number, (part, part_kernel) in enumerate(zip(parts, kernels, strict=True), 1):
        before = part._keras_history.operation
        repeated = isinstance(before, keras.layers.UpSampling2D)
        last = number == len(parts)
        name = "class_activation_map" if last else f"class_activation_map_{number}"
        convolution = keras.layers.Conv2D(kernel.shape[1], 1, use_bias=last, dtype="float32", name=name)
        part = before.input if repeated else part
        moments = part._keras_history.operation
        if isinstance(moments, SecondMoments):
            part = SecondMoments(moments.size, moments.group, square=True, name=f"{moments.name}_square")(moments.input)
            pairs, part_kernel = part_kernel, np.zeros((part.shape[-1], kernel.shape[1]), "float32")
            part_kernel[moments.pairs] = pairs
        found = convolution(part)
        convolution.set_weights([part_kernel[None, None], *([bias] if last else [])])
        if repeated:
            found = keras.layers.Resizing(*maps.shape[1:3], "nearest", dtype="float32", name=f"{name}_repeated")(found)
        scores.append(found)
    return keras.layers.Add(dtype="float32", name="class_activation_map_sum")(scores) if len(scores) > 1 else scores[0]


def _parts(maps):
    """What `maps` were put together from."""
    before = maps._keras_history.operation
    if not isinstance(before, keras.layers.Concatenate):
        return [maps]
    return [part for each in before.input for part in _parts(each)]
