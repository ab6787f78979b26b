"""Training of one network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mpox_keras.classifier import MODEL_FILE, write_metadata
from mpox_keras.config import Config
from mpox_keras.data.augmentation import training_batches
from mpox_keras.data.folder import Photo
from mpox_keras.data.loading import load_photos
from mpox_keras.data.splits import split_off_validation
from mpox_keras.errors import require
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.files import replacing
from mpox_keras.models import FastMpoxNet, deploy
from mpox_keras.training.callbacks import Checkpoint, EpochLog, resume
from mpox_keras.training.runs import environment, open_run


def train(
    config: Config,
    photos: np.ndarray,
    labels: np.ndarray,
    folder: str | Path,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
) -> keras.Model:
    """Train a network as the config says; goes on where an earlier call in the same folder was cut off.

    A resumed run ends with the same weights as one that was not interrupted.

    Args:
        config: the experiment.
        photos: `(photos, size, size, 3)`, uint8.
        labels: `(photos,)`, class numbers.
        folder: gets `checkpoint.weights.h5` while training, `log.csv`, and at last `model.keras`.
        validation: photos and labels that are measured after every epoch and change nothing.

    Returns:
        The trained network in its training form, with the moving average of its weights.

    Example:
        >>> model = train(load_config("configs/fast_mpoxnet.yaml"), photos, labels, "runs/first")
    """
    folder = Path(folder)
    finished = folder / MODEL_FILE
    if finished.is_file():
        return keras.models.load_model(finished, compile=False)
    keras.utils.set_random_seed(config.seed)
    keras.mixed_precision.set_dtype_policy(config.training.precision)
    try:
        model = build_model(config)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    batch_size = min(config.training.batch_size, len(photos))
    steps_per_epoch = len(photos) // batch_size
    compile_model(model, config, steps_per_epoch)

    checkpoint = folder / "checkpoint.weights.h5"
    first_epoch = resume(model, checkpoint, steps_per_epoch)
    one_hot = np.eye(len(config.data.classes), dtype="float32")
    batches = training_batches(
        photos, one_hot[labels], config.augmentation, batch_size, config.seed, first_epoch * steps_per_epoch
    )
    log = EpochLog(folder / "log.csv", config.training.epochs)
    callbacks = [keras.callbacks.SwapEMAWeights(), log, Checkpoint(checkpoint, config.seed)]
    if config.training.tensorboard:
        callbacks.append(_tensorboard(folder))
    model.fit(
        for_every_output(batches, model, class_weights(labels, config)),
        steps_per_epoch=steps_per_epoch,
        initial_epoch=first_epoch,
        epochs=config.training.epochs,
        validation_data=validation and _validation_batches(validation, model, one_hot),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    # A fresh network, because Keras saves the optimizer's state, thrice the size of the network, with whatever was
    # compiled, and because a network trained in mixed precision answers in full precision.
    trained = build_model(config)
    trained.set_weights(model.get_weights())
    with replacing(finished) as temporary:
        trained.save(temporary)
    checkpoint.unlink()
    return trained


def fit_photos(config: Config, photos: Sequence[Photo], folder: str | Path) -> dict | None:
    """Train on labelled photos and write all that is needed to use, judge and repeat the result.

    Args:
        config: the experiment; `data.validation_fraction` of the photos, in whole groups, is left out and judged.
        photos: labelled photos with their groups.
        folder: the run folder; gets `model.keras`, `metadata.json` and what `open_run` and `train` write.

    Returns:
        Figures of the validation photos (`evaluate_predictions`), None if nothing was left out.

    Raises:
        DataError: a class has too few groups to be split.
        PhotoError: a photo can't be read.
        RunError: the folder belongs to another run.
    """
    training, validation = split_off_validation(photos, config.data.validation_fraction, config.seed)
    folder = open_run(folder, config, photos)
    classes = config.data.classes
    arrays = [
        (load_photos(part, config.model.image_size), np.array([classes.index(photo.label) for photo in part]))
        for part in (training, validation)
        if part
    ]
    model = train(config, *arrays[0], folder, validation=arrays[1] if validation else None)
    results = None
    if validation:
        pixels, labels = arrays[1]
        probabilities = deploy(model).predict(pixels, verbose=0)["probabilities"]
        results = evaluate_predictions(labels, probabilities, classes)
    write_metadata(
        folder,
        {
            "classes": classes,
            "image_size": config.model.image_size,
            "value_range": [0, 255],
            "temperature": 1.0,
            "training_photos": {name: sum(photo.label == name for photo in training) for name in classes},
            "validation": results,
            "environment": environment(),
        },
    )
    return results


def build_model(config: Config) -> keras.Model:
    """The untrained network of a config."""
    size = config.model.image_size
    return FastMpoxNet(
        classes=len(config.data.classes),
        weights=config.model.weights,
        input_shape=(size, size, 3),
        fusion=config.model.fusion,
        auxiliary_heads=config.model.auxiliary_heads,
        dropout=config.model.dropout,
    )


def compile_model(model: keras.Model, config: Config, steps_per_epoch: int) -> None:
    """Give a network its optimizer and its main and auxiliary losses.

    The loss is the weighted sum over the outputs of the cross-entropy with label smoothing; the weights of the auxiliary
    heads are not stated by Yue et al. and come from the config. AdamW (Loshchilov and Hutter 2019), with a linear warm-up
    and a cosine decay to zero, and a moving average of the weights (Polyak averaging).
    """
    training = config.training
    steps = training.epochs * steps_per_epoch
    warmup = min(round(training.warmup_epochs * steps_per_epoch), steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=steps - warmup,
        warmup_target=training.learning_rate,
        warmup_steps=warmup,
    )
    if not warmup:
        schedule = keras.optimizers.schedules.CosineDecay(training.learning_rate, steps)
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=training.weight_decay, use_ema=True, ema_momentum=training.average_momentum
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    # Built here, because `resume` loads its state, and because TensorFlow would trace the training step twice otherwise.
    optimizer.build(model.trainable_variables)
    loss_weights = {"diagnosis": 1.0}
    if config.model.auxiliary_heads:
        loss_weights |= {f"auxiliary_{stage}": w for stage, w in zip((2, 3, 4), training.auxiliary_weights, strict=True)}
    model.compile(
        optimizer,
        loss={
            name: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=training.label_smoothing)
            for name in loss_weights
        },
        loss_weights=loss_weights,
        metrics={"diagnosis": [keras.metrics.CategoricalAccuracy(name="accuracy")]},
        # On a CPU, XLA made a step several times slower.
        jit_compile=False,
    )


def class_weights(labels: np.ndarray, config: Config) -> np.ndarray:
    """Weight of each class in the loss, `(classes,)`: 1, or inverse to the class's share of the photos ("balanced")."""
    classes = len(config.data.classes)
    if config.training.class_weights == "none":
        return np.ones(classes, "float32")
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * np.maximum(counts, 1))).astype("float32")


def for_every_output(batches: tf.data.Dataset, model: keras.Model, weights: np.ndarray) -> tf.data.Dataset:
    """Batches for a network with several heads: the same targets and sample weights for each."""
    names = model.output_names

    def expand(images, targets):
        sample_weights = tf.linalg.matvec(targets, weights)
        return images, dict.fromkeys(names, targets), dict.fromkeys(names, sample_weights)

    return batches.map(expand)


def _validation_batches(validation, model, one_hot):
    photos, labels = validation
    targets = one_hot[labels]
    return tf.data.Dataset.from_tensor_slices((photos, dict.fromkeys(model.output_names, targets))).batch(32)


def _tensorboard(folder):
    require("tensorboard", "logs", "training.tensorboard")
    return keras.callbacks.TensorBoard(folder / "tensorboard")
