"""The commands for Python: values go in, records come out; the names are those that `essentia_ldl` offers."""
