"""Music and its pictures: two networks that learn genres, one space for both, and classifiers on all of it."""
