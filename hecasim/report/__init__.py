"""People's view of a Result: tables on the terminal, and the files of a run directory."""
