"""The pages made from the program: complete, and without a number of their own."""

import dataclasses
import doctest
import gzip
import json
import re
import shutil
from pathlib import Path

import make_docs_pages
import pytest
from docs_pages import api, corpora, doctest_blocks, results, systems, text

import serenade
from serenade import corpora as all_corpora
from serenade import papers
from serenade import systems as all_systems
from serenade.evaluation import _compare, read_runs
from serenade.papers import Runner, _render, get

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(results_root):
    return results.Results.load(results_root)


@pytest.fixture(scope="module")
def run_file(results_root, tmp_path_factory):
    """Write a file of one published run."""
    name = "lld-svm.json.gz"
    runs = json.loads(gzip.decompress((results_root / "reproduce" / "runs" / name).read_bytes()))
    path = tmp_path_factory.mktemp("run") / "emodb.json.gz"
    runs[0].pop("run")  # the name of the file names the run
    path.write_bytes(gzip.compress(json.dumps(runs[:1]).encode()))
    return path


@pytest.fixture
def run_data(run_file):
    """Its reports as JSON data."""
    return json.loads(gzip.decompress(run_file.read_bytes()))


@pytest.fixture(scope="module")
def system_pages(found):
    return systems.pages(found)


@pytest.mark.parametrize("name", all_systems.names())
def test_every_field_of_every_recipe_is_explained(name):
    assert systems.documented(all_systems.get(name)) == []


@pytest.mark.parametrize("name", all_systems.names())
def test_a_system_has_its_page(name, system_pages):
    page = system_pages[f"systems/{name}.md"]
    system = all_systems.get(name)
    assert page.startswith(f"# {name}\n")
    for recipe in system.recipes:
        assert f"`{recipe}`" in page
    rows = [row for paper in map(get, papers.names()) for t in paper.tables for row in t.rows]
    if name in {row.system for row in rows}:  # the others follow none of the five papers
        assert "## How gaps of the paper are read" in page


def test_recipes_show_what_differs(system_pages):
    page = system_pages["systems/lld-svm.md"]
    assert "| field | `default` | `tuned` | meaning |" in page
    assert re.search(r"\| `balance` \| `0.0` \| `1.0` \| weight of a clip", page)
    assert re.search(r"\| `reference` \| `'?neutral'?` \| \|", page)


def test_what_a_paper_prints_is_what_reproduce_knows(system_pages):
    page = system_pages["systems/stser.md"]
    for table in get("stser").tables:
        for row in table.rows:
            for value in filter(None, row.values.values()):
                assert f"| {value:.3f} |" in page


@pytest.mark.parametrize("name", all_corpora.names())
def test_a_corpus_page_has_all_of_info(name):
    info = all_corpora.describe(name)
    page = corpora.page(name, info)
    assert info.licence in page
    assert info.citation in page
    assert info.warning in page
    if info.expected:
        assert f"{info.expected.files} recordings of {info.expected.speakers} speakers" in page
        for label, count in info.expected.per_label.items():
            assert f"| {label} | {count} |" in page


def test_measured_numbers_follow_the_run_file(tmp_path, run_data):
    path = tmp_path / "lld-svm" / "one.json.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(json.dumps(run_data).encode()))
    before = results.Results.load(tmp_path)
    assert f"{before.entrants[0].scores['ua'].value:.3f} [" in before.of("lld-svm")
    for prediction in run_data[0]["predictions"]:
        prediction["predicted"] = prediction["reference"]
    path.write_bytes(gzip.compress(json.dumps(run_data).encode()))
    after = results.Results.load(tmp_path)
    assert "1.000 [1.000, 1.000]" in after.of("lld-svm")
    assert "1.000 [1.000, 1.000]" not in before.of("lld-svm")
    assert "| lld-svm (tuned) | 1.000 | 1.000 to 1.000 |" in results.leaderboard(after.entrants)


def test_every_run_has_a_page_a_row_and_a_figure(found, results_root):
    made, drawn = results.pages(found), found.drawings()
    for path in results_root.rglob("*.json.gz"):
        folder = path.relative_to(results_root).parent.parts
        for run in read_runs(path):
            name = "-".join([*folder, run])
            assert f"({name}.svg)" in made[f"runs/{name}.md"]
            assert f"({name}.md)" in made["runs/index.md"]
            assert f"runs/{name}" in drawn
    for entrant in found.entrants:
        assert f"| {entrant.name} |" in made["leaderboard.md"]


