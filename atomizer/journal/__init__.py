"""The append-only log of one book of account. Files and bytes only; what the records mean is folded elsewhere.

`frames` is the layout on disk, `records` the payload, `reader` and `writer` the two ends of a file.
"""
