"""A good message with something else in one place or several: what is wrong with it is chosen number by number."""

import orjson

WORDS = [
    "",
    "-0",
    "1e400",
    "NaN",
    "0x",
    "18446744073709551616",
    "-9223372036854775809",
    "0.0000000001",
    "\u0000",
    "é" * 40,
]
NUMBERS = [0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63), 0.1, 1e-9, 1e300, -0.0]


def bend(sample, choose):
    """`choose(n)` answers a number below n. The sample is not changed; the answer is JSON text."""
    tree = orjson.loads(orjson.dumps(sample))
    for _ in range(1 + choose(3)):
        tree = _bent(tree, choose)
    return orjson.dumps(tree, option=orjson.OPT_NON_STR_KEYS)


def _bent(tree, choose):
    """One place changed, walking down by choice."""
    if isinstance(tree, dict) and tree and choose(6):
        key = list(tree)[choose(len(tree))]
        if choose(8) == 0:
            return {name: value for name, value in tree.items() if name != key}
        return tree | {key: _bent(tree[key], choose)}
    if isinstance(tree, list) and tree and choose(6):
        at = choose(len(tree))
        if choose(8) == 0:
            return tree[:at] + [tree[at]] * choose(4) + tree[at + 1 :]
        return [*tree[:at], _bent(tree[at], choose), *tree[at + 1 :]]
    return _value(tree, choose)


def _value(old, choose, depth=0):
    inner = [_value(old, choose, depth + 1) for _ in range(choose(3))] if depth < 2 else []
    is_number = isinstance(old, int | float) and not isinstance(old, bool) and abs(old) < 2**63
    values = [
        None,
        True,
        str(old),
        -old if is_number else old,
        inner,
        {f"k{at}": value for at, value in enumerate(inner)},
    ]
    values += NUMBERS + WORDS
    return values[choose(len(values))]
