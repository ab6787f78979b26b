"""The form of a trained network that answers."""

import keras

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
        kernel, bias = classifier.get_weights()
        convolution = keras.layers.Conv2D(classifier.units, 1, dtype="float32", name="class_activation_map")
        outputs["class_activation_map"] = convolution(pooling.input)
        convolution.set_weights([kernel[None, None], bias])
        logits = keras.layers.GlobalAveragePooling2D(dtype="float32", name="logits")(outputs["class_activation_map"])
    else:
        logits = classifier(pooling.output)
    if temperature != 1:
        logits = keras.layers.Rescaling(1 / temperature, dtype="float32", name="temperature")(logits)
    outputs["probabilities"] = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    if model.ood_score:
        outputs["ood_score"] = model.get_layer("ood_score").output
    return keras.Model(model.input, outputs, name=model.name)
