"""Many runs: points from a study, executors that run them, the store that keeps them, and what is exported from it."""
