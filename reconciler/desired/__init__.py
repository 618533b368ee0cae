"""Reading the desired state: text in, `model.desired.Desired` out, or every mistake at once.

    text ─yamltree─▶ plain values with places ─shape─▶ the schema holds ─meaning─▶ it makes sense
                                                                       ─build─▶ Desired

Opens nothing but the schema that ships with the package.
"""

from __future__ import annotations

from reconciler.desired.reading import parse

__all__ = ["parse"]
