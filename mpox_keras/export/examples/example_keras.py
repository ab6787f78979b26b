"""Runs this bundle with Keras: pip install mpox-keras; python example.py PHOTO..."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageOps

import mpox_keras  # noqa: F401 - some of the model's layers are its own

folder = Path(__file__).parent
metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
model = keras.models.load_model(folder / "model.keras")
side = metadata["image_size"]

print("Screening aid for research, not a diagnosis.")
for path in sys.argv[1:]:
    photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    # First the width: given both, releases of Pillow differ in which they begin with.
    photo = photo.resize((side, photo.height), Image.Resampling.BILINEAR).resize((side, side), Image.Resampling.BILINEAR)
    outputs = model.predict_on_batch(np.asarray(photo)[None])
    probabilities = outputs["probabilities"][0]
    answer, limits = metadata["classes"][probabilities.argmax()], metadata["thresholds"]
    if limits and (outputs["ood_score"][0, 0] > limits["ood_score"] or probabilities.max() < limits["confidence"]):
        answer = "not sure"
    print(path, answer, *(f"{label} {value:.3f}" for label, value in zip(metadata["classes"], probabilities, strict=True)))
