"""The house's rules that a reader cannot see at one place: who may import whom, and where time may come from.

imports       point down only (docs/architecture.md)
determinism   matching/ and exchange/ take time and randomness as arguments; only clock.py reads a clock
"""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "paper_bitmart"
SOURCES = sorted(PACKAGE.rglob("*.py"))

ROOMS = ("bitmart", "matching", "feed", "exchange", "backtest", "realism", "server", "connector", "")
"""From the ground up; "" is the front door."""
STRANGERS = {("feed", "matching")}
"""Neighbours that do not know each other either."""
EXCEPTIONS = {("matching", "paper_bitmart.feed.events")}
"""The event format belongs to both."""

CORE_ROOMS = ("matching", "exchange")
AMBIENT_ALLOWED = {"exchange/clock.py"}
REPLACEMENTS = {
    "time.time": "take `at_ns` as an argument, or a Clock",
    "time.time_ns": "take `at_ns` as an argument, or a Clock",
    "time.monotonic": "take `at_ns` as an argument, or a Clock",
    "time.monotonic_ns": "take `at_ns` as an argument, or a Clock",
    "time.perf_counter": "measure in the shell around the core",
    "time.perf_counter_ns": "measure in the shell around the core",
    "time.sleep": "a clock says how long to wait; the session waits",
    "datetime.datetime.now": "take `at_ns` as an argument",
    "datetime.datetime.utcnow": "take `at_ns` as an argument",
    "datetime.datetime.today": "take `at_ns` as an argument",
    "datetime.date.today": "take `at_ns` as an argument",
    "random": "numpy.random.Generator(numpy.random.PCG64(seed)) that the caller owns",
    "secrets": "numpy.random.Generator(numpy.random.PCG64(seed)) that the caller owns",
    "uuid": "identifiers.Counter",
    "os.urandom": "numpy.random.Generator(numpy.random.PCG64(seed)) that the caller owns",
    "numpy.random.default_rng": "numpy.random.Generator(numpy.random.PCG64(seed)) that the caller owns",
    "numpy.random.rand": "numpy.random.Generator(numpy.random.PCG64(seed)) that the caller owns",
    "numpy.random.random": "numpy.random.Generator(numpy.random.PCG64(seed)) that the caller owns",
    "numpy.random.seed": "numpy.random.Generator(numpy.random.PCG64(seed)) that the caller owns",
    "id": "a number that is the same in every run",
    "hash": "hashlib, because hash() of text differs between runs",
}
NOT_CALLED = frozenset({"random", "secrets", "uuid"})
"""Modules that are banned as a whole; the others are banned where they are named."""


class Use(NamedTuple):
    name: str
    line: int


