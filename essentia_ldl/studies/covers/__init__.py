"""What pictures add to music: the comparison of Oramas et al. (2018), and the extractor that comes of it."""
