"""Write timelines and predictions in formats of other programs."""
