"""A paper's tables as data: rows, the numbers it prints, and the runs that fill them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

from serenade import corpora, protocols
from serenade.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclasses.dataclass(frozen=True)
class Run:
    """One evaluation, by everything that decides its result.

    Args:
        system: name of the system.
        corpus: name of the corpus.
        labels: the emotions that are kept; empty for all.
        recipe: name of the system's recipe.
        changes: fields of it that are changed.
        protocol: name of the protocol.
        plan: fields of it that are changed.
        seed: of the folds and the estimators.
        speakers: only the first so many are looked at; 0 for all.
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

    @property
    def name(self) -> str:
        """Readable, and another for each other run; those that differ by seed share its start.

        >>> Run("dcnn", "ravdess", seed=2).name
        'dcnn-ravdess-speaker-independent-a4aa01cf-seed2'
        """
        stated = dataclasses.asdict(dataclasses.replace(self, seed=0))
        text = json.dumps(stated, sort_keys=True, default=list)
        digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
        corpus = corpora.describe(self.corpus).name
        return f"{self.system}-{corpus}-{self.protocol}-{digest}-seed{self.seed}"


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a paper's table.

    Args:
        name: as the paper has it.
        values: what it prints, as shares of one, by the name of our metric: `ua`, `wa`,
            `f1_weighted`; for a figure without numbers, metrics with None.
        system: that fills it; empty where nothing here does.
        recipe: name of its recipe.
        changes: fields of the recipe that are changed; a text `@NAME/rest` is a file below what
            the user names so, see `resolve_changes`.
        fast: further ones for a quick look.
        known: further ones by the paper's protocol, where that tests speakers it trains on.
        reason: why nothing fills it.
    """

    name: str
    values: Mapping[str, float | None]
    system: str = ""
    recipe: str = "default"
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fast: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    known: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Place:
    """A corpus that a table is filled on.

    Args:
        corpus: its name, or the path of a `.py` file as in `serenade.corpora.get`.
        labels: the emotions that are kept; empty for all.
        protocol: the paper's.
        plan: fields of it.
        independent: fields of the protocol on unseen speakers.
        seeds: how many, under the paper's protocol; under another, on unseen speakers, one.
        stands_for: the paper's corpus, where this is another one.
    """

    corpus: str
    labels: tuple[str, ...] = ()
    protocol: str = "random"
    plan: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    independent: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seeds: int = 1
    stands_for: str = ""

    @property
    def corpus_name(self) -> str:
        """Name of the corpus; `corpus` can be the path of a `.py` file."""
        return corpora.describe(self.corpus).name


@dataclasses.dataclass(frozen=True)
class Table:
    """A table or figure.

    Args:
        name: as the paper numbers it.
        caption: what it shows, in our words.
        rows: in the paper's order.
        places: where they are filled; the first is the paper's own corpus, if it is one.
        curves: the paper's figure of its rows' training losses; empty where it has none.
        headline: names of the rows that an overview of all papers shows.
        against: name of the row that the others are tested against; by default every pair is.
    """

    name: str
    caption: str
    rows: tuple[Row, ...]
    places: tuple[Place, ...]
    curves: str = ""
    headline: tuple[str, ...] = ()
    against: str = ""


@dataclasses.dataclass(frozen=True)
class Paper:
    """What a paper reports.

    Args:
        name: of its system.
        title: of the paper.
        citation: authors, year, venue.
        tables: its tables and figures of results.
        notes: what must be known to compare.
        position: where the results list the paper, counted from 1.
    """

    name: str
    title: str
    citation: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    position: int = 0


def tune_row(row: Row, recipe: str = "tuned", **changes: Any) -> Row:
    """A row of the paper as a recipe of ours fills it.

    Args:
        row: the paper's.
        recipe: its name, which the row's name begins with.
        changes: further fields of the row.
    """
    return dataclasses.replace(row, name=f"{recipe}: {row.name}", recipe=recipe, **changes)


def list_runs(
    row: Row, place: Place, *, fast: bool = False
) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """The runs of a row: by the paper's protocol, a seed each; and on unseen speakers.

    Where the paper's own protocol keeps speakers apart, its runs are those on unseen speakers, too.

    Args:
        row: with a system.
        place: where.
        fast: a quick look: few speakers, one seed, two groups, the row's quick settings.
    """
    common: dict[str, Any] = {
        "system": row.system,
        "corpus": place.corpus,
        "labels": place.labels,
        "recipe": row.recipe,
        "speakers": _FAST_SPEAKERS if fast else 0,
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
    return paper, paper if own.speaker_independent else (unseen,)


def resolve_changes(changes: Mapping[str, Any], use: Mapping[str, str]) -> dict[str, Any]:
    """Changes of a recipe with the files that only this machine knows.

    Args:
        changes: of a `Row` or `Run`.
        use: paths (or ids on a hub) by name.

    Raises:
        EvaluationError: a name nobody has given a path for.

    >>> resolve_changes({"vectors": "@speech2vec/50.txt", "epochs": 3}, {"speech2vec": "vectors"})
    {'vectors': 'vectors/50.txt', 'epochs': 3}
    """
    found = dict(changes)
    for field, value in changes.items():
        if isinstance(value, str) and value.startswith("@"):
            name, slash, rest = value[1:].partition("/")
            if name not in use:
                raise EvaluationError(f"needs {field}: give --use {name}=PATH")
            found[field] = use[name] + slash + rest
    return found


def list_all_runs(paper: Paper, *, fast: bool = False) -> Iterator[Run]:
    """Every run of a paper once, in the order of its tables."""
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
