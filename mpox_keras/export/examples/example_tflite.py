"""Runs this bundle without mpox-keras: pip install ai-edge-litert numpy pillow; python example.py PHOTO..."""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

folder = Path(__file__).parent
metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
labels = (folder / "labels.txt").read_text(encoding="utf-8").split()
runner = Interpreter(str(folder / "model.tflite"), num_threads=1).get_signature_runner()
details = runner.get_output_details()
side = metadata["image_size"]


def run(photo):
    """Outputs by name; integers are turned into what they stand for."""
    outputs = runner(image=np.asarray(photo, metadata["input"]["dtype"])[None])
    for name, values in outputs.items():
        scale, zero_point = details[name]["quantization"]
        outputs[name] = (values.astype("float32") - zero_point) * scale if scale else values
    return outputs


print("Screening aid for research, not a diagnosis.")
for path in sys.argv[1:]:
    photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    # First the width: given both, releases of Pillow differ in which they begin with.
    photo = photo.resize((side, photo.height), Image.Resampling.BILINEAR).resize((side, side), Image.Resampling.BILINEAR)
    outputs = run(photo)
    probabilities = outputs["probabilities"][0]
    answer, limits = labels[probabilities.argmax()], metadata["thresholds"]
    if limits and (outputs["ood_score"][0, 0] > limits["ood_score"] or probabilities.max() < limits["confidence"]):
        answer = "not sure"
    print(path, answer, *(f"{label} {value:.3f}" for label, value in zip(labels, probabilities, strict=True)))
