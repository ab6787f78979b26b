"""Names of classes that the code knows; every other class is a name that a data set brings."""

from collections.abc import Iterable

MPOX = "mpox"  # what screening looks for: it has a threshold of its own, and is compared with the other rashes
NORMAL = "normal"  # skin without a rash: left out where rashes are compared with each other
OTHER = "other"  # another skin condition than the ones that have a class
CLASSES = (MPOX, "chickenpox", "measles", NORMAL)  # the default classes, in the order of every model, table and file


def order_classes(names: Iterable[str]) -> list[str]:
    """Names in the order of a network's outputs: those that the code knows as above, `other` before `normal`, then the rest.

    Example:
        >>> order_classes({"normal", "eczema", "mpox", "other"})
        ['mpox', 'other', 'normal', 'eczema']
    """
    known = [*CLASSES[:-1], OTHER, NORMAL]
    return sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))
