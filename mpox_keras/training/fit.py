"""Training of one network."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mpox_keras.config import AugmentationConfig, Config, ModelConfig
from mpox_keras.data.augmentation import augmentation_layers, training_batches
from mpox_keras.data.folder import DataError, Photo
from mpox_keras.data.loading import PhotoArrays, load_arrays
from mpox_keras.data.non_skin import find_pictures, non_skin_pictures
from mpox_keras.data.splits import split_off_validation
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.thresholds import choose_thresholds, shipped_values
from mpox_keras.inference.metadata import MODEL_FILE, write_metadata
from mpox_keras.models.build import build_model
from mpox_keras.models.deploy import deploy
from mpox_keras.training.callbacks import Checkpoint, EpochLog, Unfreezing, resume
from mpox_keras.training.out_of_distribution import add_ood_score
from mpox_keras.training.refit import refit_classifier
from mpox_keras.training.runs import RunError, environment, open_run
from mpox_keras.utils.errors import require
from mpox_keras.utils.files import locked, replacing

_CHECKPOINT = "checkpoint.npz"
_PHOTOS_TO_CHOOSE_ON = 10  # of each class
_PARTS = 5
_WEIGHT_DECAY = 0.05  # of AdamW; scales and biases are not decayed
_AVERAGE_MOMENTUM = 0.98  # of the weights' moving average, per step


def train(
    config: Config,
    photos: PhotoArrays,
    folder: str | Path,
    validation: PhotoArrays | None = None,
    augment: Callable[[AugmentationConfig, int], Sequence[keras.Layer]] | None = None,
    build: Callable[[ModelConfig, int], keras.Model] | None = None,
) -> keras.Model:
    """Train a network as the config says; goes on where an earlier call in the same folder was cut off.

    A resumed run ends with the same weights as one that was not interrupted.

    Args:
        photos: to train on, but for those whose label is doubtful.
        folder: gets `checkpoint.npz` while training, `log.csv`, and at last `model.keras`.
        validation: photos that are measured after every epoch and change nothing.
        augment, build: in place of `augmentation_layers` and of `build_model`.

    Returns:
        The trained network in its training form, with the moving average of its weights and the output `ood_score`.

    Raises:
        DataError: a class has no photos for `training.refit_classifier`, or `data.non_skin` holds no pictures.
        MissingExtraError, PretrainedWeightsError: pretrained weights that the config names can't be had.
        RunError: the checkpoint or the trained network in the folder is damaged.

    Example:
        >>> config = load_config("fast_mpoxnet")
        >>> model = train(config, PhotoArrays(pixels, labels), "runs/first")
    """
    folder, classes = Path(folder), len(config.data.classes)
    if (folder / MODEL_FILE).is_file():
        try:
            return keras.models.load_model(folder / MODEL_FILE, compile=False)
        except Exception as error:  # zipfile, h5py and Keras have many
            problem = f"{folder / MODEL_FILE} is damaged ({error}). Delete it, and this network is trained anew."
            raise RunError(problem) from None
    build = build or build_model
    if photos.doubtful is not None:
        photos = photos[~photos.doubtful]
    _check_data(config, photos)
    keras.utils.set_random_seed(config.seed)
    trained = build(config.model, classes)
    if config.training.epochs:
        trained.set_weights(_run_epochs(config, photos, folder, validation, augment or augmentation_layers, build))
    if config.training.refit_classifier:
        refit_classifier(trained, photos, config.training.refit_classifier)
    trained = add_ood_score(trained, photos.pixels, non_skin_pictures(config.data.non_skin), config.seed)
    with replacing(folder / MODEL_FILE) as temporary:
        trained.save(temporary)
    (folder / _CHECKPOINT).unlink(missing_ok=True)
    return trained


def _check_data(config, photos):
    """What would be found out after the epochs only."""
    if config.data.non_skin is not None:
        find_pictures(config.data.non_skin)
    missing = [name for number, name in enumerate(config.data.classes) if number not in photos.labels]
    if config.training.refit_classifier and missing:
        raise DataError(
            f"training.refit_classifier needs photos of every class; there are none to train on of {', '.join(missing)}. Add "
            "photos, or name the classes that there are in data.classes."
        )


def _run_epochs(config, photos, folder, validation, augment, build):
    """The moving average of the weights, after all epochs.

    They are learned by a network of their own, because Keras saves the optimizer's state, thrice the size of the network, with
    whatever was compiled, and because a network trained in mixed precision answers in full precision.
    """
    training, classes = config.training, len(config.data.classes)
    keras.utils.set_random_seed(config.seed)
    keras.mixed_precision.set_dtype_policy(training.precision)
    batch_size = min(training.batch_size, len(photos.labels))
    steps_per_epoch = len(photos.labels) // batch_size
    try:
        model = build(config.model, classes)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    compile_model(model, config, steps_per_epoch)

    checkpoint = folder / _CHECKPOINT
    first_epoch = resume(model, checkpoint, steps_per_epoch)
    batches = training_batches(
        photos.pixels if photos.larger is None else photos.larger,
        np.eye(classes, dtype="float32")[photos.labels],
        augment(config.augmentation, config.model.image_size),
        batch_size,
        config.seed,
        first_epoch * steps_per_epoch,
    )
    callbacks = [keras.callbacks.SwapEMAWeights(), EpochLog(folder / "log.csv"), Checkpoint(checkpoint, config.seed)]
    if training.unfreezing:
        callbacks.append(Unfreezing(model.backbone.stages, training.unfreezing))
    if training.tensorboard:
        require("tensorboard", "logs", "training.tensorboard")
        callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
    weights = balanced_weights(photos.labels, classes)
    model.fit(
        batches.map(lambda images, targets: (images, targets, tf.linalg.matvec(targets, weights))),
        steps_per_epoch=steps_per_epoch,
        initial_epoch=first_epoch,
        epochs=training.epochs,
        validation_data=validation and (validation.pixels, np.eye(classes, dtype="float32")[validation.labels]),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    return model.get_weights()


def fit_photos(config: Config, photos: Sequence[Photo], folder: str | Path) -> dict | None:
    """Train on labelled photos and write all that is needed to use, evaluate and repeat the result.

    Args:
        photos: labelled; `data.validation_fraction` of them, in whole groups, is left out and evaluated.
        folder: gets `model.keras`, `metadata.json` and what `open_run` and `train` write.

    Returns:
        Figures of the validation photos (`evaluate_predictions`), None if nothing was left out. Where these have ten photos of
        each class without a doubtful label, the temperature and the thresholds are chosen on them, and `thresholds` says what
        they cost (`choose_thresholds`). Else the network answers for every photo and is not calibrated.

    Raises:
        DataError: a class has too few groups to be split.
        PhotoError: a photo can't be read.
        RunError: the folder belongs to another run, or something in it is damaged.
        FolderInUseError: another run works in the folder.
    """
    training, validation = split_off_validation(photos, config.data.validation_fraction, config.seed)
    classes = config.data.classes
    with locked(folder):
        open_run(folder, config, photos)
        left_out = load_arrays(validation, config) if validation else None
        model = train(config, load_arrays(training, config), folder, left_out)
        results, chosen = None, {"temperature": 1.0, "thresholds": None}
        if left_out:
            answers = deploy(model).predict(left_out.pixels, verbose=0)
            results = evaluate_predictions(left_out.labels, answers["probabilities"], classes)
            sure = np.flatnonzero(~left_out.doubtful)
            labels = left_out.labels[sure]
            if np.bincount(labels, minlength=len(classes)).min() >= _PHOTOS_TO_CHOOSE_ON:
                # Parts to cross-fit, alike in their classes.
                parts = np.argsort(np.argsort(labels, kind="stable")) % _PARTS
                of_sure = labels, answers["probabilities"][sure], parts, answers["ood_score"][sure, 0]
                results["thresholds"] = choose_thresholds(*of_sure, classes)
                chosen = shipped_values(results["thresholds"])
        counts = Counter(photo.label for photo in training if "doubt" not in photo.metadata)
        metadata = {
            "classes": classes,
            "image_size": config.model.image_size,
            "value_range": [0, 255],
            **chosen,
            "training_photos": {name: counts[name] for name in classes},
            "validation": results,
            "environment": environment(),
        }
        write_metadata(folder, metadata)
    return results


def compile_model(model: keras.Model, config: Config, steps_per_epoch: int) -> None:
    """Give a network its optimizer and, for every head, the cross-entropy with label smoothing.

    AdamW (Loshchilov and Hutter 2019), with a linear warm-up and a cosine decay to zero, and a moving average of the weights
    (Polyak averaging).
    """
    training = config.training
    steps = training.epochs * steps_per_epoch
    warmup = min(round(training.warmup_epochs * steps_per_epoch), steps - 1)
    rate, cosine = training.learning_rate, keras.optimizers.schedules.CosineDecay
    schedule = cosine(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup) if warmup else cosine(rate, steps)
    optimizer = keras.optimizers.AdamW(schedule, _WEIGHT_DECAY, use_ema=True, ema_momentum=_AVERAGE_MOMENTUM)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    optimizer.build(model.trainable_variables)  # because `resume` loads its state
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=training.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        # On a CPU, XLA made a step several times slower.
        jit_compile=False,
    )


def balanced_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weight of each class in the loss, `(classes,)`: inverse to the class's share of the photos."""
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * np.maximum(counts, 1))).astype("float32")
