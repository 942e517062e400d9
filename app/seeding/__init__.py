"""An account full of people who do not exist, to try everything with."""
