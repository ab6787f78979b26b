"""`python -m mpox_keras.cli`."""

from mpox_keras.cli import main

main()
