"""Draw the timeline of the demo's example for the README.

Run `python scripts/make_timeline_image.py`; it writes `docs/images/timeline.webp`, the figure of
`serenade predict --plot`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

import serenade
from serenade._figure_style import use_style
from serenade.inference._source import open_source
from serenade.inference._timeline_figure import draw_timeline

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "src" / "serenade" / "server" / "static" / "example.ogg"
PATH = ROOT / "docs" / "images" / "timeline.webp"


def main(path: Path = PATH) -> None:
    """Write the image."""
    timeline = serenade.load().timeline(RECORDING)
    drawn = io.BytesIO()
    with use_style():
        draw_timeline(timeline, open_source(RECORDING, None, 16000, "mix")).savefig(drawn, dpi=200)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGB").save(path, quality=80, method=6)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
