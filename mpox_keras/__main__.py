"""`python -m mpox_keras`, the same as the command `mpox-keras`."""

from mpox_keras.cli import main

if __name__ == "__main__":
    main(prog_name="mpox-keras")
