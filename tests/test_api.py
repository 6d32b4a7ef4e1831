"""The public interface: what `import serenade` offers, and how it answers mistakes."""

import subprocess
import sys

import pytest

import serenade

OFFERED = (
    *("load", "stream", "evaluate", "Estimator"),
    *("corpora", "features", "encoders", "systems", "protocols", "errors"),
)


@pytest.mark.parametrize("name", OFFERED)
def test_serenade_offers_its_names_without_a_further_import(name):
    code = f"import serenade; serenade.{name}; assert '{name}' in dir(serenade)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_serenade_loads_neither_numpy_nor_its_own_packages():
    code = (
        "import sys, serenade;"
        "print(*{n.split('.')[0] for n in sys.modules}, *(n for n in sys.modules if '.' in n))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "serenade" in loaded
    assert not {"numpy", "pandas", "torch", "sklearn", "onnxruntime"} & loaded
    assert not [name for name in loaded if name.startswith("serenade.")]


def test_serenade_names_an_attribute_it_does_not_have():
    with pytest.raises(AttributeError, match=r"serenade.*predictor"):
        _ = serenade.predictor
