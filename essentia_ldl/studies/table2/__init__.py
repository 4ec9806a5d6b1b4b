"""Table 2 of Buisson et al. (2022), measured."""
