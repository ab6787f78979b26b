"""Names of classes that the code knows; every other class is a name that a data set brings."""

MPOX = "mpox"  # what screening looks for: it has a threshold of its own, and is compared with the other rashes
NORMAL = "normal"  # skin without a rash: left out where rashes are compared with each other
OTHER = "other"  # another skin condition than the ones that have a class
CLASSES = (MPOX, "chickenpox", "measles", NORMAL)  # the default classes, in the order of every model, table and file
