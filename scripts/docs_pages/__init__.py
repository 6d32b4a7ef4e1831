"""The pages that are made from the program and its run files; see `make_docs_pages.py`."""
