"""Tables of a paper as data: rows, the scores it prints, and the runs that fill them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

from serenade import corpora, protocols

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Run:
    """One evaluation, defined by everything that determines its result.

    Args:
        system: name of the system.
        corpus: name of the corpus.
        labels: emotions to keep; empty for all.
        recipe: name of the system's recipe.
        changes: changed fields of the recipe.
        protocol: name of the protocol.
        plan: changed fields of the protocol.
        seed: random seed of the folds and the estimators.
        speakers: number of speakers to use, the first ones; 0 for all.
        copies: whether two noisy copies of each test clip are tested as well.
    """

    system: str
    corpus: str
    labels: tuple[str, ...] = ()
    recipe: str = "default"
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    protocol: str = "speaker-independent"
    plan: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seed: int = 0
    speakers: int = 0
    copies: bool = False

    @property
    def name(self) -> str:
        """Readable, and another for each other run; those that differ by seed share its start.

        >>> Run("dcnn", "ravdess", seed=2).name
        'dcnn-ravdess-speaker-independent-a4aa01cf-seed2'
        """
        stated = dataclasses.asdict(dataclasses.replace(self, seed=0))
        if not self.copies:
            del stated["copies"]  # names of kept runs do not contain it
        text = json.dumps(stated, sort_keys=True, default=list)
        digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
        corpus = corpora.describe(self.corpus).name
        return f"{self.system}-{corpus}-{self.protocol}-{digest}-seed{self.seed}"


@dataclasses.dataclass(frozen=True)
class Row:
    """Row of a table in a paper.

    Args:
        name: name of the row in the paper.
        values: printed scores between 0 and 1 by the name of our metric: `ua`, `wa`,
            `f1_weighted`; None for a metric of a figure without numbers.
        system: name of the system that fills the row; empty if there is none.
        recipe: name of its recipe.
        changes: changed fields of the recipe. A text `@NAME/rest` is a file below a path that the
            user gives for NAME, see `serenade.papers._resources.resolve_changes`.
        fast: further changes for a quick look.
        known: further changes by the paper's protocol if it trains on test speakers.
        reason: reason why no system fills the row.
        stated: resources of the paper by the field of the recipe that names ours, such as
            `{"encoder": "ALBERT"}`.
        remark: further words for the label of the row, such as how its settings were chosen.
        copies: whether its runs also test two noisy copies of each test clip.
        enlarged: whether its scores are over test clips and these copies.
    """

    name: str
    values: Mapping[str, float | None]
    system: str = ""
    recipe: str = "default"
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fast: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    known: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reason: str = ""
    stated: Mapping[str, str] = dataclasses.field(default_factory=dict)
    remark: str = ""
    copies: bool = False
    enlarged: bool = False


@dataclasses.dataclass(frozen=True)
class Place:
    """Corpus and protocol that a table is filled with.

    Args:
        corpus: name of the corpus, or the path of a `.py` file as in `serenade.corpora.get`.
        labels: emotions to keep; empty for all.
        protocol: name of the paper's protocol.
        plan: changed fields of that protocol.
        independent: changed fields of the protocol on unseen speakers.
        seeds: number of seeds by the paper's protocol; other protocols have one seed.
        stands_for: corpus of the paper, if it is another one.
        partial: whether the paper's protocol tests unseen speakers, but only some of them; then
            all are tested by the default protocol as well.
    """

    corpus: str
    labels: tuple[str, ...] = ()
    protocol: str = "random"
    plan: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    independent: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seeds: int = 1
    stands_for: str = ""
    partial: bool = False

    @property
    def corpus_name(self) -> str:
        """Return the name of the corpus; `corpus` can be the path of a `.py` file."""
        return corpora.describe(self.corpus).name


@dataclasses.dataclass(frozen=True)
class Matrix:
    """Confusion matrix that a paper prints for a row of a table.

    Args:
        name: name in the paper, such as "Figure 3(c)".
        row: name of the row.
        labels: emotions in the order of the paper, by our names.
        cells: for each emotion, the shares of its clips by predicted emotion; None for a share
            that the paper does not print.
    """

    name: str
    row: str
    labels: tuple[str, ...]
    cells: tuple[tuple[float | None, ...], ...]

    @property
    def recalls(self) -> dict[str, float | None]:
        """Return the recall of each emotion, the diagonal."""
        return {label: self.cells[place][place] for place, label in enumerate(self.labels)}

    def list_emotions(self, labels: Sequence[str]) -> list[str]:
        """Return labels in the paper's order, followed by those that the paper does not have."""
        shared = [label for label in self.labels if label in labels]
        return [*shared, *(label for label in labels if label not in shared)]


def read_matrix(name: str, row: str, text: str, whole: float = 100.0) -> Matrix:
    r"""Read a matrix from lines of an emotion and its cells, in the order of the emotions.

    Args:
        name: name in the paper.
        row: name of the row.
        text: a line for each emotion; "-" is a cell that the paper does not print.
        whole: number that means all clips of an emotion.

    >>> read_matrix("Table 1", "ours", "angry 75 25\nsad - 100").cells
    ((0.75, 0.25), (None, 1.0))
    """
    lines = [line.split() for line in text.strip().splitlines()]
    cells = [
        tuple(None if one == "-" else round(float(one) / whole, 6) for one in line[1:])
        for line in lines
    ]
    return Matrix(name, row, tuple(line[0] for line in lines), tuple(cells))


