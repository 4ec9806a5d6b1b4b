from essentia_ldl.api.asking import evaluate as evaluate
from essentia_ldl.api.asking import predict as predict
from essentia_ldl.api.asking import report as report
from essentia_ldl.api.search import describe as describe
from essentia_ldl.api.search import index as index
from essentia_ldl.api.search import search as search
from essentia_ldl.api.search import similar as similar
from essentia_ldl.api.spaces import compare_spaces as compare_spaces
from essentia_ldl.api.spaces import evaluate_embeddings as evaluate_embeddings
from essentia_ldl.api.spaces import learn_space as learn_space
from essentia_ldl.api.spaces import learn_words as learn_words
from essentia_ldl.api.spaces import measure_covers as measure_covers
from essentia_ldl.api.training import cross_validate as cross_validate
from essentia_ldl.api.training import new_recipe as new_recipe
from essentia_ldl.api.training import train as train
from essentia_ldl.datasets import read_tracks as read_tracks
from essentia_ldl.estimators.groups import ArtistGroups as ArtistGroups
from essentia_ldl.estimators.scalers import TemperatureScaler as TemperatureScaler
from essentia_ldl.estimators.scalers import VectorScaler as VectorScaler
from essentia_ldl.estimators.smoother import LabelSmoother as LabelSmoother
from essentia_ldl.files import Home as Home
from essentia_ldl.recipe.recipe import Recipe as Recipe

__version__: str
__all__ = [
    "ArtistGroups",
    "Home",
    "LabelSmoother",
    "Recipe",
    "TemperatureScaler",
    "VectorScaler",
    "compare_spaces",
    "cross_validate",
    "describe",
    "evaluate",
    "evaluate_embeddings",
    "index",
    "learn_space",
    "learn_words",
    "measure_covers",
    "new_recipe",
    "predict",
    "read_tracks",
    "report",
    "search",
    "similar",
    "train",
]
