"""Tables of the docs, from the results files."""
