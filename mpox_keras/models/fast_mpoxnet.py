"""Fast-MpoxNet and its deployed form."""

import keras

from mpox_keras.layers.ablgfm import ABLGFM
from mpox_keras.layers.pointwise import BATCH_NORM, PointwiseBlock
from mpox_keras.layers.shuffle_unit import ShuffleUnit
from mpox_keras.models.pretrained import UNIT_RANGE, assign_backbone_weights, load_pretrained_backbone

STAGES = {2: (48, 4), 3: (96, 8), 4: (192, 4)}
"""Stage number -> (channels, units) of ShuffleNetV2 0.5x (Ma et al. 2018, table 5)."""

STAGE_ENDS = [f"stage{stage}_unit{units}" for stage, (_, units) in STAGES.items()]
"""Names of the layers whose outputs are those of the stages."""

HEAD_FILTERS = 288


def FastMpoxNet(
    classes=4,
    weights=None,
    input_shape=(224, 224, 3),
    fusion=True,
    fusion_start=2,
    fusion_reduction=4,
    auxiliary_heads=True,
    head_filters=HEAD_FILTERS,
    dropout=0.2,
    name="fast_mpoxnet",
):
    """Fast-MpoxNet (Yue et al. 2024, arXiv 2308.13492) in its training form.

    A ShuffleNetV2 0.5x backbone; its three stages are fused by two ABLGFM modules, projected to 288 channels and
    classified; in training every stage also has a classification head of its own (multiple auxiliary losses). What the
    paper states and what is reconstructed here is listed in the README.

    Input: photos `(batch, height, width, 3)` with values 0 to 255; the rescaling is inside the model. Output: a dict of
    logits, each `(batch, classes)`: `diagnosis` and, with auxiliary heads, `auxiliary_2`, `auxiliary_3`, `auxiliary_4`
    for stages 2 to 4. `deploy` turns the model into the form that gives probabilities.

    Args:
        classes: number of classes.
        weights: None (random); `"imagenet"` (torchvision's ShuffleNetV2 0.5x); `"fastestdet"` (the backbone of the
            FastestDet project); or the path of a PyTorch state dict in the naming of either. Only the backbone is
            pretrained.
        input_shape: height and width, each a multiple of 32, and 3.
        fusion: whether earlier stages are fused into stage 4 by ABLGFM; without it stage 4 alone is classified.
        fusion_start: the first stage that is fused: 2 (then 3, two modules) or 3 (one).
        fusion_reduction: `reduction` of every ABLGFM.
        auxiliary_heads: whether each stage has a classification head.
        head_filters: channels of the projection before the main classifier.
        dropout: share of features dropped before each classifier in training, 0 to 1.
        name: the model's name.

    Returns:
        An uncompiled functional `keras.Model`.

    Raises:
        ValueError: a size is not a multiple of 32, `fusion_start` is neither 2 nor 3, or `fusion_reduction` does not divide
            the channels.
        PretrainedWeightsError: the pretrained weights can't be had or don't fit.

    Example:
        >>> model = FastMpoxNet(classes=4, weights="imagenet")
        >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> model.compile("adamw", loss={name: loss for name in model.output_names})
        >>> model.fit(photos, {name: labels for name in model.output_names})
    """
    if len(input_shape) != 3 or input_shape[2] != 3 or any(not size or size % 32 for size in input_shape[:2]):
        raise ValueError(f"input_shape must be (height, width, 3) with multiples of 32; got {input_shape}.")
    if fusion_start not in (2, 3):
        raise ValueError(f"fusion_start must be 2 or 3; got {fusion_start}.")
    pretrained = load_pretrained_backbone(weights) if weights else None

    inputs = keras.Input(input_shape, name="image")
    stages = _backbone(inputs, *(pretrained.input_range if pretrained else UNIT_RANGE))
    if pretrained:
        assign_backbone_weights(keras.Model(inputs, list(stages.values())), pretrained)

    start = fusion_start if fusion else 4
    features = stages[start]
    for stage in range(start + 1, 5):
        module = ABLGFM(STAGES[stage][0], reduction=fusion_reduction, name=f"fusion_{stage}")
        features = module([features, stages[stage]])
    features = PointwiseBlock(head_filters, name="projection")(features)

    outputs = {"diagnosis": _classification_head(features, classes, dropout, "diagnosis")}
    if auxiliary_heads:
        for stage, stage_features in stages.items():
            head = f"auxiliary_{stage}"
            outputs[head] = _classification_head(stage_features, classes, dropout, head)
    return keras.Model(inputs, outputs, name=name)


