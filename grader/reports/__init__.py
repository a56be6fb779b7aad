"""Results told to people and to other programs: terminal, pages, gradebooks."""
