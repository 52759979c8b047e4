"""The append-only log of one book of account. Files and bytes only; what the records mean is folded elsewhere.

`frames` is the layout, `records` the payload, `reader` and `writer` the two ends of a journal, `recovery` what happens
between two runs. The newest records lie in a `head`, in memory, until they are on the disk.
"""
