"""The public names: lazy, the same in the stub, each with an example that runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import essentia_ldl
import essentia_ldl as ldl
from essentia_ldl import scores

PACKAGE = Path(essentia_ldl.__file__).resolve().parent
# run in tests/sound/test_public.py
ON_THE_DEMO = {
    *{"cross_validate", "describe", "evaluate", "index", "predict", "report", "search", "similar", "train"},
    *{"compare_spaces", "evaluate_embeddings", "learn_space", "learn_words", "measure_covers"},
}
NAMES = [info.name for info in pkgutil.iter_modules(scores.__path__) if not info.name.startswith("_")]
SCORES = [importlib.import_module(f"{scores.__name__}.{name}") for name in NAMES]
FUNCTIONS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": function
    for module in SCORES
    for name, function in vars(module).items()
    if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
}


def list_examples(value: object, name: str) -> list[doctest.DocTest]:
    """List the examples of a function, or of a class with its methods."""
    module = importlib.import_module(value.__module__)
    found = doctest.DocTestFinder().find(value, name, module=module)
    return [test for test in found if test.examples]


def run(tests: list[doctest.DocTest], **values: object) -> None:
    for test in tests:
        test.globs.update(values)
        said: list[str] = []
        doctest.DocTestRunner().run(test, out=said.append, clear_globs=False)
        assert not said, "".join(said)


def test_the_names_are_those_of_the_stub():
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text("utf-8"))
    imported = {
        alias.asname: node.module.removeprefix("essentia_ldl.")
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    (listed,) = (ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert imported == essentia_ldl._PLACES
    assert sorted(listed) == listed == sorted(ldl.__all__)
    assert (PACKAGE / "py.typed").is_file()


def test_the_names_are_there_and_others_are_not():
    assert set(ldl.__all__) <= set(dir(ldl))
    for name in ldl.__all__:
        assert getattr(ldl, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'predit'"):
        ldl.predit  # noqa: B018


def test_every_name_says_what_it_takes():
    for name in ldl.__all__:
        text = inspect.getdoc(getattr(ldl, name))
        taken = [one for one in inspect.signature(getattr(ldl, name)).parameters if one != "settings"]
        assert "Parameters\n----------" in text or not taken, name
        for parameter in taken:
            lines = [line.partition(" : ")[0] for line in text.splitlines() if " : " in line]
            assert any(parameter in line.split(", ") for line in lines), f"{name}: {parameter}"


@pytest.mark.parametrize("name", sorted(set(ldl.__all__)))
def test_every_public_name_has_an_example(name, tmp_path):
    found = list_examples(getattr(ldl, name), name)
    assert found, name
    if name not in ON_THE_DEMO:
        run(found, folder=tmp_path)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_of_the_scores_has_an_example(name, tmp_path):
    found = list_examples(FUNCTIONS[name], name)
    assert found, name
    run(found, folder=tmp_path)