@pytest.fixture
def reproduced(tmp_path):
    """Write the output of `serenade reproduce` for a paper whose first row is filled."""
    paper = get("cnn-transformer")
    rows = Runner(None, tmp_path / "nowhere", dry=True).entries(paper)
    kept = tmp_path / "reproduce" / "some"

    def write(keep=None, folder=kept, **filled):
        entries = [dataclasses.replace(rows[0], reason="", **filled), *rows[1:keep]]
        _render.write_json(entries, folder / "tables.json")
        return results.Results.load(tmp_path)

    return write


def test_a_reproduced_table_stands_beside_the_paper(reproduced):
    found = reproduced(paper_protocol=0.5125, seeds=1, speaker_dependent=True)
    shown = found.reproduced(get("cnn-transformer"))
    assert shown.startswith("### Table 1")
    assert shown.count("### ") == 2
    assert re.search(r"\| 0.80[78] \| 0.51[23] \*speaker-dependent\* \| - \|", shown)
    page = systems.page(all_systems.get("cnn-transformer"), found)
    assert shown in page
    assert "No finished run of it is committed yet" in page


def test_what_papers_are_known_for_stands_where_systems_are_listed(reproduced, tmp_path):
    found = reproduced(paper_protocol=0.5125)
    listed = systems.pages(found)["systems/index.md"]
    shown = listed.split("## The papers' numbers beside ours")[1]
    assert "| [cnn-transformer](cnn-transformer.md): the proposed algorithm | ravdess |" in shown
    assert "stser" not in shown  # nothing was made of it
    assert (
        "beside ours"
        not in systems.pages(results.Results.load(tmp_path / "nowhere"))["systems/index.md"]
    )


def test_rows_that_a_paper_got_later_are_lacking_not_mixed_up(reproduced):
    paper = get("cnn-transformer")
    rows = Runner(None, "nowhere", dry=True).entries(paper)
    shown = reproduced(keep=1, paper_protocol=0.5125).reproduced(paper)
    assert shown.count("| not run yet |") == len(rows) - 1
    assert shown.index("0.51") < shown.index("### Table 2")


def test_of_tables_written_twice_the_fuller_counts(reproduced, tmp_path):
    reproduced(paper_protocol=0.5125, speaker_independent=0.25, low=0.125, high=0.375)
    found = reproduced(folder=tmp_path, paper_protocol=0.625)
    shown = found.reproduced(get("cnn-transformer"))
    assert "| 0.250 | 0.125 to 0.375 |" in shown
    assert "0.625" not in shown


@pytest.mark.parametrize("name", papers.names())
def test_rows_are_told_apart_by_their_names(name):
    rows = Runner(None, "nowhere", dry=True).entries(get(name))
    assert len({(row.table, row.row, row.metric, row.corpus) for row in rows}) == len(rows)


def test_figures_of_a_paper_go_to_its_page(reproduced):
    found = reproduced(paper_protocol=0.5)
    assert set(found.figures(get("cnn-transformer"))) == {"cnn-transformer-ravdess-ua"}
    assert found.figures(get("stser")) == {}
    assert set(found.drawings()) == {"systems/cnn-transformer-ravdess-ua"}
    page = systems.page(all_systems.get("cnn-transformer"), found)
    assert "](cnn-transformer-ravdess-ua.svg)" in page


def test_a_quick_look_counts_nowhere(reproduced, tmp_path, run_file):
    quick = tmp_path / "some" / "fast"
    found = reproduced(folder=quick, paper_protocol=0.5)
    assert found.entries == []
    (quick / "runs").mkdir()
    shutil.copy(run_file, quick / "runs")
    assert results.Results.load(tmp_path).reports == {}


def test_no_results_are_no_mistake(tmp_path):
    empty = results.Results.load(tmp_path / "nowhere")
    assert "None is committed yet" in results.pages(empty)["runs/index.md"]
    assert "No run file" in results.leaderboard(empty.entrants)


def test_the_same_run_twice_counts_once(tmp_path, run_file):
    (tmp_path / "reproduce").mkdir()
    for name in ("one", "reproduce/two"):
        shutil.copy(run_file, tmp_path / f"{name}.json.gz")
    found = results.Results.load(tmp_path)
    assert [len(one.reports) for one in found.entrants] == [1]
    assert "| 1 |" in found.of("lld-svm")
    made = results.pages(found)
    assert {"runs/one-seed0.md", "runs/reproduce-two-seed0.md"} <= made.keys()
    repeat = "[reproduce-two-seed0](reproduce-two-seed0.md) (a run once more; counted once)"
    assert repeat in made["runs/index.md"]
    assert "[one-seed0](one-seed0.md) |" in made["runs/index.md"]


