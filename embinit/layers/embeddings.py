"""Tables of vectors."""

from dataclasses import dataclass

from embinit.errors import EmbinitError, is_int, shown
from embinit.layers.base import Stored


@dataclass(frozen=True, kw_only=True)
class Embedding(Stored):
    """A table of vectors, one per row.

    The other parameters and the errors are those of `Stored`.

    Parameters
    ----------
    num_embeddings, embedding_dim
        The numbers of rows and columns.
    padding_idx
        The row that is 0, which may count from the end; None if there is no such row.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Embedding(name="layer", num_embeddings=2, embedding_dim=1, padding_idx=0)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[0.0], [0.12880940735340118]]
    """

    without_effect = frozenset({"max_norm", "norm_type", "scale_grad_by_freq", "sparse"})
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None = None

    def _check(self) -> None:
        super()._check()
        row, rows = self.padding_idx, self.num_embeddings
        if row is not None and (not is_int(row) or not -rows <= row < rows):
            raise EmbinitError(f"padding_idx must be an integer from {-rows} to {rows - 1}, got {shown(row)}")


@dataclass(frozen=True, kw_only=True)
class EmbeddingBag(Embedding):
    """A table of vectors of which sums or averages are taken.

    Its parameters and errors are those of `Embedding`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.EmbeddingBag(name="layer", num_embeddings=2, embedding_dim=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[0.33669036626815796], [0.12880940735340118]]
    """

    without_effect = Embedding.without_effect | {"mode", "include_last_offset"}
