"""Reference pages made of the code: commands of click, keys of a recipe, names of Python.

In: a page with a line such as ``%commands%``. Out: the same page with Markdown in its place.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import essentia_ldl

_SPECIAL = re.compile(r"([\\*_`\[\]<>|#$])")
_PLACE = re.compile(r"^%([a-z]+)(?: ([\w. ]+))?%$", re.MULTILINE)


def escape(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def list_commands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """List the commands below one, in their order, each with its context."""
    if not isinstance(command, click.Group):
        yield command, context
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        yield from list_commands(child, click.Context(child, info_name=name, parent=context))


def describe_commands() -> str:
    """Describe every command of the command line: usage, what it does, options."""
    from essentia_ldl.cli.main import main

    root = click.Context(main, info_name="essentia-ldl", **main.context_settings)
    lines = [escape(inspect.cleandoc(main.help or "")), "", *describe_options(main, root)]
    for command, context in list_commands(main, root):
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        words = inspect.cleandoc(command.help or "").split("\n\n")
        lines += [f"## {context.command_path.removeprefix('essentia-ldl ')}", "", "```text", usage, "```", ""]
        lines += [escape(" ".join(paragraph.split())) + "\n" for paragraph in words]
        lines += describe_options(command, context)
    return "\n".join(lines)


def describe_options(command: click.Command, context: click.Context) -> list[str]:
    """Write the options of a command as a list of definitions."""
    lines = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1] and record[0] not in ("-h, --help", "--help"):
            lines += [f"`{record[0]}`", f": {escape(record[1])}", ""]
    return lines


def render(value: Any) -> str:
    """Write a value as a recipe does."""
    return json.dumps(value, ensure_ascii=False)


def describe_recipe(_: str | None = None) -> str:
    """Describe the sections of a recipe: each key with its default and what it means."""
    from essentia_ldl import labels
    from essentia_ldl.recipe.sections import SECTIONS

    lines = []
    for name, section in SECTIONS.items():
        lines += [f"## \\[{name}\\]", "", *list_keys(section)]
    summaries = labels.summaries()
    for name, (module, settings) in labels.presets().items():
        lines += [f"## \\[labels.{name}\\]", "", f"{escape(summaries[name])}.", ""]
        told = labels.explanations(module)
        for key, default in settings.items():
            lines += [f"`{key} = {render(default)}`", f": {escape(told[key])}", ""]
    return "\n".join(lines)


def list_keys(section: Any) -> list[str]:
    """Write the keys of a section as a list of definitions."""
    lines = []
    for field in dataclasses.fields(section):
        default = field.default_factory() if field.default is dataclasses.MISSING else field.default
        rule = field.metadata["rule"]
        told = escape(field.metadata["text"]) + (f" ({escape(rule)})" if rule else "")
        lines += [f"`{field.name} = {render(default)}`", f": {told}", ""]
    return lines


def list_public(module: ModuleType) -> list[str]:
    """List the functions and classes that a module defines and does not hide, in their order."""
    named = getattr(module, "__all__", None)
    found = [
        (inspect.getsourcelines(value)[1], name)
        for name, value in vars(module).items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
        and (name in named if named is not None else not name.startswith("_"))
    ]
    return [name for _, name in sorted(found)]


def list_modules(room: str) -> list[str]:
    """List a room's package and its modules that are not private; a room that is one module is itself."""
    package = importlib.import_module(f"essentia_ldl.{room}")
    names = [info.name for info in pkgutil.iter_modules(getattr(package, "__path__", ()))]
    return [package.__name__, *(f"{package.__name__}.{name}" for name in names if not name.startswith("_"))]


def describe_rooms(rooms: str) -> str:
    """Describe every public function and class of some rooms, module by module."""
    lines = []
    for name in [module for room in rooms.split() for module in list_modules(room)]:
        module = importlib.import_module(name)
        public = list_public(module)
        if not public:
            continue
        lines += [
            f"## {escape(name.removeprefix('essentia_ldl.'))}",
            "",
            "```{eval-rst}",
            f".. automodule:: {name}",
            "",
        ]
        lines += [*describe_names(name, public), "```", ""]
    return "\n".join(lines)


def describe_names(module: str, names: list[str]) -> list[str]:
    """Write a table of names, and below it what each is, as autodoc reads it."""
    lines = [".. autosummary::", "   :nosignatures:", "", *(f"   {name}" for name in names), ""]
    for name in names:
        value = getattr(importlib.import_module(module), name)
        kind = "function"
        if inspect.isclass(value):
            kind = "exception" if issubclass(value, BaseException) else "class"
        lines += [f".. auto{kind}:: {module}.{name}", "   :members:" if kind == "class" else "", ""]
    return lines


def describe_python(_: str | None = None) -> str:
    """Describe the names that ``import essentia_ldl`` offers."""
    names = [name for name in getattr(essentia_ldl, "__all__", ()) if not name.startswith("_")]
    if not names:
        return ""
    described = describe_names("essentia_ldl", names)
    return "\n".join(["```{eval-rst}", ".. py:currentmodule:: essentia_ldl", "", *described, "```"])


def describe_extras(_: str | None = None) -> str:
    """Describe the extras of the installation: each with its packages and the comment above it in setup.cfg."""
    text = (Path(__file__).resolve().parents[2] / "setup.cfg").read_text("utf-8")
    section = text.partition("[options.extras_require]\n")[2].partition("\n[")[0]
    found = re.findall(r"((?:^# .*\n)*)^(\w+) =\n((?:^ {4}.*\n?)+)", section, re.MULTILINE)
    lines = ["| extra | what it is for | packages |", "| --- | --- | --- |"]
    for comment, name, below in found:
        words = escape(" ".join(comment.replace("# ", "").split()))
        packages = [line.strip() for line in below.splitlines() if not line.strip().startswith("#")]
        lines.append(f"| `{name}` | {words} | {escape(', '.join(packages))} |")
    return "\n".join(lines)


def fill(app: Any, docname: str, source: list[str]) -> None:
    """Put what the code says into the places of a page."""
    makers = {
        "commands": lambda _: describe_commands(),
        "recipe": describe_recipe,
        "rooms": describe_rooms,
        "python": describe_python,
        "extras": describe_extras,
    }
    if docname.startswith(("reference/", "how-to/")):
        source[0] = _PLACE.sub(lambda place: makers[place[1]](place[2]), source[0])


def suit_docstring(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Write the plural of a name as reStructuredText has it; make titles in a module's docstring bold lines."""
    text = re.sub(r"(`[\w.]+`)s\b", r"\1\\ s", "\n".join(lines))
    if what == "module":  # a page holds several modules, and a title stands once on a page
        text = re.sub(r"^(\S.*)\n-{3,}$", r".. rubric:: \1\n", text, flags=re.MULTILINE)
    lines[:] = text.splitlines()


def check_zones(app: Any, error: Exception | None) -> None:
    """Fail where the build loaded a library that documentation does not need."""
    loaded = {"tensorflow", "keras", "essentia", "openvino"} & set(sys.modules)
    if loaded and error is None:
        raise RuntimeError(f"documentation: expected to be built without {', '.join(sorted(loaded))}")


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx about the pages."""
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", suit_docstring)
    app.connect("build-finished", check_zones)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
