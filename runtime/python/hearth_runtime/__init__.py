"""The bootstrap for Python. A package of its own, so that it hides no module of the function's."""
