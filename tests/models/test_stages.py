"""Backbones in stages."""

from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.stages import backbone_stages, layers_inside
from mpox_keras.models.transfer import TransferModel


def test_every_layer_of_the_backbone_is_in_one_stage_and_none_of_the_head():
    model = FastMpoxNet(input_shape=(64, 64, 3))
    stages = backbone_stages(model)
    names = [{layer.name for layer in stage} for stage in stages]
    assert names[0] == {"stem_convolution", "stem_normalization"}
    assert names[1:] == [{f"stage{s}_unit{u}" for u in range(1, n + 1)} for s, n in ((2, 4), (3, 8), (4, 4))]


def test_gates_belong_to_the_stage_that_they_are_in():
    """Squeeze and excitation works on maps of one pixel, wherever in the network it is."""
    model = TransferModel("MobileNetV3Small", width=0.5, input_shape=(64, 64, 3))
    stages = backbone_stages(model)
    assert len(stages) == 5
    for number, stage in enumerate(stages, 1):
        heights = {layer.output.shape[1] for layer in stage}
        assert heights <= {64 >> number, 1}
        assert 64 >> number in heights
    weighted = {layer.name for layer in layers_inside(model) if layer.trainable_variables}
    assert {layer.name for stage in stages for layer in stage} == weighted - {"diagnosis"}


def test_frozen_layers_stay_in_their_stages():
    model = FastMpoxNet(input_shape=(64, 64, 3))
    before = backbone_stages(model)
    model.trainable = False
    assert backbone_stages(model) == before
