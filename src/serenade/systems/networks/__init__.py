"""Networks of the systems, in PyTorch: modules of `(values, mask)` to logits."""
