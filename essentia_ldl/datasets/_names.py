"""Names that say where a track stands and not what it is: sides of a split, folds and shards, folders of systems.

In: the name of a folder, or a cell of a table; out: what it means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_ROLES = {
    "train": (
        *("train", "training", "tr", "trn", "learn", "learning", "fit", "entrenamiento", "entrainement"),
        *("apprentissage", "treino", "treinamento", "addestramento", "allenamento", "entrenament", "lernen"),
        *(
            "trainieren",
            "trening",
            "traning",
            "treningowy",
            "обучение",
            "тренировка",
            "训练",
            "訓練",
            "学習",
            "훈련",
            "학습",
        ),
    ),
    "valid": (
        *("valid", "validation", "validate", "val", "vld", "dev", "devel", "development", "validacion", "validacao"),
        *(
            "validazione",
            "validacio",
            "validierung",
            "walidacja",
            "validering",
            "валидация",
            "验证",
            "驗證",
            "検証",
            "검증",
        ),
    ),
    "test": (
        *("test", "testing", "tst", "te", "eval", "evaluation", "heldout", "held out", "holdout", "prueba", "pruebas"),
        *("teste", "prova", "proves", "testen", "тест", "测试", "測試", "テスト", "테스트", "평가"),
    ),
}
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names}
_PARTS = re.compile(
    r"(?:(?:cv )?folds?|cv|splits?|parts?|shards?|chunks?|batch(?:es)?|discs?|disks?|cds?|vol(?:ume)?s?) ?[0-9]{1,3}"
    r"|[0-9]{1,3} ?(?:folds?|parts?|shards?)"
)
_SYSTEM = {
    *("__macosx", "@eadir", "$recycle.bin", "recycler", "recycled", "lost+found", "system volume information"),
    *("#recycle", "@recycle", "@recently-snapshot", "#snapshot", "found.000", "network trash folder", "__pycache__"),
    *("temporary items", "thevolumesettingsfolder", "@synoresource", "@tmp", "$winreagent", "windowsimageindex"),
}


def spell(name: str) -> str:
    """Return what spellings of a name have in common: without case, accents of composition, and doubled separators.

    Examples
    --------
    >>> spell(" Non_Sad "), spell("non-sad")
    ('non sad', 'non sad')
    """
    return re.sub(r"[\s_\-\u2010-\u2015]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()


def read_role(name: str) -> str | None:
    """Return the side of a split that a name means: "train", "valid" or "test"; None for any other name.

    Examples
    --------
    >>> read_role("Validation"), read_role("train_set"), read_role("x_test"), read_role("sad")
    ('valid', 'train', 'test', None)
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", spell(name)) if not unicodedata.combining(c))
    plain = unicodedata.normalize("NFC", plain)
    plain = re.sub(r"^(x|y|the|[0-9]{1,2}) | (set|data|split|fold|files|audio|[0-9]{1,2})$", "", plain)
    if plain not in _ROLE_OF and plain.endswith(("set", "data")):
        plain = plain.removesuffix("set").removesuffix("data").strip()
    return _ROLE_OF.get(plain)


def are_parts(names: Iterable[str]) -> bool:
    """Tell whether folders are folds, discs or shards by their names: fold1, CD 2, 000, 0a.

    Examples
    --------
    >>> are_parts(["fold1", "fold2"]), are_parts(["000", "001"]), are_parts(["1980", "1990"]), are_parts(["0", "1"])
    (True, True, False, False)
    """
    plain = [spell(name) for name in names]
    if not plain:
        return False
    if all(_PARTS.fullmatch(name) for name in plain):
        return True
    widths = {len(name) for name in plain}
    is_hexadecimal = widths == {2} and all(re.fullmatch(r"[0-9a-f]{2}", name) for name in plain)
    is_padded = len(widths) == 1 and widths <= {2, 3, 4} and all(re.fullmatch(r"[0-9]+", name) for name in plain)
    return (is_hexadecimal or is_padded) and any(name.startswith("0") for name in plain)


def is_system(name: str) -> bool:
    """Tell whether a folder is one that systems and network drives make for themselves."""
    return name.casefold() in _SYSTEM
