"""The pretrained part of a network, stage by stage, for training that begins with the last ones."""

import math

import keras

_OWN = ("fusion_", "projection", "diagnosis", "auxiliary_", "ood_score")


def layers_inside(model):
    """All layers of a model, those of models inside it too, in the order in which a photo goes through them."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_inside(layer)
        else:
            yield layer


def backbone_stages(model):
    """Layers of the pretrained part with weights to train, in stages whose feature maps have one size.

    What `FastMpoxNet` and `TransferModel` add to a backbone, and what always starts from random weights, is left out.

    Args:
        model: of `FastMpoxNet` or `TransferModel`.

    Returns:
        A list of lists of layers, that of the largest maps first.

    Example:
        >>> [len(stage) for stage in backbone_stages(FastMpoxNet())]
        [2, 4, 8, 4]
    """
    size = model.inputs[0].shape[1]
    stages, number = {}, 0
    for layer in layers_inside(model):
        shape = getattr(layer.output, "shape", ())
        # Maps of one pixel are what gates are made of; they belong to the stage that they are in.
        if len(shape) == 4 and shape[1] > 1:
            number = round(math.log2(size / shape[1]))
        # What a Normalization holds is measured, not trained. Asking for variables to train would lose frozen layers.
        if layer.weights and not isinstance(layer, keras.layers.Normalization) and not layer.name.startswith(_OWN):
            stages.setdefault(number, []).append(layer)
    return [stages[number] for number in sorted(stages)]
