"""Runs this bundle with TensorFlow alone: pip install tensorflow pillow; python example.py PHOTO..."""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

folder = Path(__file__).parent
metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
function = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
side = metadata["image_size"]

print("Screening aid for research, not a diagnosis.")
for path in sys.argv[1:]:
    photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    # First the width: given both, releases of Pillow differ in which they begin with.
    photo = photo.resize((side, photo.height), Image.Resampling.BILINEAR).resize((side, side), Image.Resampling.BILINEAR)
    outputs = {name: values.numpy() for name, values in function(image=np.asarray(photo, "float32")[None]).items()}
    probabilities = outputs["probabilities"][0]
    answer, limits = metadata["classes"][probabilities.argmax()], metadata["thresholds"]
    if limits and (outputs["ood_score"][0, 0] > limits["ood_score"] or probabilities.max() < limits["confidence"]):
        answer = "not sure"
    print(path, answer, *(f"{label} {value:.3f}" for label, value in zip(metadata["classes"], probabilities, strict=True)))
