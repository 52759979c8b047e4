"""What the death of a process leaves of the journal it was writing, and what lies in memory for a journal."""

import os

from atomizer.journal.head import MEMORY, find_heads, head_places


def die(journal):
    """The kernel lets go of the files of a process that was killed; nothing is moved, synced or removed."""
    for head in (*journal._heads, journal._spare):
        if head is not None:
            head.close()
    os.close(journal._descriptor)
    journal._descriptor = -1
    journal.failed = "dead"


def heads_of(path, memory=MEMORY):
    """Where heads of this journal lie now, the oldest first."""
    return [head.path for head in find_heads(head_places(path, memory))]


def left_of(path, memory=MEMORY):
    """Every file that a journal has besides itself, and besides what it keeps aside."""
    return heads_of(path, memory) + [place.spare() for place in head_places(path, memory) if place.spare().exists()]


def place_head(path, sequence, data, memory=MEMORY):
    """Leave a head as a process that died would; answers where."""
    head = head_places(path, memory)[0].head(sequence)
    head.write_bytes(data)
    return head
