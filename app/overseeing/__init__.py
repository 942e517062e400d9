"""Operations as operators see them, at the command line."""