def _backbone(inputs, scale, offset):
    x = keras.layers.Rescaling(scale, offset, name="rescaling")(inputs)
    x = keras.layers.ZeroPadding2D(1, name="stem_padding")(x)
    x = keras.layers.Conv2D(24, 3, strides=2, use_bias=False, name="stem_convolution")(x)
    x = keras.layers.BatchNormalization(**BATCH_NORM, name="stem_normalization")(x)
    x = keras.layers.ReLU(name="stem_activation")(x)
    # After a ReLU, padding with zeros is padding with the smallest value.
    x = keras.layers.ZeroPadding2D(1, name="stem_pooling_padding")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="stem_pooling")(x)
    stages = {}
    for stage, (filters, units) in STAGES.items():
        for unit in range(1, units + 1):
            x = ShuffleUnit(filters, stride=2 if unit == 1 else 1, name=f"stage{stage}_unit{unit}")(x)
        stages[stage] = x
    return stages


def _classification_head(features, classes, dropout, name):
    x = keras.layers.GlobalAveragePooling2D(name=f"{name}_pooling")(features)
    x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    # Logits stay in float32 under mixed precision, as Keras advises for outputs.
    return keras.layers.Dense(classes, dtype="float32", name=name)(x)


def deploy(model, class_activation_map=False, temperature=1.0):
    """The form of a trained model that answers: auxiliary heads dropped, probabilities out.

    Args:
        model: a model of `FastMpoxNet`.
        class_activation_map: whether the map is an output too.
        temperature: what logits are divided by before the softmax (temperature scaling, Guo et al. 2017,
            arXiv 1706.04599); over 1 makes the answer less sure.

    Returns:
        A functional `keras.Model` that shares its layers with `model`. Input: photos `(batch, height, width, 3)`, 0 to 255.
        Output: a dict with `probabilities`, `(batch, classes)`, and on request `class_activation_map`,
        `(batch, height / 32, width / 32, classes)`: each position's share of the logits (Zhou et al. 2016,
        arXiv 1512.04150), so that its mean over all positions is the logits; and, if the model has it, `ood_score`,
        `(batch, 1)`, see `mpox_keras.training.add_ood_score`.

    Raises:
        ValueError: the temperature is not positive.

    Example:
        >>> deployed = deploy(model, class_activation_map=True)
        >>> deployed.predict(photos)["probabilities"]
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive; got {temperature}.")
    classifier = model.get_layer("diagnosis")
    outputs = {}
    if class_activation_map:
        features = model.get_layer("diagnosis_pooling").input
        kernel, bias = classifier.get_weights()
        convolution = keras.layers.Conv2D(classifier.units, 1, dtype="float32", name="class_activation_map")
        maps = convolution(features)
        convolution.set_weights([kernel[None, None], bias])
        outputs["class_activation_map"] = maps
        logits = keras.layers.GlobalAveragePooling2D(dtype="float32", name="logits")(maps)
    else:
        logits = classifier(model.get_layer("diagnosis_pooling").output)
    if temperature != 1:
        logits = keras.layers.Rescaling(1 / temperature, dtype="float32", name="temperature")(logits)
    outputs["probabilities"] = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    if "ood_score" in model.output_names:
        outputs["ood_score"] = model.get_layer("ood_score").output
    return keras.Model(model.inputs, outputs, name=model.name)
