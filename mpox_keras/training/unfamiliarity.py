"""A trained network learns what its training photos are like, so that it can refuse pictures that are not."""

import keras
import numpy as np
from sklearn.decomposition import PCA

from mpox_keras.layers import Unfamiliarity

_COMPONENTS = 64


def add_unfamiliarity(model: keras.Model, photos: np.ndarray) -> keras.Model:
    """A network with one more output, `unfamiliarity`, that measures how unlike the training photos a photo is.

    Args:
        model: trained, with a layer `diagnosis_pooling`, in the training form.
        photos: the training photos, not augmented, `(photos, size, size, 3)`, 0 to 255.

    Returns:
        A model that shares its layers with `model`.

    Example:
        >>> model = add_unfamiliarity(model, photos)
        >>> deploy(model).predict(pictures)["unfamiliarity"]
    """
    pooled = model.get_layer("diagnosis_pooling").output
    features = keras.Model(model.inputs, pooled).predict(photos, verbose=0)
    # With as many components as photos or features nothing would be left over.
    analysis = PCA(max(1, min(_COMPONENTS, *(count // 2 for count in features.shape))), random_state=0).fit(features)
    layer = Unfamiliarity(analysis.n_components_, dtype="float32", name="unfamiliarity")
    unfamiliarity = layer(pooled)
    layer.set_weights([analysis.mean_, analysis.components_.T, np.float32(1)])
    mean = float(np.mean(keras.ops.convert_to_numpy(layer(features))))
    layer.scale.assign(1 / max(mean, 1e-12))
    outputs = {name: model.get_layer(name).output for name in model.output_names}
    return keras.Model(model.inputs, {**outputs, "unfamiliarity": unfamiliarity}, name=model.name)
