"""The rules of the house (docs/architecture.md), as far as a program can check them: the tables and their reading."""