def test_unseen_speakers_come_first_and_tests_are_within_a_table(found):
    page = results.leaderboard(found.entrants)
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert headings.index("ravdess, 8 emotions: speaker-independent") < headings.index(
        "ravdess, 8 emotions: random, speaker-dependent"
    )
    here = next(one.where for one in found.entrants if one.name == "lld-svm")
    tests = _compare.compare_runs([one for one in found.entrants if one.where == here])
    assert tests
    for line in _compare.format_tests(tests).splitlines():
        assert not line or f"\n    {line}\n" in page


def test_a_paired_corpus_is_never_shown_without_its_warning(tmp_path, run_data):
    for corpus in ("paired-ravdess", "own-corpus"):
        content = json.dumps([{**run_data[0], "corpus": corpus}])
        (tmp_path / f"{corpus}.json.gz").write_bytes(gzip.compress(content.encode()))
    page = results.leaderboard(results.Results.load(tmp_path).entrants)
    assert page.count("!!! warning") == 1
    warned = page.index("!!! warning")
    assert page.index("## paired-ravdess") < warned < page.index("| system |", warned)


def test_the_readme_says_what_run_files_say(found):
    shown = (ROOT / "README.md").read_text("utf-8").split("## Results")[1].split("\n## ")[0]
    numbers = set(re.findall(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", shown))
    measured = {
        f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
        for entrant in found.entrants
        for one in entrant.scores.values()
    }
    assert numbers
    assert numbers <= measured


def test_reference_lists_every_public_name_and_command():
    made = api.pages()
    for room in api.ROOMS:
        names = api.public(room)
        assert names
        assert all(f"::: {name}" in made[f"reference/{room}.md"] for name in names)
        assert not any(part.startswith("_") for name in names for part in name.split("."))
    assert "| `loso` | leave one speaker out |" in made["reference/serenade.protocols.md"]
    for line in ("## serenade predict", "## serenade compare", "--speaker-standardisation"):
        assert line in made["reference/commands.md"]


def test_prose_keeps_code_and_brackets():
    assert text.prose("`<a>` in <b> [0, 1]") == r"`<a>` in &lt;b> \[0, 1]"
    assert text.prose("see [x](y.md), <https://z>") == "see [x](y.md), <https://z>"


def test_docstrings_of_the_scripts():
    assert doctest.testmod(text) == doctest.TestResults(failed=0, attempted=4)
    assert doctest.testmod(doctest_blocks) == doctest.TestResults(failed=0, attempted=1)


def test_to_site_shows_examples_below_their_links_and_refuses_links_to_nowhere():
    example = "[`own`](../../examples/own_system.py) is short.\n\nMore."
    shown = text.to_site("extend/system.md", example, ROOT)
    assert shown.startswith("`own` is short.\n\n```python\n")
    assert (ROOT / "examples" / "own_system.py").read_text("utf-8") in shown
    assert shown.endswith("```\n\nMore.")
    link = "[x](../src/serenade/corpora/__init__.pyi#a)"
    assert text.to_site("page.md", link, ROOT) == "[x](reference/serenade.corpora.md#a)"
    assert text.to_site("page.md", "[x](../tests)", ROOT) == "x"
    with pytest.raises(SystemExit, match=r"page\.md: links to nowhere, which does not exist"):
        text.to_site("page.md", "[x](../nowhere)", ROOT)


def test_navigation_has_every_page_once(tmp_path):
    names = ("index", "results", "recordings", "new", "runs/index", "runs/one", "corpora/emodb")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.md").touch()
    shown = json.dumps(make_docs_pages.navigation(tmp_path))
    assert {name: shown.count(f'"{name}.md"') for name in names} == dict.fromkeys(names, 1) | {
        "runs/one": 0
    }


def test_results_to_cite_have_unseen_speakers_only(found):
    page = results.pages(found)["results.md"]
    assert re.search(r"\| emodb, 7 emotions \| whisper-probe.* \| speaker-independent \| 0\.", page)
    assert "| random |" not in page
    assert "transductive" not in page
    assert "paired" not in page
    assert f"version = {{{serenade.__version__}}}" in page
