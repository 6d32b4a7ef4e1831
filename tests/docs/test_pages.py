"""The pages made from the program: complete, and without a number of their own."""

import json
import re
import shutil
from pathlib import Path

import make_docs_pages
import pytest
from docs_pages import api, corpora, results, systems, text

from serenade import corpora as all_corpora
from serenade import systems as all_systems
from serenade.errors import EvaluationError
from serenade.reproduce import get

ROOT = Path(__file__).parents[2]
RUN = ROOT / "results" / "lld-svm" / "emodb-speaker-independent"


@pytest.fixture(scope="module")
def found():
    return results.Results.load(ROOT / "results")


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
    if name != "whisper-probe":  # the others follow a paper
        assert "## How gaps of the paper are read" in page


def test_recipes_show_what_differs(system_pages):
    page = system_pages["systems/lld-svm.md"]
    assert "| field | `default` | `tuned` | meaning |" in page
    assert re.search(r"\| `balance` \| `0.0` \| `1.0` \| a clip weighs", page)
    assert re.search(r"\| `reference` \| `'?neutral'?` \|  \|", page)


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


def test_measured_numbers_follow_the_run_file(tmp_path):
    run = tmp_path / "lld-svm" / "one"
    run.mkdir(parents=True)
    data = json.loads((RUN / "report.json").read_text("utf-8"))
    (run / "report.json").write_text(json.dumps(data))
    before = results.Results.load(tmp_path)
    assert f"{before.entrants[0].scores['ua'].value:.3f} [" in before.of("lld-svm")
    for prediction in data["predictions"]:
        prediction["predicted"] = prediction["reference"]
    (run / "report.json").write_text(json.dumps(data))
    after = results.Results.load(tmp_path)
    assert "1.000 [1.000, 1.000]" in after.of("lld-svm")
    assert "1.000 [1.000, 1.000]" not in before.of("lld-svm")
    assert "| lld-svm | 1.000 | 1.000 to 1.000 |" in results.leaderboard(after)


def test_every_run_has_a_page_and_a_row(found):
    made = results.pages(found)
    for path in (ROOT / "results").rglob("report.json"):
        name = "-".join(path.relative_to(ROOT / "results").parts[:-1])
        assert f"runs/{name}.md" in made
        assert f"({name}.md)" in made["runs/index.md"]
    for entrant in found.entrants:
        assert f"| {entrant.name} |" in made["leaderboard.md"]


def test_a_reproduced_table_stands_beside_the_paper(tmp_path):
    entry = {
        "paper": "cnn-transformer",
        "table": "Table 1",
        "row": "mean of the diagonal",
        "metric": "ua",
        "corpus": "ravdess",
        "stands_for": "",
        "paper_value": 0.807,
        "paper_protocol": 0.512,
        "seeds": 1,
        "speaker_dependent": True,
        "runs": ["one"],
    }
    (tmp_path / "tables.json").write_text(json.dumps([entry]))
    shown = results.Results.load(tmp_path).reproduced(get("cnn-transformer"))
    assert shown.startswith("### Table 1")
    assert "| 0.807 | 0.512 *speaker-dependent* | - |" in shown
    page = systems.page(all_systems.get("cnn-transformer"), results.Results.load(tmp_path))
    assert shown in page
    assert "No finished run of it is committed yet" in page


def test_no_results_are_no_mistake(tmp_path):
    empty = results.Results.load(tmp_path / "nowhere")
    assert "None is committed yet" in results.pages(empty)["runs/index.md"]
    assert "No run file" in results.leaderboard(empty)


def test_the_same_run_twice_is_told(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(RUN / "report.json", tmp_path / name)
    with pytest.raises(EvaluationError, match="the same run twice"):
        results.Results.load(tmp_path)


def test_reference_lists_every_public_name_and_command():
    made = api.pages()
    for room in api.ROOMS:
        names = api.public(room)
        assert names
        assert all(f"::: {name}" in made[f"reference/{room}.md"] for name in names)
    for line in ("## serenade predict", "## serenade compare", "--speaker-standardisation"):
        assert line in made["reference/commands.md"]


def test_prose_keeps_code_and_brackets():
    assert text.prose("`<a>` in <b> [0, 1]") == r"`<a>` in &lt;b> \[0, 1]"
    assert text.prose("see [x](y.md), <https://z>") == "see [x](y.md), <https://z>"


def test_an_example_needs_its_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no place\n")
    with pytest.raises(SystemExit, match=r"own_system\.py"):
        make_docs_pages.with_example(page, ROOT / "examples" / "own_system.py")
