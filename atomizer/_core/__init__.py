"""The compiled core. Each room has a `.pxd` (types, units, lifetimes) and a `.pyi` (the same for Python)."""
