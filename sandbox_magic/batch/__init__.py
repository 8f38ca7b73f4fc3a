"""Many runs: their results in a journal and in a table, and a grader's checker for each."""
