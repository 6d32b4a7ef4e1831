"""Write predictions and timelines in the formats of other programs."""
