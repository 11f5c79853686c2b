"""The fast engine: the package as explicit tables, played by compiled functions, to the integers of the plain engine.

Nothing here defines what hecasim computes: `hecasim.sim` does, event by event. Here the same events run over records in
arrays (`tables`), compiled by numba; collectives that nobody disturbs are not played at all (`claims`), and bodies
that repeat are skipped (`folding`). Each of these modules opens with what it must prove, and proves it at run time.
"""
