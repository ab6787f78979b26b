"""The photos that a user means: files, folders, globs, lists and URLs, one by one however many there are."""

import csv
import glob
import io
import itertools
import os
import posixpath
from collections.abc import Iterator, Sequence

from mpox_keras.data.folder import PHOTO_SUFFIXES, DataError, expand_photos
from mpox_keras.utils.errors import require

LIST_SUFFIXES = (".csv", ".parquet")


def absolute(argument: str) -> str:
    """A path that means the same from every folder and in every process; a URL does already."""
    return argument if "://" in argument else os.path.abspath(argument)


def find_inputs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Photos meant by what a user typed, as pairs of an id and a file.

    Args:
        arguments: photo files, folders (searched by suffix), globs, lists, and URLs of each of these that fsspec knows. A list
            is a `.csv` or `.parquet` table with a column `file`, relative to the list's own folder, and perhaps a column `id`.

    Returns:
        The pairs one by one; whether each file is a readable photo is not looked at. The id is what the list gives, else the
        file as the list has it, else the file. Held in memory are the names in one folder, or all that match a glob.

    Raises:
        DataError: an argument names nothing, or a list can't be used.
        MissingExtraError: a list or a URL needs a package that is not installed.

    Example:
        >>> for id, file in find_inputs(["clinic/", "more/*.png", "list.csv", "s3://bucket/photos/"]):
        ...     print(id, file)
    """
    # Each argument is looked at before the first one's photos are listed, which may take hours.
    return itertools.chain.from_iterable([_find(absolute(argument)) for argument in arguments])


def _find(argument):
    if argument.lower().endswith(LIST_SUFFIXES) and not os.path.isdir(argument):
        if "://" not in argument and not os.path.isfile(argument):
            raise DataError(f"the list {argument} does not exist. Check the path.")
        return _read_list(argument)
    files = _expand_url(argument) if "://" in argument else map(os.fspath, expand_photos([argument]))
    return ((file, file) for file in files)


def _expand_url(url):
    filesystem, path = _filesystem(url)
    found = False
    try:
        if glob.has_magic(path):
            files = filesystem.glob(path)
        elif filesystem.isdir(path):
            files = _walk(filesystem, path)
        else:
            files = [path] if filesystem.exists(path) else []
        for file in files:
            found = True
            yield filesystem.unstrip_protocol(file)
    except Exception as error:  # every kind of store has errors of its own
        raise DataError(f"{url} can't be listed ({error}). Check the URL and your rights.") from None
    if not found:
        raise DataError(f"{url} is neither a photo, a folder with photos nor a pattern that matches any. Check the URL.")


def _walk(filesystem, path):
    for folder, folders, files in filesystem.walk(path, on_error="raise"):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and posixpath.splitext(name)[1].lower() in PHOTO_SUFFIXES:
                yield f"{folder}/{name}"


def _filesystem(url):
    fsspec = require("fsspec", "screen", "reading lists and URLs")
    try:
        # A cache of listings would keep every name.
        return fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:  # the store's own package is missing, or the protocol is unknown
        raise DataError(f"{url} can't be opened: {error}") from None


def _read_list(path):
    folder = os.path.dirname(path)
    read = _read_parquet if path.lower().endswith(".parquet") else _read_csv
    filesystem, inner = _filesystem(path)
    try:
        stream = filesystem.open(inner, "rb")
    except Exception as error:  # every kind of store has errors of its own
        raise DataError(f"the list {path} can't be opened ({error}). Check its place and your rights.") from None
    with stream:
        for number, row in enumerate(read(stream, path), 1):
            if row["file"] in (None, ""):
                raise DataError(f"{path} has no file in row {number}. Fill it in or remove the row.")
            listed = str(row["file"])
            # An absolute path stays what it is, as does a URL.
            file = listed if "://" in listed else os.path.join(folder, listed)
            yield listed if row.get("id") is None else str(row["id"]), file


def _read_csv(stream, path):
    try:
        reader = csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""))
        _check_columns(path, reader.fieldnames or ())
        yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a table in UTF-8: {error}. Save it as UTF-8 CSV.") from None


def _read_parquet(stream, path):
    pyarrow = require("pyarrow", "screen", "reading Parquet lists")
    parquet = require("pyarrow.parquet", "screen", "reading Parquet lists")
    try:
        table = parquet.ParquetFile(stream)
        _check_columns(path, table.schema_arrow.names)
        # A column that is not there is passed over.
        for batch in table.iter_batches(columns=["file", "id"]):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is not a readable Parquet table: {error}.") from None


def _check_columns(path, columns):
    if "file" not in columns:
        found = ", ".join(columns) or "none"
        raise DataError(f"{path} lacks the column file; it has {found}. Name the column of the photos so.")