def imports(tree):
    """What a module imports at any place, as full names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Use(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            for alias in node.names:
                yield Use(f"{node.module}.{alias.name}", node.lineno)


def local_names(tree):
    """Full name by the name that a module uses for it."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def uses(tree):
    """Every dotted name in the code, resolved through the imports; bare built-ins only where called."""
    names = local_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts, value = [node.attr], node.value
            while isinstance(value, ast.Attribute):
                parts.append(value.attr)
                value = value.value
            if isinstance(value, ast.Name) and value.id in names:
                yield Use(".".join([names[value.id], *reversed(parts)]), node.lineno)
        elif isinstance(node, ast.Name) and node.id in names:
            yield Use(names[node.id], node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in names:
            yield Use(node.func.id, node.lineno)


def unordered_iterations(tree):
    """Lines that loop over a set: its order differs between runs."""
    for node in ast.walk(tree):
        looped = getattr(node, "iter", None)
        is_set_call = (
            isinstance(looped, ast.Call)
            and isinstance(looped.func, ast.Name)
            and looped.func.id in ("set", "frozenset")
        )
        if isinstance(looped, ast.Set | ast.SetComp) or is_set_call:
            yield looped.lineno


def room_of(module):
    """The room of a module's full name; "" for the front door."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else ""


def ambient_faults(tree):
    """What in a core module depends on the moment, the process or the machine, and what to use instead."""
    faults = [
        f"line {line}: loops over a set, whose order differs between runs; use sorted(...) or a dict"
        for line in unordered_iterations(tree)
    ]
    for name, line in [*imports(tree), *uses(tree)]:
        banned = name if name in REPLACEMENTS else name.split(".")[0]
        if name in REPLACEMENTS or banned in NOT_CALLED:
            faults.append(f"line {line}: {name}; instead: {REPLACEMENTS[banned]}")
    return faults


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down_only(path):
    room = room_of(f"paper_bitmart.{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts)}")
    above = {other for other in ROOMS[ROOMS.index(room) + 1 :] if other}
    for module, line in imports(ast.parse(path.read_text())):
        if not module.startswith("paper_bitmart.") or any(
            room == owner and module.startswith(allowed) for owner, allowed in EXCEPTIONS
        ):
            continue
        target = room_of(module)
        is_front_door = target == "" and room != "" and module.count(".") > 1
        is_upward = target in above or is_front_door or (room, target) in STRANGERS
        assert not is_upward, (
            f"{path.name}:{line}: {room}/ imports {module} from above; "
            "move what both need into a lower room, or hand it over as an argument"
        )


CORE = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] in CORE_ROOMS]


def runtime_imports(node):
    """As `imports`, without what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from (use.name for use in imports(ast.Module([child], [])))
        else:
            yield from runtime_imports(child)


def circles(graph):
    """Groups of modules that import each other, also by an import inside a function."""
    reach = {name: set(others) for name, others in graph.items()}
    for middle in reach:
        for name in reach:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    return sorted({tuple(sorted(a for a in reach if a in reach[b] and b in reach[a])) for b in reach} - {()})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nobody_loops_over_a_set_whose_order_differs_between_runs(path):
    assert list(unordered_iterations(ast.parse(path.read_text()))) == []


def test_no_modules_import_each_other_in_a_circle():
    names = {
        f"paper_bitmart.{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts)}": path for path in SOURCES
    }
    graph = {}
    for name, path in names.items():
        found = set(runtime_imports(ast.parse(path.read_text())))
        # An imported name is a module, or what a module defines.
        graph[name] = (found | {one.rpartition(".")[0] for one in found}) & names.keys()
    assert circles(graph) == []
    assert (
        circles(graph | {"paper_bitmart.config": graph["paper_bitmart.config"] | {"paper_bitmart.cli"}}) != []
    )


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_core_takes_time_and_randomness_as_arguments(path):
    if path.relative_to(PACKAGE).as_posix() in AMBIENT_ALLOWED:
        return
    assert ambient_faults(ast.parse(path.read_text())) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_file_is_longer_than_500_lines(path):
    assert len(path.read_text().splitlines()) <= 500, "split it: one noun per file"


# --- the checks check ---


@pytest.mark.parametrize(
    ("code", "instead"),
    [
        ("import time\ntime.time_ns()", "take `at_ns`"),
        ("from time import monotonic as now\nnow()", "take `at_ns`"),
        ("import random", "PCG64(seed)"),
        ("from random import choice", "PCG64(seed)"),
        ("import numpy as np\nnp.random.default_rng()", "PCG64(seed)"),
        ("from datetime import datetime\ndatetime.now()", "take `at_ns`"),
        ("from uuid import uuid4", "Counter"),
        ("for x in {1, 2}: pass", "sorted"),
        ("[x for x in set(y)]", "sorted"),
        ("hash('x')", "hashlib"),
    ],
)
def test_a_fault_names_its_replacement(code, instead):
    assert any(instead in fault for fault in ambient_faults(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import numpy as np\nnp.random.Generator(np.random.PCG64(1))",
        "for x in sorted({1, 2}): pass",
        "hash_of = state_hash(x)",
        "at_ns = clock.now_ns()",
    ],
)
def test_what_is_allowed_is_no_fault(code):
    assert ambient_faults(ast.parse(code)) == []
