"""What the rules of the house ask of a module's text, read once.

The tree is let go: trees of the whole house cost the garbage collector more than all rules do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

DOORS = frozenset({"print", "open", "input", "eval", "exec", "compile", "__import__", "breakpoint"})
"""Builtins that let the world in or out."""
_DOOR = re.compile(rf"(?<![\w.])(?:{'|'.join(DOORS)})\s*\(")
FIELDS = 6
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True, slots=True)
class ImportLine:
    """`from module import names`, or `import names` where `module` is None; `inside` a function."""

    module: str | None
    names: tuple[str, ...]
    relative: bool
    inside: bool


@dataclass(frozen=True, slots=True)
class Code:
    """`doors` are those of `DOORS` that it calls; an empty module counts as `documented`.
    `positional` are dataclasses of FIELDS fields and more that can be made without naming them."""

    imports: tuple[ImportLine, ...]
    doors: frozenset[str]
    documented: bool
    positional: tuple[str, ...]


def read_code(text: str) -> Code:
    """Read one module."""
    tree = ast.parse(text)
    return Code(
        imports=tuple(_imports(tree, inside=False)),
        doors=frozenset(_calls(tree)) & DOORS if _DOOR.search(text) else frozenset(),
        documented=not tree.body or bool(ast.get_docstring(tree)),
        positional=tuple(_positional(tree)),
    )


def _imports(node: ast.AST, *, inside: bool) -> Iterator[ImportLine]:
    """An import is a statement, so that expressions need not be looked through."""
    for block in _BLOCKS:
        below = getattr(node, block, None)
        for child in below if isinstance(below, list) else ():
            if isinstance(child, ast.Import | ast.ImportFrom):
                yield _line(child, inside=inside)
            else:
                yield from _imports(child, inside=inside or isinstance(child, _FUNCTIONS))


def _line(node: ast.Import | ast.ImportFrom, *, inside: bool) -> ImportLine:
    names = tuple(alias.name for alias in node.names)
    if isinstance(node, ast.Import):
        return ImportLine(None, names, relative=False, inside=inside)
    relative = bool(node.level) or not node.module
    return ImportLine(None if relative else node.module, names, relative, inside)


def _calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def _positional(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and len(_fields(node)) >= FIELDS:
            made = [ast.unparse(decorator) for decorator in node.decorator_list]
            if any(m.startswith("dataclass") and "kw_only=True" not in m for m in made):
                yield node.name


def _fields(node: ast.ClassDef) -> list[ast.AnnAssign]:
    """Those that `__init__` takes."""
    found = [field for field in node.body if isinstance(field, ast.AnnAssign)]
    kept = ("ClassVar", "init=False")
    return [field for field in found if not any(word in ast.unparse(field) for word in kept)]
