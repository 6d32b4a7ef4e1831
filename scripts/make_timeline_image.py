"""Draw the timeline of `examples/example.flac` for the README.

Run `python scripts/make_timeline_image.py`; it writes `docs/images/timeline.svg` from the figure
that notebooks show for a timeline.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import serenade

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "examples" / "example.flac"
PATH = ROOT / "docs" / "images" / "timeline.svg"


def draw(recording: Path) -> str:
    """Return the timeline of a recording as an SVG file with a white background.

    Args:
        recording: file to predict with the bundled model.
    """
    shown = serenade.load().timeline(recording)._repr_html_()
    figure = re.search(r"<svg.*</svg>", shown, re.DOTALL)
    if figure is None:
        raise SystemExit(f"{recording}: the notebook figure of its timeline holds no SVG")
    # Pages show images on dark backgrounds too, where the black labels would be invisible.
    return figure[0].replace("<svg ", '<svg style="background:#fff;color:#222" ', 1) + "\n"


def main(path: Path = PATH) -> None:
    """Write the image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(RECORDING), "utf-8")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
