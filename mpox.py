"""Found by `tfds build mpox` in the root of a checkout, where TFDS looks for a file of the dataset's name and nowhere below."""

raise SystemExit("The dataset is in the folder datasets: run `tfds build datasets/mpox --manual_dir DIR`, DIR with the photos.")
