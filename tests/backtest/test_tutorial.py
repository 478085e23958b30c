"""The tutorial notebook runs, and its outputs are what it shows.

PAPER_BITMART_REGEN=1 writes its outputs anew instead of comparing them.
"""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"
KB_MAX = 60


def exact_outputs(notebook):
    """Code cell -> what it printed, for the cells whose output is the same everywhere."""
    return {
        cell.source: [output.get("text") for output in cell.outputs]
        for cell in notebook.cells
        if "exact" in cell.metadata.get("tags", ())
    }


def test_the_tutorial_runs_and_prints_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    shown = nbformat.read(NOTEBOOK, as_version=4)
    fresh = nbformat.reads(nbformat.writes(shown), as_version=4)
    NotebookClient(fresh, timeout=120, kernel_name="python3", record_timing=False).execute()
    if os.environ.get("PAPER_BITMART_REGEN") == "1":
        fresh.metadata["language_info"] = {"name": "python"}
        nbformat.write(fresh, NOTEBOOK)
        return
    assert exact_outputs(fresh) == exact_outputs(shown), (
        "run PAPER_BITMART_REGEN=1 pytest tests/backtest/test_tutorial.py, and read the difference"
    )
    drawn = [output for cell in fresh.cells for output in cell.get("outputs", ()) if "data" in output]
    assert any("image/png" in output.data for output in drawn)
    assert len(exact_outputs(shown)) >= 8


def test_it_is_small_and_names_no_place_of_the_machine_that_ran_it():
    text = NOTEBOOK.read_text()
    assert len(text) < KB_MAX * 1000
    assert "/tmp/" not in text
    assert "/home/" not in text
