"""Recipes in which no key has its default: those of networks side by side go with no extractor."""

from __future__ import annotations

import pytest

from essentia_ldl.recipe.recipe import Recipe


@pytest.fixture
def different() -> Recipe:
    """Make a recipe in which no key has its default, but for those of `side_by_side`."""
    return Recipe(
        task="genre-5",
        classes=("blues", "jazz", "rock'n'roll"),
        description='one "quoted" line, \\ and Ünïcode 🎵',
        aliases={"R&B": "blues", "jazz.": "jazz", 'say "hi"': "jazz", "музыка": "blues", "🎸": "rock'n'roll"},
        labels="sa",
        label_settings={"sb": {"n_components": 64, "learn_rate": 2e-7}, "sa": {"standardize": False}},
    ).override(
        split__valid_share=0.25,
        split__seed=7,
        network__backbone="vgg",
        network__pretrained="mtt",
        network__fine_tune="all",
        network__hidden=64,
        network__standardize=True,
        network__dropout=0.25,
        network__train_input_norm=True,
        network__extractor="discogs-effnet-bs64-1",
        network__extractor_output="PartitionedCall:1",
        training__epochs=3,
        training__epochs_from_scratch=4,
        training__class_weights="none",
        training__batch_size=5,
        training__learning_rate=2e-05,
        training__l2=0.0,
        training__patience=6,
        training__loss="kl",
        training__rate_factor=0.5,
        training__warmup_epochs=2,
        training__mixed_precision=True,
        augment__time_mask=0.1,
        augment__band_mask=0.2,
        augment__mixup=0.3,
        augment__gain_db=4.0,
        augment__shift_frames=5,
        augment__audio=("mp3", "tempo"),
        choice__speed="fast",
        choice__music="other",
        choice__networks=("msd-vgg", "msd-musicnn"),
        choice__layers="deep",
        choice__smoothing="0.25",
        choice__kernels=("rbf",),
        choice__leave_out="genre",
        targets__networks="none",
        targets__hidden=8,
        targets__dropout=0.1,
        targets__epochs=9,
        calibration__method="vector",
        uncertainty__samples=12,
        card__author="Jörg Ünal",
        card__email="j@example.org",
        card__dataset="my\tmusic",
        card__licence="CC BY 4.0",
        card__training_data_rights="mine\nall of it",
        card__base_url="https://music.example/models",
        demo__tracks=30,
        demo__artists=12,
        demo__substyles=3,
        demo__seconds=9.5,
    )


@pytest.fixture
def frozen() -> Recipe:
    """Make a recipe of a network that is frozen up to a layer of its own choice."""
    network = {"network__fine_tune": "top", "network__frozen_until": "front"}
    return Recipe("genre-5", ("blues", "jazz", "rock'n'roll")).override(**network)


@pytest.fixture
def side_by_side() -> Recipe:
    """Make a recipe of several networks."""
    networks = {"network__backbones": ("mtt-vgg", "msd-musicnn"), "network__layers": "deep"}
    return Recipe("genre-5", ("blues", "jazz", "rock'n'roll")).override(**networks)


@pytest.fixture
def from_scratch() -> Recipe:
    """Make a recipe of a narrow network that is trained in stages."""
    changes = {"network__width": 0.25, "training__stages": ("adam 1e-4 3", "sgd 1e-3 1")}
    return Recipe("genre-5", ("blues", "jazz", "rock'n'roll")).override(network__fine_tune="none", **changes)
