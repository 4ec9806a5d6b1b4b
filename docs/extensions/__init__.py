"""What the documentation makes of the code when it is built, so that nothing of it is typed twice."""
