"""Networks that tag music, compared fairly: the benchmark of Won et al. (2020) on the user's collection."""
