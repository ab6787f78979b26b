"""Heat maps: what each method must be by its definition, on the preset and on networks whose answer is known."""

import sys

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tf_keras_vis.saliency import Saliency

from mpox_keras.cli import main
from mpox_keras.data.decode import resize_photo
from mpox_keras.data.synthetic import draw_scene
from mpox_keras.explain import gradients, perturbation
from mpox_keras.explain.faithfulness import deletion_and_insertion, with_shuffled_weights
from mpox_keras.explain.gradients import integrated_gradients
from mpox_keras.explain.maps import METHODS, ExplanationError, explain
from mpox_keras.explain.perturbation import occlusion, shap, superpixels
from mpox_keras.inference.classifier import Classifier, load_classifier
from mpox_keras.models.deploy import deploy
from mpox_keras.utils.errors import MissingExtraError

MODEL_AGNOSTIC = ["class_activation_map", "occlusion", "lime", "shap"]


@pytest.fixture(scope="module", autouse=True)
def fewer_samples():
    """Maps are coarser, and what they must be is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(perturbation, "LIME_SAMPLES", 120)
        patch.setattr(perturbation, "SHAP_SAMPLES", 120)
        patch.setattr(perturbation, "OCCLUSION_STEPS", 7)
        patch.setattr(gradients, "SMOOTH_GRAD_SAMPLES", 5)
        patch.setattr(gradients, "SCORE_CAM_CHANNELS", 16)
        yield


@pytest.fixture(scope="module")
def photo(classifier):
    return resize_photo(np.array(draw_scene("mpox", np.random.default_rng(5))), classifier.image_size)


@pytest.fixture(scope="module")
def heats(classifier, photo):
    return {method: explain(classifier, photo, method, "mpox") for method in METHODS}


@pytest.fixture(scope="module")
def shuffled(classifier):
    return with_shuffled_weights(classifier)


@pytest.fixture(scope="module")
def deaf(classifier):
    """No feature adds to any class, and none is likelier than another by itself."""
    other = with_shuffled_weights(classifier)
    diagnosis = other.trained.get_layer("diagnosis")
    diagnosis.set_weights([np.zeros_like(weights) for weights in diagnosis.get_weights()])
    deployed = deploy(other.trained, class_activation_map=True)
    return Classifier(other.metadata, deployed.predict_on_batch, other.load_trained)


def look_in_the_corner(pixels):
    """Calls for mpox by the squared red of the upper left quarter, and looks nowhere else."""
    red = ((pixels[:, :32, :32, 0] / 255) ** 2).mean(axis=(1, 2))
    return {"probabilities": np.stack([red, 1 - red], axis=1).astype("float32")}


CORNER = Classifier({"classes": ["mpox", "normal"], "image_size": 64, "thresholds": None}, look_in_the_corner)


@pytest.fixture(scope="module")
def grainy():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8") // 2 + np.array([100, 0, 0], "uint8")


@pytest.mark.parametrize("method", list(METHODS))
def test_a_map_has_the_photos_size_and_is_the_same_again(classifier, photo, heats, method):
    heat = heats[method]
    assert heat.shape == photo.shape[:2]
    assert heat.dtype == np.float32
    assert heat.min() >= 0
    assert heat.max() == 1
    if method in ("smooth_grad", "lime", "shap"):  # those that draw
        np.testing.assert_allclose(explain(classifier, photo, method, "mpox"), heat, atol=1e-4)


def test_grad_cam_of_tf_keras_vis_is_the_class_activation_map(classifier, photo):
    """Both weight the last feature maps by the classifier's weights; Grad-CAM divides them by the number of places, and leaves
    out the bias."""
    deployed = deploy(classifier.trained, class_activation_map=True)
    found = deployed.predict(photo[None], verbose=0)["class_activation_map"][0]
    bias = classifier.trained.get_layer("diagnosis").get_weights()[1]
    for index in range(2):
        grad_cam = gradients.feature_map("gradcam", "Gradcam", classifier, photo, index)
        expected = np.maximum(found[..., index] - bias[index], 0)
        assert grad_cam.any()
        np.testing.assert_allclose(grad_cam / grad_cam.max(), expected / expected.max(), atol=0.005)


@pytest.mark.parametrize("method", ["smooth_grad", "integrated_gradients"])
def test_maps_of_pixels_are_bright_enough_to_read(heats, method):
    """A few pixels have by far the largest gradients; without clipping, they leave all others black."""
    heat = heats[method]
    assert (heat == 1).mean() == pytest.approx(0.01, abs=0.001)
    assert np.percentile(heat, 98) > 0.5


def test_another_map_by_the_same_gradients_is_alike(heats):
    assert np.corrcoef(heats["grad_cam_plus_plus"].ravel(), heats["class_activation_map"].ravel())[0, 1] > 0.7


@pytest.mark.parametrize("method", list(METHODS))
def test_another_network_has_another_map(shuffled, photo, heats, method):
    other = explain(shuffled, photo, method, "mpox")
    correlation = np.corrcoef(other.ravel(), heats[method].ravel())[0, 1] if other.any() else 0
    assert correlation < 0.7


# Score-CAM weighs all feature maps alike where none matters.
@pytest.mark.parametrize("method", [name for name in METHODS if name != "score_cam"])
def test_where_nothing_speaks_for_a_class_the_map_is_empty(deaf, photo, method):
    np.testing.assert_allclose(explain(deaf, photo, method, "mpox"), 0, atol=1e-6)


def test_shuffling_leaves_the_network_itself_alone(classifier, shuffled, photo):
    for found, expected in zip(classifier.trained.get_weights(), load_classifier().trained.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    before = classifier.predict_pixels(photo[None])["probabilities"]
    assert np.abs(shuffled.predict_pixels(photo[None])["probabilities"] - before).max() > 0.01


def test_the_class_matters(classifier, photo, heats):
    other = explain(classifier, photo, "class_activation_map", "chickenpox")
    assert not np.allclose(other, heats["class_activation_map"], atol=0.1)
    likeliest = classifier.classes[int(classifier.predict_pixels(photo[None])["probabilities"].argmax())]
    np.testing.assert_array_equal(explain(classifier, photo), explain(classifier, photo, "class_activation_map", likeliest))


def test_integrated_gradients_add_up_to_the_difference_of_logits(classifier, photo):
    model = keras.Model(classifier.trained.inputs, classifier.trained.output["diagnosis"])
    mean = np.broadcast_to(photo.astype("float32").mean(axis=(0, 1)), photo.shape)
    difference = model.predict_on_batch(photo[None])[0, 0] - model.predict_on_batch(mean[None])[0, 0]
    assert integrated_gradients(classifier, photo, 0).sum() == pytest.approx(difference, rel=0.1)


def test_smooth_grad_without_noise_is_the_saliency_of_tf_keras_vis(classifier, photo, monkeypatch):
    monkeypatch.setattr(gradients, "SMOOTH_GRAD_NOISE", 0.0)
    model = keras.Model(classifier.trained.inputs, classifier.trained.output["diagnosis"])
    saliency = Saliency(model, clone=False)
    expected = np.asarray(saliency(lambda logits: logits[:, 0], photo[None].astype("float32"), normalize_map=False))[0]
    # Of two values that are all but equal, the one taken as the largest may be another in a graph than outside of it.
    np.testing.assert_allclose(gradients.smooth_grad(classifier, photo, 0), expected, rtol=1e-3, atol=expected.max() / 100)


@pytest.mark.parametrize("method", ["occlusion", "lime", "shap"])
def test_covering_finds_where_a_network_looks(grainy, method):
    # Half of its red is bright: of stripes the mean of the squares is more than the square of the mean.
    grainy = grainy.copy()
    grainy[:32, :32, 0] = np.where(np.arange(32) % 8 < 4, 255, 0)
    heat = explain(CORNER, grainy, method, "mpox")
    assert heat[:24, :24].mean() > 2 * heat[40:, 40:].mean()


def test_shapley_values_add_up(grainy):
    reddish = grainy.copy()
    reddish[:32, :32, 0] = 255
    found = shap(CORNER, reddish, 0)
    segments = superpixels(reddish)
    values = [found[segments == number][0] for number in range(segments.max() + 1)]
    covered = reddish.astype(float)
    for number in range(segments.max() + 1):
        covered[segments == number] = reddish[segments == number].mean(axis=0).round()
    both = CORNER.predict_pixels(np.stack([reddish, covered.astype("uint8")]))["probabilities"][:, 0]
    assert sum(values) == pytest.approx(both[0] - both[1], abs=1e-5)


def test_occlusion_is_the_loss_of_probability():
    photo = np.zeros((64, 64, 3), "uint8")
    photo[:32, :32, 0] = 200
    found = occlusion(CORNER, photo, 0)
    assert found[40:, 40:].max() == pytest.approx(0, abs=1e-6)
    # A patch inside the quarter replaces 200 by the mean of 50 on its share of the quarter's pixels.
    assert found[16, 16] == pytest.approx((200**2 - 50**2) / 255**2 * 10 * 10 / 32**2, rel=0.05)


def test_a_better_map_has_a_smaller_deletion_and_a_larger_insertion_area():
    photo = np.zeros((64, 64, 3), "uint8")
    photo[:32, :32, 0] = 250
    right, wrong = np.zeros((64, 64)), np.zeros((64, 64))
    right[:32, :32] = wrong[32:, 32:] = 1
    best, worst = (deletion_and_insertion(CORNER, photo, heat, "mpox") for heat in (right, wrong))
    assert best[0] < worst[0] - 0.2
    assert best[1] > worst[1]
    assert min(best + worst) >= 0
    assert max(best + worst) <= 1


@pytest.mark.parametrize("method", MODEL_AGNOSTIC)
def test_bundles_are_explained_too(network, exported, photo, method):
    small = resize_photo(photo, 32)
    trained, bundle = load_classifier(network), load_classifier(exported("tflite"))
    expected = np.stack([explain(trained, small, method, label) for label in trained.classes])
    assert expected.any()
    np.testing.assert_allclose([explain(bundle, small, method, label) for label in bundle.classes], expected, atol=1e-2)


def test_what_cannot_be_explained_is_told(classifier, photo, monkeypatch):
    with pytest.raises(ExplanationError, match="Choose among class_activation_map"):
        explain(classifier, photo, "gradcam")
    with pytest.raises(ExplanationError, match="knows mpox, chickenpox"):
        explain(classifier, photo, label="acne")
    with pytest.raises(ExplanationError, match="needs gradients, which an exported network does not have"):
        explain(CORNER, photo, "smooth_grad")
    monkeypatch.setitem(sys.modules, "tf_keras_vis.scorecam", None)
    with pytest.raises(MissingExtraError, match=r'needs the package tf-keras-vis: pip install "mpox-keras\[explain\]"'):
        explain(classifier, photo, "score_cam")


def test_the_command_writes_a_picture_for_each_photo(photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "arm.png")
    (tmp_path / "notes.jpg").write_text("no photo")
    out = tmp_path / "out"
    arguments = ["explain", str(tmp_path / "arm.png"), str(tmp_path / "notes.jpg"), "--out", str(out)]
    result = CliRunner().invoke(
        main, [*arguments, "--method", "class_activation_map", "--method", "occlusion", "--class", "measles"]
    )
    assert result.exit_code == 2
    assert "notes.jpg is not a readable" in result.output
    assert "1 of the photos could not be read" in result.output
    with Image.open(out / "0001_arm.png") as picture:
        assert picture.width > 900
    result = CliRunner().invoke(main, [*arguments, "--method", "magic"])
    assert result.exit_code == 2
    assert "'magic' is not one of" in result.output
