"""What the terminal shows of a new recipe. In: `Created`; out: lines of text."""

from __future__ import annotations

from essentia_ldl.recipe.new import Created


def describe_created(done: Created, data: str) -> list[str]:
    """Write what the classes are, and the command that trains them on the same data."""
    recipe = done.recipe
    return [
        *done.notes,
        f"{done.path}: {len(recipe.classes)} classes ({', '.join(recipe.classes)})",
        f"next: make train TASK={recipe.task} DATA={data}",
    ]