@dataclasses.dataclass(frozen=True)
class Gain:
    """Difference in UA between two rows of a table that the text of a paper states.

    Args:
        better: name of the row with the higher score.
        worse: name of the other row.
        value: difference of scores between 0 and 1.
    """

    better: str
    worse: str
    value: float


@dataclasses.dataclass(frozen=True)
class Table:
    """Table or figure of a paper.

    Args:
        name: name in the paper, such as "Table 1".
        caption: description in our words.
        rows: rows in the order of the paper.
        places: corpora and protocols; the first is the paper's own corpus if we have it.
        curves: name of the paper's figure of training losses; empty if there is none.
        headline: names of the rows that the overview of all papers shows.
        against: name of the row that the others are tested against; by default every pair is
            tested.
        fold_means: whether the paper averages scores over folds, so that our means over folds
            are shown next to the scores over all predictions.
        matrix: confusion matrix of the paper for a row; None if it prints none.
        gains: differences between rows that the text states.
    """

    name: str
    caption: str
    rows: tuple[Row, ...]
    places: tuple[Place, ...]
    curves: str = ""
    headline: tuple[str, ...] = ()
    against: str = ""
    fold_means: bool = False
    matrix: Matrix | None = None
    gains: tuple[Gain, ...] = ()


@dataclasses.dataclass(frozen=True)
class Paper:
    """Paper with its tables.

    Args:
        name: name of its system.
        title: title of the paper.
        citation: authors, year, venue.
        tables: its tables and figures of results.
        notes: facts that a comparison needs.
        position: place of the paper in the results, from 1.
    """

    name: str
    title: str
    citation: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    position: int = 0


def tune_row(row: Row, recipe: str = "tuned", **changes: Any) -> Row:
    """Return a row of the paper that a recipe of ours fills.

    Args:
        row: row of the paper.
        recipe: name of the recipe, which the name of the new row begins with.
        changes: further fields of the row.
    """
    return dataclasses.replace(row, name=f"{recipe}: {row.name}", recipe=recipe, **changes)


def repeat_table(table: Table, prefix: str, place: Place, caption: str) -> Table:
    """Return a table for another corpus or other emotions; its rows have names of their own.

    The paper's matrix and the differences that its text states are left out.

    Args:
        table: table to repeat.
        prefix: words before the names of rows, and behind the name of the table.
        place: corpus and protocol.
        caption: sentence that is added to the caption.
    """

    def rename(row: str) -> str:
        return f"{prefix}: {row}" if row else ""

    return dataclasses.replace(
        table,
        name=f"{table.name}, {prefix}",
        caption=f"{table.caption} {caption}",
        rows=tuple(dataclasses.replace(row, name=rename(row.name)) for row in table.rows),
        places=(place,),
        headline=tuple(map(rename, table.headline)),
        against=rename(table.against),
        matrix=None,
        gains=(),
    )


def list_runs(
    row: Row, place: Place, *, fast: bool = False
) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Return the runs of a row by the paper's protocol, one for each seed, and on unseen speakers.

    Both are the same if the protocol of the paper tests all speakers, each of them unseen.

    Args:
        row: row with a system.
        place: corpus and protocol.
        fast: quick look with few speakers, one seed, two groups and the row's quick settings.
    """
    common: dict[str, Any] = {
        "system": row.system,
        "corpus": place.corpus,
        "labels": place.labels,
        "recipe": row.recipe,
        "speakers": _FAST_SPEAKERS if fast else 0,
        "copies": row.copies,
    }
    quick = row.fast if fast else {}
    own = protocols.get(place.protocol)
    plan = {**place.independent, "groups": 2} if fast else place.independent
    unseen = Run(
        **common,
        changes={**row.changes, **quick},
        protocol="groups" if fast else "speaker-independent",
        plan=plan,
    )
    if own.speaker_independent and fast:
        return (unseen,), (unseen,)
    further = {} if own.speaker_independent else row.known
    paper = tuple(
        Run(
            **common,
            changes={**row.changes, **further, **quick},
            protocol=place.protocol,
            plan=place.plan,
            seed=seed,
        )
        for seed in range(1 if fast else place.seeds)
    )
    return paper, paper if own.speaker_independent and not place.partial else (unseen,)


def list_all_runs(paper: Paper, *, fast: bool = False) -> Iterator[Run]:
    """Yield every run of a paper once, in the order of its tables."""
    seen = set()
    for table in paper.tables:
        for place in table.places:
            for row in table.rows:
                for run in [
                    r for part in list_runs(row, place, fast=fast) for r in part if row.system
                ]:
                    if run.name not in seen:
                        seen.add(run.name)
                        yield run


_FAST_SPEAKERS = 6
