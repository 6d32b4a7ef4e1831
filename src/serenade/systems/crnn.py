"""`crnn`: `attentive-crnn` before attention, experiment three of He, Ren & He.

128 memory cells over the maps of the sparse auto-encoders' kernels. Not stated in the paper, and
read so: outputs are averaged over time, every step alike; `pooling=last` takes the last instead.
All else is as in `serenade.systems.attentive_crnn`.
"""

from __future__ import annotations

import dataclasses

from serenade.systems import attentive_crnn

SYSTEM = dataclasses.replace(
    attentive_crnn.SYSTEM,
    name="crnn",
    title="sparse auto-encoders' kernels and a bidirectional LSTM, without attention",
    source="He, Ren & He, experiment three",
    recipes={"default": attentive_crnn.CRNNRecipe(cells=128, pooling="mean")},
)
