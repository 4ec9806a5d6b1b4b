"""The tables of Kim et al. (2018), measured."""
