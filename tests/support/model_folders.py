"""Copies of the bundled model."""

import json
import shutil

from serenade.inference._model_folder import BUNDLED


def copy_unchecked(folder):
    """Copy the bundled model without its checksums, so that a test can change its files."""
    shutil.copytree(BUNDLED, folder)
    path = folder / "model.json"
    description = json.loads(path.read_text("utf-8"))
    kept = {name: v for name, v in description.items() if name not in {"files", "checksum"}}
    path.write_text(json.dumps(kept), "utf-8")
    return folder
