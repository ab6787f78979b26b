"""Runs the bundle beside it: python example.py PHOTO...

Needs numpy, pillow and, by the bundle's format: ai-edge-litert (tflite), onnxruntime (onnx), tensorflow (saved_model) or
mpox-keras (keras).
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

folder = Path(__file__).parent
metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
classes, side, thresholds = metadata["classes"], metadata["image_size"], metadata["thresholds"]

if metadata["format"] == "tflite":
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(folder / "model.tflite"), num_threads=1).get_signature_runner()

    def run(photo):
        return runner(image=photo.astype("float32"))

elif metadata["format"] == "onnx":
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx")
    names = [output.name for output in session.get_outputs()]

    def run(photo):
        return dict(zip(names, session.run(names, {"image": photo.astype("float32")}), strict=True))

elif metadata["format"] == "saved_model":
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder / "saved_model"))

    def run(photo):
        outputs = loaded.signatures["serving_default"](image=photo.astype("float32"))
        return {name: values.numpy() for name, values in outputs.items()}

else:
    import keras

    import mpox_keras  # noqa: F401 - some of the model's layers are its own

    run = keras.models.load_model(folder / "model.keras").predict_on_batch

print("Screening aid for research, not a diagnosis.")
for path in sys.argv[1:]:
    photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    # First the width: given both, releases of Pillow differ in which they begin with.
    photo = photo.resize((side, photo.height), Image.Resampling.BILINEAR).resize((side, side), Image.Resampling.BILINEAR)
    outputs = run(np.asarray(photo)[None])
    probabilities = outputs["probabilities"][0]
    answer = classes[probabilities.argmax()]
    if thresholds is not None and (
        outputs["ood_score"][0, 0] > thresholds["ood_score"] or probabilities.max() < thresholds["confidence"]
    ):
        answer = "not sure"
    print(path, answer, *(f"{name} {value:.3f}" for name, value in zip(classes, probabilities, strict=True)))
