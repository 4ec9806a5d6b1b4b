"""Profiles of descriptors: which entries of MusicExtractor count, by their names."""

from __future__ import annotations

import fnmatch

import pytest

from essentia_ldl.errors import UnknownNameError
from essentia_ldl.features.profiles import FLATS, KEYS, PROFILES, SCALES, get_profile


def counts(name: str, entry: str) -> bool:
    return not any(fnmatch.fnmatchcase(entry, pattern) for pattern in get_profile(name).ignored)


@pytest.mark.parametrize(
    ("entry", "gaia", "every"),
    [
        ("lowlevel.mfcc.mean", True, True),
        ("lowlevel.spectral_centroid.median", True, True),
        ("rhythm.bpm", True, True),
        ("tonal.key_edma.key", True, True),
        ("metadata.tags.artist", False, False),
        ("metadata.audio_properties.length", False, False),
        ("rhythm.beats_position", False, False),
        ("lowlevel.mfcc.cov", False, False),
        ("lowlevel.spectral_centroid.dmean2", False, True),
        ("lowlevel.spectral_centroid.min", False, True),
        ("lowlevel.silence_rate_60dB.mean", False, True),
        ("rhythm.beats_count", False, True),
        ("tonal.chords_number_rate", False, True),
    ],
)
def test_what_counts(entry, gaia, every):
    assert (counts("gaia", entry), counts("all", entry)) == (gaia, every)


def test_gaia_takes_no_derivative_and_all_takes_what_comes_unasked():
    assert get_profile("gaia").settings["lowlevelStats"] == ["mean", "var", "stdev", "median"]
    assert "lowlevelStats" not in get_profile("all").settings
    assert all(profile.settings["analysisSampleRate"] == 44100 for profile in PROFILES.values())
    assert {name: profile.gaps for name, profile in PROFILES.items()} == {"gaia": False, "all": True}


def test_the_twelve_keys_have_one_name_each():
    assert len(set(KEYS)) == 12
    assert len(SCALES) == 2
    assert set(FLATS.values()) == {key for key in KEYS if key.endswith("#")}
    for flat, sharp in FLATS.items():  # a flat lowers the key above by a semitone
        assert (KEYS.index(flat[0]) - 1) % 12 == KEYS.index(sharp)


def test_a_profile_of_another_name_is_refused():
    with pytest.raises(UnknownNameError, match=r"profile of descriptors: .*Did you mean 'gaia'"):
        get_profile("gaias")
