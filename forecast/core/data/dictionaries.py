"""The dictionaries of columns: telling whether two batches have the same one."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

Identity = tuple[pa.DataType, int, int, tuple[tuple[int, int] | None, ...]]
"""What an array is, and where in memory."""


def identify(array: pa.Array) -> Identity:
    """Return what is equal for two arrays, both still held, only where they are the same one."""
    places = tuple(None if buffer is None else (buffer.address, buffer.size) for buffer in array.buffers())
    return array.type, array.offset, len(array), places


def expanded_sizes(chunks: Iterable[pa.DictionaryArray]) -> Iterator[int]:
    """Yield, for each chunk of a column of text, the bytes that its values have without a dictionary."""
    known: Identity | None = None
    lengths: pa.Array = None
    for chunk in chunks:
        identity = identify(chunk.dictionary)
        # Measuring it anew for every small batch takes as long as there are batches.
        if identity != known:
            known, lengths = identity, pc.binary_length(chunk.dictionary)
        yield pc.sum(lengths.take(chunk.indices)).as_py() or 0
