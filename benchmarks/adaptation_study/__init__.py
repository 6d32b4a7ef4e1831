"""Parts of `benchmarks/adaptation.py`: features, heads, the model of places, and trials."""
