"""`embinit export --list`: the names of a bundle's files, before anything is drawn."""

import pytest

from embinit import export

from support.firmware import example


@pytest.mark.parametrize("formats", [None, ["h-source", "unity", "ztest", "main", "rs"], ["h-incbin", "npz"]])
@pytest.mark.parametrize("name", ["quantized", "integer_only", "aifes_mlp"])
def test_they_are_those_that_an_export_writes(name, formats, tmp_path, monkeypatch):
    model = example(name)
    written = list(export.export(model, tmp_path / "bundle", formats))
    monkeypatch.setattr(export, "gather", lambda plan: pytest.fail(f"{plan.model.name} is drawn"))

    assert export.names(model.plan(), formats) == written
