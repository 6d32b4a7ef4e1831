"""Make the encoder `whisper-base` of the package again, from the weights of openai/whisper-base.

    python scripts/make_whisper_base.py WEIGHTS

WEIGHTS is the model's safetensors file, or that of its encoder alone, with its configuration in the
same folder. The first layers are exported with weights in eight bits. The later layers are left
out: their states predict emotions of corpora never heard no better (docs/benchmarks/adaptation.md).
The same weights and library versions give the same file.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from serenade.encoders.whisper._whisper_graph import count_heads, export_encoder
from serenade.encoders.whisper._whisper_weights import find_config
from serenade.inference._precision import convert_graph

LAYERS = 5
ENCODERS = Path(__file__).parents[1] / "src" / "serenade" / "encoders" / "whisper"


def make_encoder(weights: Path, out: Path) -> None:
    """Export the first layers of the weights in eight bits."""
    with tempfile.TemporaryDirectory() as folder:
        half = Path(folder) / "encoder.onnx"
        export_encoder(weights, count_heads(find_config(weights)), half, layers=LAYERS)
        out.write_bytes(convert_graph(half, "int8"))


def main() -> None:
    """Read the arguments, and write the encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="safetensors file of openai/whisper-base")
    parser.add_argument("--out", type=Path, default=ENCODERS / "whisper-base.onnx")
    options = parser.parse_args()
    make_encoder(options.weights, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
