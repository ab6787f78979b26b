"""Screening at scale: photos by the million, spread over processes or a cluster, into Parquet."""

from mpox_keras.screening.plan import ScreeningError
from mpox_keras.screening.run import screen_photos

__all__ = ["ScreeningError", "screen_photos"]
