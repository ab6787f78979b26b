"""From folders of photos, one for each class, to a web page: python own_classes.py PHOTOS OUT"""

import sys

import keras

import mpox_keras
from mpox_keras.web.site import build_site

photos, out = sys.argv[1:]
batches = keras.utils.image_dataset_from_directory(photos, image_size=(192, 192))
model = mpox_keras.FastMpoxNet(len(batches.class_names), weights="fast_mpoxnet")
model.backbone.trainable = False
model.compile("adamw", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(batches, epochs=3)
model.save(f"{out}/model.keras")

mpox_keras.export_bundle(model, f"{out}/phone", "tflite", classes=batches.class_names)
classifier = mpox_keras.load_classifier(f"{out}/phone")
for prediction in classifier.predict(batches.file_paths[:5]):
    print(prediction.file, prediction.answer)
build_site(f"{out}/model.keras", f"{out}/site", classes=batches.class_names)
