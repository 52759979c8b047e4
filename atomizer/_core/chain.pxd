# chain: what a smile says of every option of its expiry. All of it is for Python: batches, off the tick path.
